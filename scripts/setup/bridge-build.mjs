// @ts-check
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeEnv, nodeGyp } from './node.mjs';
import { runLogged, runQuiet, SetupError } from './run.mjs';

export const ADDON = 'streamline_kafka.node';

const QUERY_MS_MAX = 30_000;
const HEADERS_MS_MAX = 2 * 60_000;
const COMPILE_MS_MAX = 5 * 60_000;
const LOAD_MS_MAX = 30_000;
const FLAGS = ['-std=c++17', '-O2', '-g', '-fPIC', '-fvisibility=hidden', '-pthread', '-Wall', '-Wextra'];
/** Linux: a worker that drops the addon must not unmap code that a thread of librdkafka is still ending in. */
const LINKING =
  process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-Wl,-z,nodelete'];

/**
 * @param {string} root
 * @returns {string} of the sources and how they are compiled; they name the version of Node-API
 */
export function bridgeDigest(root) {
  const hash = createHash('sha256').update([...FLAGS, ...LINKING].join(' '));
  const folder = join(root, 'native', 'src');
  for (const name of readdirSync(folder).toSorted()) hash.update(`${name}\0`).update(readFileSync(join(folder, name)));
  return hash.digest('hex').slice(0, 16);
}

const compiler = () => process.env['CXX'] ?? 'c++';

/** @returns {Promise<boolean>} */
export async function hasCompiler() {
  return (await runQuiet(compiler(), ['--version'], { timeoutMs: QUERY_MS_MAX })) !== undefined;
}

/**
 * @param {string} root
 * @param {object} options
 * @param {import('./node.mjs').NodeRuntime} options.node
 * @param {import('./librdkafka.mjs').Librdkafka} options.librdkafka
 * @param {readonly string[]} [options.flags] further ones, of a test's or a package's build
 * @param {string} options.cache
 * @param {string} options.log
 * @param {string} options.out
 */
export async function compileBridge(root, { node, librdkafka, flags = [], cache, log, out }) {
  const folder = join(root, 'native', 'src');
  const sources = readdirSync(folder).filter((name) => name.endsWith('.cc'));
  const headers = join(await headersOf(node, cache, log), 'include', 'node');
  const args = [...FLAGS, ...LINKING, ...flags, `-I${headers}`, ...librdkafka.compile];
  const inputs = sources.toSorted().map((name) => join(folder, name));
  await runLogged(compiler(), [...args, ...inputs, ...librdkafka.link, '-o', out], {
    log,
    timeoutMs: COMPILE_MS_MAX,
  });
}

/**
 * @param {string} file
 * @param {import('./node.mjs').NodeRuntime} node
 * @returns {Promise<boolean>}
 */
export async function bridgeLoads(file, node) {
  const script = `if (typeof require(${JSON.stringify(file)}).Consumer !== 'function') process.exit(1)`;
  return (await runQuiet(node.execPath, ['-e', script], { env: nodeEnv(node), timeoutMs: LOAD_MS_MAX })) !== undefined;
}

/**
 * @param {import('./node.mjs').NodeRuntime} node
 * @param {string} cache
 * @param {string} log
 * @returns {Promise<string>} the folder whose include/node/ holds them
 */
async function headersOf(node, cache, log) {
  if (node.headers !== undefined) return node.headers;
  const folder = join(cache, 'node-headers');
  const args = [await nodeGyp(), 'install', '--ensure', `--devdir=${folder}`];
  await runLogged(node.execPath, args, { env: nodeEnv(node), log, timeoutMs: HEADERS_MS_MAX });
  const found = join(folder, node.version);
  if (!existsSync(join(found, 'include', 'node', 'node_api.h')))
    throw new SetupError(`Node's headers are not in ${found}`);
  return found;
}
