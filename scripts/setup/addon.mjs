// @ts-check
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { restoreBuild, storeBuild } from './addon-cache.mjs';
import { ensureBuildTools } from './build-tools.mjs';
import { discard } from './cache.mjs';
import { nodeEnv, nodeGyp } from './node.mjs';
import { runLogged, runQuiet, SetupError } from './run.mjs';
import { say, step } from './step.mjs';

const LOAD_MS_MAX = 30_000;
/** Offline, the download fails at once; a network that swallows packets must not hold up the set-up either. */
const DOWNLOAD_MS_MAX = 60_000;
const BUILD_MS_MAX = 15 * 60_000;
/** How the addon may be linked; the first is preferred, as it brings librdkafka's headers and shared library along. */
const LINKINGS = /** @type {const} */ (['dynamic', 'prebuilt']);

/** @param {string} root */
function packageFolder(root) {
  return join(root, 'node_modules', '@confluentinc', 'kafka-javascript');
}

/**
 * @param {string} root
 * @param {import('./node.mjs').NodeRuntime} node
 * @returns {Promise<boolean>}
 */
export function isAddonLoadable(root, node) {
  return loads(packageFolder(root), node);
}

/**
 * Restores, downloads or builds the native part of the Kafka client, in this order.
 * @param {string} root
 * @param {import('./node.mjs').NodeRuntime} node
 * @param {string} cache
 * @param {string} log
 */
export async function installAddon(root, node, cache, log) {
  const folder = packageFolder(root);
  /** @param {typeof LINKINGS[number]} linking */
  const entryOf = (linking) => join(cache, 'kafka-javascript', `${keyOf(folder, node)}-${linking}`);
  for (const linking of LINKINGS) if (await restore(folder, entryOf(linking), node)) return;
  if (await step("downloading the Kafka client's binary", () => download(folder, node, log))) {
    storeBuild(join(folder, 'build'), entryOf('prebuilt'));
    return;
  }
  say(`no binary for this machine could be downloaded (the log is ${log}): building it`);
  await ensureBuildTools('the Kafka client', log);
  await step('building the Kafka client (about 2 minutes on 2 cores)', () =>
    build(root, node, entryOf('dynamic'), log),
  );
}

/**
 * What a build depends on. A dynamic build also links against the system's libraries: loading it is the test of that.
 * @param {string} folder
 * @param {import('./node.mjs').NodeRuntime} node
 */
function keyOf(folder, node) {
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return `${version}-abi${node.abi}-${process.platform}-${process.arch}-${node.libc}`;
}

/**
 * @param {string} folder
 * @param {string} entry
 * @param {import('./node.mjs').NodeRuntime} node
 * @returns {Promise<boolean>}
 */
async function restore(folder, entry, node) {
  const outcome = restoreBuild(entry, join(folder, 'build'));
  if (outcome === 'damaged') say(`the cached Kafka client was damaged and is made anew (${entry})`);
  if (outcome !== 'restored') return false;
  if (await loads(folder, node)) {
    say('Kafka client restored from the cache');
    return true;
  }
  say(`the cached Kafka client does not load here and is made anew (${entry})`);
  discard(entry);
  discard(join(folder, 'build'));
  return false;
}

/**
 * @param {string} folder
 * @param {import('./node.mjs').NodeRuntime} node
 * @param {string} log
 * @returns {Promise<boolean>}
 */
async function download(folder, node, log) {
  const tool = join(dirname(dirname(folder)), '@mapbox', 'node-pre-gyp', 'bin', 'node-pre-gyp');
  try {
    await runLogged(node.execPath, [tool, 'install'], {
      cwd: folder,
      env: nodeEnv(node),
      log,
      timeoutMs: DOWNLOAD_MS_MAX,
    });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
  }
  if (await loads(folder, node)) return true;
  discard(join(folder, 'build'));
  return false;
}

/**
 * Builds in a copy of the package: a failed or killed build leaves node_modules as it was.
 * @param {string} root
 * @param {import('./node.mjs').NodeRuntime} node
 * @param {string} entry
 * @param {string} log
 */
async function build(root, node, entry, log) {
  const folder = packageFolder(root);
  // Inside node_modules, so that the build finds the headers of its dependency `nan`.
  const copy = mkdtempSync(join(root, 'node_modules', '.kafka-javascript-'));
  try {
    cpSync(folder, copy, { recursive: true, verbatimSymlinks: true });
    rmSync(join(copy, 'build'), { recursive: true, force: true });
    const env = { ...nodeEnv(node), CKJS_LINKING: 'dynamic' };
    const nodeDir = node.headers === undefined ? [] : [`--nodedir=${node.headers}`];
    // Not in parallel: the client's make files miss a dependency (librdkafka, the larger half, uses all cores anyway).
    const args = [await nodeGyp(), 'rebuild', ...nodeDir];
    await runLogged(node.execPath, args, { cwd: copy, env, log, timeoutMs: BUILD_MS_MAX });
    if (!(await loads(copy, node)))
      throw new SetupError(`the Kafka client was built but does not load; the log is ${log}`);
    storeBuild(join(copy, 'build'), entry);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  // Every clone runs what the cache holds, the one that built it too.
  if (restoreBuild(entry, join(folder, 'build')) !== 'restored' || !(await loads(folder, node))) {
    throw new SetupError(`the Kafka client does not load from ${entry}`);
  }
}

/**
 * @param {string} folder
 * @param {import('./node.mjs').NodeRuntime} node
 * @returns {Promise<boolean>}
 */
async function loads(folder, node) {
  const script = `if (require(${JSON.stringify(join(folder, 'librdkafka.js'))}).librdkafkaVersion === undefined) process.exit(1)`;
  return (await runQuiet(node.execPath, ['-e', script], { env: nodeEnv(node), timeoutMs: LOAD_MS_MAX })) !== undefined;
}
