/**
 * Builds the guests: node scripts/build-guests.ts [--check] [NAME…]
 *
 * The binaries are committed, so nobody needs the compilers to use or test them. `--check` builds aside and compares; with other compilers than the committed ones were built with, it compares the sources' digests only.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { GUESTS, type Guest } from './guests/guest-list.ts';
import { compilers, type Compiler } from './guests/compilers.ts';

const ROOT = dirname(import.meta.dirname);

/** One line of a folder's guests.json. */
interface ManifestEntry {
  readonly name: string;
  readonly source: string;
  readonly sha256: string;
  readonly sourceSha256: string;
  readonly bytes: number;
  readonly compiler: string;
}

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
const manifestPath = (guest: Guest): string => join(ROOT, guest.manifest);

function readManifest(path: string): ManifestEntry[] {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as ManifestEntry[]) : [];
}

function sourceDigest(guest: Guest): string {
  return sha256(guest.sources.map((file) => `${file}\n${readFileSync(join(ROOT, file), 'utf8')}`).join('\n'));
}

function entryOf(guest: Guest, bytes: Uint8Array, compiler: Compiler): ManifestEntry {
  return {
    name: guest.name,
    source: guest.source,
    sha256: sha256(bytes),
    sourceSha256: sourceDigest(guest),
    bytes: bytes.length,
    compiler: compiler.version,
  };
}

function build(guests: readonly Guest[]): boolean {
  let complete = true;
  for (const guest of guests) {
    const compiler = compilers[guest.language];
    if (compiler.missing !== undefined) {
      console.log(`${guest.name}: not built: ${compiler.missing}`);
      complete = false;
      continue;
    }
    const bytes = compiler.compile(ROOT, guest);
    const file = join(ROOT, guest.binary);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
    const others = readManifest(manifestPath(guest)).filter((entry) => entry.name !== guest.name);
    const entries = [...others, entryOf(guest, bytes, compiler)].sort((a, b) => (a.name < b.name ? -1 : 1));
    writeFileSync(manifestPath(guest), `${JSON.stringify(entries, null, 2)}\n`);
    console.log(`${guest.name}: ${String(bytes.length)} bytes`);
  }
  return complete;
}

/** Empty = as committed. */
function difference(guest: Guest): { readonly problem?: string; readonly note?: string } {
  const entry = readManifest(manifestPath(guest)).find((known) => known.name === guest.name);
  if (entry === undefined) return { problem: `not in ${guest.manifest}` };
  const file = join(ROOT, guest.binary);
  if (!existsSync(file)) return { problem: `${guest.binary} is missing` };
  if (sha256(readFileSync(file)) !== entry.sha256)
    return { problem: `${guest.binary} is not what ${guest.manifest} says` };
  if (sourceDigest(guest) !== entry.sourceSha256) return { problem: 'the source has changed since it was built' };
  const compiler = compilers[guest.language];
  if (compiler.missing !== undefined) return { note: `not rebuilt: ${compiler.missing}` };
  if (compiler.version !== entry.compiler) {
    return { note: `not comparable: built with ${entry.compiler}, here is ${compiler.version}` };
  }
  if (compiler.reproducible === false) return { note: 'source as committed; no two builds have the same bytes' };
  const bytes = compiler.compile(ROOT, guest);
  if (sha256(bytes) === entry.sha256) return {};
  return { problem: `a rebuild differs (${String(bytes.length)} bytes, committed ${String(entry.bytes)})` };
}

function check(guests: readonly Guest[]): boolean {
  let good = true;
  for (const guest of guests) {
    const { problem, note } = difference(guest);
    if (problem !== undefined) good = false;
    console.log(`${guest.name}: ${problem ?? note ?? 'as committed'}`);
  }
  return good;
}

const { values, positionals } = parseArgs({ options: { check: { type: 'boolean' } }, allowPositionals: true });
const unknown = positionals.filter((name) => !GUESTS.some((guest) => guest.name === name));
if (unknown.length > 0) {
  console.error(`no such guest: ${unknown.join(', ')}; there are ${GUESTS.map((guest) => guest.name).join(', ')}`);
  process.exit(2);
}
const chosen = GUESTS.filter((guest) => positionals.length === 0 || positionals.includes(guest.name));
process.exitCode = (values.check === true ? check(chosen) : build(chosen)) ? 0 : 1;
