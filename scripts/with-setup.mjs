// @ts-check
// Sets up whatever is missing, then runs one of the project's programs under the right Node. Runs on any Node from 20 on,
// before anything is installed: no dependencies, no TypeScript.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installAddon, isAddonLoadable } from './setup/addon.mjs';
import { installBridge, isBridgeSettled } from './setup/bridge.mjs';
import { cacheFolder } from './setup/cache.mjs';
import { withLock } from './setup/lock.mjs';
import { fetchNode, findNode, nodeEnv } from './setup/node.mjs';
import { arePackagesInstalled, installPackages } from './setup/packages.mjs';
import { dieBySignal, SetupError } from './setup/run.mjs';
import { say, step } from './setup/step.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @type {Record<string, readonly string[]>} what each name runs, relative to the root */
const PROGRAMS = {
  // Nothing after it: a layer of an image.
  'set-up': [],
  demo: ['scripts/demo.ts'],
  test: ['scripts/test.ts'],
  bench: ['bench/main.ts'],
  faults: ['integration/faults/main.ts'],
  reloads: ['integration/reloads/main.ts'],
  sidecar: ['scripts/run-built.ts', 'streamline-sidecar'],
  cli: ['scripts/run-built.ts', 'streamline-cli'],
  check: ['scripts/check.ts'],
  build: ['scripts/build.ts'],
  'native-test': ['scripts/native-test.ts'],
  prebuild: ['scripts/prebuild.ts'],
  format: ['node_modules/prettier/bin/prettier.cjs', '--write', '--log-level=warn', root],
};

/**
 * @returns {Promise<import('./setup/node.mjs').NodeRuntime>}
 */
async function setUp() {
  const cache = cacheFolder();
  const found = await findNode(cache);
  if (
    found !== undefined &&
    arePackagesInstalled(root, found) &&
    (await isAddonLoadable(root, found)) &&
    isBridgeSettled(root, found)
  )
    return found;
  const onWait = (/** @type {string} */ owner) => say(`waiting for another set-up to end (process ${owner})`);
  return withLock(cache, onWait, () => setUpAlone(cache));
}

/**
 * @param {string} cache
 * @returns {Promise<import('./setup/node.mjs').NodeRuntime>}
 */
async function setUpAlone(cache) {
  const start = performance.now();
  const log = join(cache, 'logs', `set-up-${process.pid}.log`);
  const node =
    (await findNode(cache)) ??
    (await step(`fetching Node 24 from npm (this is ${process.version})`, () => fetchNode(cache, log)));
  if (!arePackagesInstalled(root, node)) {
    await step('installing npm packages', () => installPackages(root, node, log));
  }
  if (!(await isAddonLoadable(root, node))) await installAddon(root, node, cache, log);
  if (!isBridgeSettled(root, node)) await installBridge(root, node, cache, log);
  rmSync(log, { force: true });
  say(`ready on Node ${node.version} after ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return node;
}

/**
 * Runs a program in our place: its signals are passed on, its exit code is ours.
 * @param {import('./setup/node.mjs').NodeRuntime} node
 * @param {readonly string[]} args
 */
function become(node, args) {
  const child = spawn(node.execPath, args, { stdio: 'inherit', env: nodeEnv(node) });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the child too: passing it on would look like a second, impatient one.
      if (signal !== 'SIGINT' || process.stdin.isTTY !== true) child.kill(signal);
    });
  }
  child.on('error', (error) => {
    say(`${node.execPath} could not be started: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal ?? 'SIGKILL'] ?? 0)));
}

const [name = '', ...args] = process.argv.slice(2);
const program = PROGRAMS[name];
if (program === undefined) {
  say(`usage: node scripts/with-setup.mjs <${Object.keys(PROGRAMS).join('|')}> [arguments]`);
  process.exit(2);
}
try {
  const undo = dieBySignal();
  const node = await setUp();
  undo();
  const [script, ...fixed] = program;
  if (script !== undefined) become(node, [join(root, script), ...fixed, ...args]);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exit(1);
}
