// @ts-check
import { existsSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { discard, publish, stagingFor } from './cache.mjs';
import { runLogged, runQuiet, SetupError } from './run.mjs';

/** The Node this project is tested on; fetched from npm where the machine's own is older than `MAJOR_MIN`. */
const VERSION = '24.21.0';
const MAJOR_MIN = 24;
const INSTALL_MS_MAX = 5 * 60_000;
const PROBE_MS_MAX = 20_000;

/**
 * @typedef {object} NodeRuntime
 * @property {string} execPath
 * @property {string} version `24.21.0`
 * @property {string} abi version of the native module interface
 * @property {string} libc `glibc2.36`, or `other`
 * @property {string | undefined} headers folder whose include/node/ belongs to it
 */

/** @returns {boolean} */
function isRunningNodeNewEnough() {
  return Number(process.versions.node.split('.')[0]) >= MAJOR_MIN;
}

/**
 * @param {string} cache
 * @returns {string} where the fetched Node lives
 */
function nodeFolder(cache) {
  return join(cache, 'node', `${VERSION}-${process.platform}-${process.arch}`);
}

/** @returns {string} the npm package that carries the binary and its headers */
function nodePackage() {
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node';
  return `${prefix}-${process.platform}-${process.arch}`;
}

/**
 * The Node to run under: the running one when new enough, else the fetched one if it is there and works.
 * @param {string} cache
 * @returns {Promise<NodeRuntime | undefined>} undefined: fetch it
 */
export async function findNode(cache) {
  if (isRunningNodeNewEnough()) return probe(realpathSync(process.execPath));
  const execPath = join(nodeFolder(cache), 'node_modules', nodePackage(), 'bin', 'node');
  const found = existsSync(execPath) ? await probe(execPath) : undefined;
  return found?.version === VERSION ? found : undefined;
}

/**
 * Fetches Node from npm into the cache and runs it once.
 * @param {string} cache
 * @param {string} log
 * @returns {Promise<NodeRuntime>}
 */
export async function fetchNode(cache, log) {
  const target = nodeFolder(cache);
  const staged = stagingFor(target);
  try {
    writeFileSync(join(staged, 'package.json'), '{ "private": true }\n');
    // The platform's package itself: `node` only installs it from a script, and scripts may be off.
    const install = ['install', '--ignore-scripts', '--no-save', '--no-audit', '--no-fund', '--no-package-lock'];
    await runLogged(process.execPath, [await npmCli(), ...install, `${nodePackage()}@${VERSION}`], {
      cwd: staged,
      log,
      timeoutMs: INSTALL_MS_MAX,
    });
    publish(staged, target);
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
  const found = await findNode(cache);
  if (found !== undefined) return found;
  discard(target);
  throw new SetupError(
    `Node ${VERSION} from npm does not run on this machine: install Node ${MAJOR_MIN} and run again`,
  );
}

/**
 * @param {string} execPath
 * @returns {Promise<NodeRuntime | undefined>}
 */
async function probe(execPath) {
  const script = `process.report.excludeNetwork = true;
    const { glibcVersionRuntime: glibc } = process.report.getReport().header;
    const { node: version, modules: abi } = process.versions;
    console.log(JSON.stringify({ version, abi, libc: glibc === undefined ? 'other' : 'glibc' + glibc }));`;
  const printed = await runQuiet(execPath, ['-e', script], { env: cleanEnv(), timeoutMs: PROBE_MS_MAX });
  if (printed === undefined) return undefined;
  /** @type {{ version: string, abi: string, libc: string }} */
  const facts = JSON.parse(printed);
  const root = dirname(dirname(execPath));
  const headers = existsSync(join(root, 'include', 'node', 'node_version.h')) ? root : undefined;
  return { execPath, ...facts, headers };
}

/** @returns {NodeJS.ProcessEnv} without what could change how a probe prints */
function cleanEnv() {
  const { NODE_OPTIONS: _options, ...env } = process.env;
  return env;
}

/**
 * The environment under which everything else runs: this Node first, and native builds against its headers.
 * @param {NodeRuntime} node
 * @returns {NodeJS.ProcessEnv}
 */
export function nodeEnv(node) {
  const bin = dirname(node.execPath);
  /** @type {NodeJS.ProcessEnv} */
  const env = {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`,
    NODE: node.execPath,
    npm_node_execpath: node.execPath,
  };
  // A user's npmrc may point nodedir at another Node's headers; npm hands that down as this variable.
  if (node.headers === undefined) delete env['npm_config_nodedir'];
  else env['npm_config_nodedir'] = node.headers;
  return env;
}

/**
 * The script of the npm at hand, to be run under whichever Node we choose.
 * @returns {Promise<string>}
 */
export async function npmCli() {
  const own = process.env['npm_execpath'];
  if (own !== undefined && /npm-cli\.c?js$/.test(own) && existsSync(own)) return own;
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const candidate = join(folder, 'npm');
    if (folder === '' || !existsSync(candidate)) continue;
    const real = realpathSync(candidate);
    if (/npm-cli\.c?js$/.test(real)) return real;
    // A version manager's shim: ask it where its npm lives.
    const root = (await runQuiet(candidate, ['root', '-g'], { timeoutMs: PROBE_MS_MAX }))?.trim();
    const cli = join(root ?? '', 'npm', 'bin', 'npm-cli.js');
    if (root !== undefined && existsSync(cli)) return cli;
  }
  throw new SetupError('npm is not installed: install Node with npm and run again');
}

/** @returns {Promise<string>} the script of npm's node-gyp */
export async function nodeGyp() {
  const script = join(dirname(dirname(await npmCli())), 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
  if (!existsSync(script)) throw new SetupError(`npm comes without node-gyp here (${script}): install npm anew`);
  return script;
}
