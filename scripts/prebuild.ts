// `npm run prebuild`: the native bridge as one file for this platform, to be packaged (native/README.md).
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ADDON, bridgeLoads, compileBridge } from './setup/bridge-build.mjs';
import { ensureBuildTools } from './setup/build-tools.mjs';
import { cacheFolder, publish, stagingFor } from './setup/cache.mjs';
import { librdkafkaVersion, ownLibrdkafka } from './setup/librdkafka.mjs';
import { findNode, type NodeRuntime } from './setup/node.mjs';
import { runQuiet, SetupError } from './setup/run.mjs';
import { step } from './setup/step.mjs';

const root = dirname(import.meta.dirname);
const QUERY_MS_MAX = 30_000;
/** C++'s own library comes along, what a debugger needs does not. */
const FLAGS = process.platform === 'linux' ? ['-static-libstdc++', '-static-libgcc', '-s'] : [];
/** Linked in beside librdkafka, whose own licences come with it. By Debian's names. */
const LINKED_IN = ['libssl-dev', 'libzstd-dev', 'zlib1g-dev'];

async function main(): Promise<void> {
  const cache = cacheFolder();
  const log = join(cache, 'logs', `prebuild-${process.pid}.log`);
  const node = await findNode(cache);
  if (node === undefined) throw new SetupError('no Node 24');
  const target = join(root, 'prebuilds', platformOf(node));
  await ensureBuildTools('the native Kafka bridge', log);
  const librdkafka = await ownLibrdkafka(root, { cache, log, libc: node.libc, portable: true });
  const staged = stagingFor(target);
  try {
    const out = join(staged, ADDON);
    await step('building the native Kafka bridge', () =>
      compileBridge(root, { node, librdkafka, flags: FLAGS, cache, log, out }),
    );
    if (!(await bridgeLoads(out, node))) throw new SetupError(`it was built but does not load; the log is ${log}`);
    copyLicences(librdkafka.licences, staged);
    const manifest = await manifestOf(out);
    writeFileSync(join(staged, 'manifest.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
    publish(staged, target);
    console.log(`${target}\n${JSON.stringify(manifest, undefined, 2)}`);
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
  rmSync(log, { force: true });
}

/** As bridge-addon.ts looks for it. */
function platformOf(node: NodeRuntime): string {
  if (process.platform !== 'linux') return `${process.platform}-${process.arch}`;
  return `linux-${process.arch}-${node.libc === 'other' ? 'musl' : 'glibc'}`;
}

async function manifestOf(file: string): Promise<object> {
  return {
    sha256: createHash('sha256').update(readFileSync(file)).digest('hex'),
    version: (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version,
    librdkafka: librdkafkaVersion(root),
    ...(process.platform === 'linux' ? await needsOf(file) : {}),
  };
}

/** What the system has to have, as the file itself says. */
async function needsOf(file: string): Promise<object> {
  const dynamic = (await runQuiet('readelf', ['-d', '-W', file], { timeoutMs: QUERY_MS_MAX })) ?? '';
  const versions = (await runQuiet('readelf', ['-V', '-W', file], { timeoutMs: QUERY_MS_MAX })) ?? '';
  const libraries = [...dynamic.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, name]) => name);
  const glibc = [...versions.matchAll(/GLIBC_(\d+)\.(\d+)/g)].map(([, major, minor]) => [Number(major), Number(minor)]);
  const newest = glibc.toSorted(([a = 0, b = 0], [c = 0, d = 0]) => a - c || b - d).at(-1);
  return { libraries, ...(newest === undefined ? {} : { glibc: newest.join('.') }) };
}

function copyLicences(librdkafkas: string, folder: string): void {
  cpSync(librdkafkas, join(folder, 'LICENSES.librdkafka.txt'));
  for (const name of LINKED_IN) {
    const file = `/usr/share/doc/${name}/copyright`;
    if (existsSync(file)) cpSync(file, join(folder, `LICENSE.${name.replace('-dev', '')}.txt`), { dereference: true });
  }
}

/** npm runs `prebuild` before `build` as well, and lets it know by nothing but the title of its own process. */
async function isHookOfBuild(): Promise<boolean> {
  let pid = process.ppid;
  // with-setup.mjs, a shell, npm.
  for (let level = 0; level < 4 && pid > 1; level += 1) {
    const line = await runQuiet('ps', ['-o', 'ppid=,args=', '-p', String(pid)], { timeoutMs: QUERY_MS_MAX });
    const [, parent, args = ''] = /^\s*(\d+)\s+(.*)/.exec(line ?? '') ?? [];
    if (/^npm (run|run-script) build\b/.test(args)) return true;
    pid = Number(parent ?? 0);
  }
  return false;
}

try {
  if (!(await isHookOfBuild())) await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`prebuild: ${error.message}`);
  process.exitCode = 1;
}
