// @ts-check
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { restoreBuild, storeBuild } from './addon-cache.mjs';
import { ADDON, bridgeDigest, bridgeLoads, compileBridge, hasCompiler } from './bridge-build.mjs';
import { ensureBuildTools } from './build-tools.mjs';
import { discard, publish, stagingFor } from './cache.mjs';
import { clientsLibrdkafka, librdkafkaVersion, ownLibrdkafka, systemsLibrdkafka } from './librdkafka.mjs';
import { SetupError } from './run.mjs';
import { say, step } from './step.mjs';

/** In native/build: what the addon there was made from. It stands there alone after a build that failed, so that not each set-up tries. */
const KEY = 'key';

/** @param {string} root */
function buildFolder(root) {
  return join(root, 'native', 'build');
}

/**
 * Whether there is nothing to do: the native bridge of these sources is there, or could not be built before.
 * @param {string} root
 * @param {import('./node.mjs').NodeRuntime} node
 * @returns {boolean}
 */
export function isBridgeSettled(root, node) {
  const file = join(buildFolder(root), KEY);
  return existsSync(file) && readFileSync(file, 'utf8') === keyOf(root, node);
}

/**
 * Restores or builds the native bridge (native/README.md). Without it the other adapter does the work, so nothing here ends the set-up.
 * @param {string} root
 * @param {import('./node.mjs').NodeRuntime} node
 * @param {string} cache
 * @param {string} log
 */
export async function installBridge(root, node, cache, log) {
  const key = keyOf(root, node);
  const entry = join(cache, 'bridge', key);
  try {
    if (await restore(root, node, entry)) return;
    if (clientsLibrdkafka(root) === undefined || !(await hasCompiler()))
      await ensureBuildTools('the native Kafka bridge', log);
    await build(root, node, { cache, log, entry, key });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    const [why = ''] = error.message.split('\n');
    say(`no native Kafka bridge, the JavaScript client is used: ${why} (remove native/build to try again)`);
    const staged = stagingFor(buildFolder(root));
    writeFileSync(join(staged, KEY), key);
    publish(staged, buildFolder(root));
  }
}

/**
 * What a build depends on. How it is linked decides where it finds librdkafka when it is loaded.
 * @param {string} root
 * @param {import('./node.mjs').NodeRuntime} node
 */
function keyOf(root, node) {
  const linking = clientsLibrdkafka(root) === undefined ? 'alone' : 'client';
  const machine = `${process.platform}-${process.arch}-${node.libc}`;
  return `${bridgeDigest(root)}-rdkafka${librdkafkaVersion(root)}-${machine}-${linking}`;
}

/**
 * @param {string} root
 * @param {import('./node.mjs').NodeRuntime} node
 * @param {string} entry
 * @returns {Promise<boolean>}
 */
async function restore(root, node, entry) {
  const folder = buildFolder(root);
  if (restoreBuild(entry, folder) !== 'restored') return false;
  if (await bridgeLoads(join(folder, ADDON), node)) {
    say('native Kafka bridge restored from the cache');
    return true;
  }
  discard(entry);
  discard(folder);
  return false;
}

/**
 * @param {string} root
 * @param {import('./node.mjs').NodeRuntime} node
 * @param {{ cache: string, log: string, entry: string, key: string }} options
 */
async function build(root, node, { cache, log, entry, key }) {
  const folder = buildFolder(root);
  const librdkafka = await bridgeLibrdkafka(root, node, cache, log);
  // Beside its place, so that its relative run path leads to the same library.
  const staged = stagingFor(folder);
  try {
    const out = join(staged, ADDON);
    await step('building the native Kafka bridge', () => compileBridge(root, { node, librdkafka, cache, log, out }));
    if (!(await bridgeLoads(out, node))) throw new SetupError('it was built but does not load');
    writeFileSync(join(staged, KEY), key);
    storeBuild(staged, entry, () => true);
    publish(staged, folder);
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

/**
 * What the bridge is built with: the client's, else one made from the client's sources, else the system's.
 * @param {string} root
 * @param {import('./node.mjs').NodeRuntime} node
 * @param {string} cache
 * @param {string} log
 * @returns {Promise<import('./librdkafka.mjs').Librdkafka>}
 */
export async function bridgeLibrdkafka(root, node, cache, log) {
  const clients = clientsLibrdkafka(root);
  if (clients !== undefined) return clients;
  try {
    return await ownLibrdkafka(root, { cache, log, libc: node.libc, portable: false });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return systemsLibrdkafka().catch(() => Promise.reject(error));
  }
}
