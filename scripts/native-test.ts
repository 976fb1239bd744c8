// `npm run native-test [-- --sanitize] [-- --long]`: the tests of native/, as they are, with sanitizers, or at length.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { bridgeLibrdkafka } from './setup/bridge.mjs';
import { compileBridge } from './setup/bridge-build.mjs';
import { cacheFolder } from './setup/cache.mjs';
import { findNode } from './setup/node.mjs';

const root = dirname(import.meta.dirname);

/** Ten million mutations, five million records, each way to end several times. */
const LONG = {
  STREAMLINE_FUZZ_EXECUTIONS: '10000000',
  STREAMLINE_FUZZ_SECONDS: '1200',
  STREAMLINE_NATIVE_RECORDS: '5000000',
  STREAMLINE_NATIVE_ROUNDS: '5',
};
const SANITIZE = ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-fno-omit-frame-pointer'];

async function buildWithSanitizers(): Promise<Record<string, string>> {
  const cache = cacheFolder();
  const node = await findNode(cache);
  if (node === undefined) throw new Error('no Node 24');
  const folder = join(root, 'native', 'build-sanitized');
  mkdirSync(folder, { recursive: true });
  const [out, log] = [join(folder, 'streamline_kafka.node'), join(folder, 'build.log')];
  const librdkafka = await bridgeLibrdkafka(root, node, cache, log);
  console.log('building the addon with sanitizers');
  await compileBridge(root, { node, librdkafka, flags: SANITIZE, cache, log, out });
  return {
    STREAMLINE_NATIVE_ADDON: out,
    // Node is not built with it: the runtime has to be there before Node's own allocations.
    LD_PRELOAD: runtimeOf(process.env['CXX'] ?? 'c++'),
    // What Node leaves behind at its end is not ours to find; one test looks for what is.
    ASAN_OPTIONS: 'detect_leaks=0',
    UBSAN_OPTIONS: 'print_stacktrace=1',
  };
}

function runtimeOf(compiler: string): string {
  const { stdout } = spawnSync(compiler, ['-print-file-name=libasan.so'], { encoding: 'utf8' });
  const path = stdout.trim();
  if (!path.startsWith('/')) throw new Error(`${compiler} has no libasan.so: use GCC on Linux`);
  return path;
}

const { values } = parseArgs({
  options: { sanitize: { type: 'boolean' }, long: { type: 'boolean' }, only: { type: 'string' } },
});
const env = {
  ...process.env,
  ...(values.long === true ? LONG : {}),
  ...(values.sanitize === true ? await buildWithSanitizers() : {}),
};
const only = values.only === undefined ? [] : ['--only', values.only];
const child = spawn(process.execPath, [join(import.meta.dirname, 'test.ts'), 'native', ...only], {
  stdio: 'inherit',
  env,
});
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
