import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { BatchReader, packBatch, type PlainRecord } from '../../src/pipeline/packed-batch.ts';
import {
  DEFAULT_TOPIC,
  KIND_FAILED,
  KIND_FILTERED,
  KIND_OUTPUT,
  ResultWriter,
} from '../../src/pipeline/packed-results.ts';
import { random, seedOf } from './place.ts';

const COMPILER = process.env['CXX'] ?? 'c++';
const SANITIZE = ['-std=c++17', '-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
/** Either ends it. */
const SECONDS = process.env['STREAMLINE_FUZZ_SECONDS'] ?? '5';
const EXECUTIONS = process.env['STREAMLINE_FUZZ_EXECUTIONS'] ?? '100000000';

const skip = canSanitize() ? false : `${COMPILER} with -fsanitize=address is not on this machine`;

test(
  'no packed buffer, however it lies, makes the native readers read beside it',
  { skip, timeout: 60 * 60_000 },
  (t) => {
    const folder = workFolder(t);
    const fuzzer = build(folder);
    const seed = seedOf(t);
    const next = random(seed);
    const corpus = join(folder, 'corpus');
    writeCorpus(
      corpus,
      Array.from({ length: 40 }, () => pair(next)).flatMap(({ batch, results }) => [batch, results]),
    );
    const printed = run(fuzzer, ['run', corpus, SECONDS, EXECUTIONS, String(seed)]);
    t.diagnostic(printed.trim());
    const executions = Number(/^(\d+) executions/.exec(printed)?.[1]);
    assert.ok(executions > 10_000, printed);
  },
);

test('the native reader and the TypeScript reader take the same batches', { skip, timeout: 5 * 60_000 }, (t) => {
  const folder = workFolder(t);
  const fuzzer = build(folder);
  const next = random(seedOf(t));
  const batches = Array.from({ length: 20_000 }, (_, i) => {
    const { batch } = pair(next);
    return i % 10 === 0 ? batch : lie(batch, next);
  });
  const corpus = join(folder, 'batches');
  writeCorpus(corpus, batches);
  const verdicts = run(fuzzer, ['judge', corpus]).trim();
  assert.equal(verdicts.length, batches.length);
  const taken = batches.filter((batch, i) => {
    const here = takes(batch);
    assert.equal(verdicts[i], here ? '1' : '0', `batch ${i}: ${Buffer.from(batch).toString('base64')}`);
    return here;
  });
  // Both verdicts came often enough to mean something.
  assert.ok(taken.length > 2500 && taken.length < 17_500, `${taken.length} of ${batches.length} taken`);
});

function takes(bytes: Uint8Array): boolean {
  try {
    const reader = new BatchReader(bytes.slice().buffer);
    for (let i = 0; i < reader.recordCount; i += 1) reader.plain(i);
    return true;
  } catch {
    return false;
  }
}

type Random = () => number;
const below = (next: Random, n: number): number => Math.floor(next() * n);
const someBytes = (next: Random, most: number): Uint8Array | null =>
  next() < 0.15 ? null : Buffer.alloc(below(next, most), below(next, 256));

/** A batch, and results for it, as the TypeScript packers write them. */
function pair(next: Random): { batch: Uint8Array; results: Uint8Array } {
  const plain: PlainRecord[] = Array.from({ length: below(next, 8) }, (_, i) => ({
    partition: below(next, 3),
    offset: i * 7,
    timestampMs: next() < 0.2 ? -1 : 1_700_000_000_000 + i,
    key: someBytes(next, 20),
    value: someBytes(next, 60),
    headers: Array.from({ length: next() < 0.5 ? 0 : below(next, 4) }, () => ({
      name: 'n'.repeat(below(next, 6)),
      value: someBytes(next, 12),
    })),
  }));
  const { buffer, byteLength } = packBatch(plain);
  const writer = new ResultWriter(new SharedArrayBuffer(256));
  for (const i of plain.keys()) {
    const kind = [KIND_OUTPUT, KIND_OUTPUT, KIND_OUTPUT, KIND_FILTERED, KIND_FAILED][below(next, 5)] ?? KIND_OUTPUT;
    const flags = below(next, 8);
    if (kind === KIND_FAILED) writer.failed(i, 'guest.trap', 'it trapped', 5);
    else if (kind === KIND_FILTERED || flags === 7) writer.plain(i, kind, flags, DEFAULT_TOPIC, -1, 1);
    else {
      const [key, value] = [below(next, 20), below(next, 40)];
      const at = writer.begin(i, kind, flags, below(next, 3), below(next, 4) - 1, 1, key + value);
      writer.bytes.fill(below(next, 256), at, at + key + value);
      writer.end(key, next() < 0.1 ? -1 : value, 0);
    }
  }
  return {
    batch: Uint8Array.from(new Uint8Array(buffer, 0, byteLength)),
    results: Uint8Array.from(new Uint8Array(writer.buffer, 0, writer.byteLength)),
  };
}

/** One lie: a length or position changed, or the end cut off. */
function lie(batch: Uint8Array, next: Random): Uint8Array {
  if (next() < 0.2) return batch.slice(0, below(next, batch.length + 1));
  const bytes = batch.slice();
  const view = new DataView(bytes.buffer);
  const at = below(next, bytes.length / 4) * 4;
  const was = view.getUint32(at, true);
  const lies = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, was + 1, was - 1, was + 8, was - 8, bytes.length];
  view.setUint32(at, lies[below(next, lies.length)] ?? 0, true);
  return bytes;
}

function writeCorpus(file: string, pieces: readonly Uint8Array[]): void {
  writeFileSync(
    file,
    Buffer.concat(pieces.flatMap((piece) => [Buffer.from(Uint32Array.of(piece.length).buffer), piece])),
  );
}

function workFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'streamline-fuzz-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function build(folder: string): string {
  const out = join(folder, 'packed_fuzz');
  const sources = [join(import.meta.dirname, 'packed_fuzz.cc'), join(import.meta.dirname, '..', 'src', 'packed.cc')];
  const { status, stderr } = spawnSync(COMPILER, [...SANITIZE, ...sources, '-o', out], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return out;
}

function run(program: string, args: readonly string[]): string {
  // The addon's own sanitizer, where a run of the tests brings one, is not this program's.
  const { LD_PRELOAD: _preload, ASAN_OPTIONS: _options, ...env } = process.env;
  const { status, signal, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    env,
    maxBuffer: 64 * 1024 * 1024,
  });
  assert.equal(status, 0, `${signal ?? `exit code ${status}`}\n${stderr}`);
  return stdout;
}

function canSanitize(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'streamline-fuzz-'));
  try {
    const args = [...SANITIZE, '-x', 'c++', '-', '-o', join(folder, 'probe')];
    return spawnSync(COMPILER, args, { input: 'int main() { return 0; }' }).status === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
