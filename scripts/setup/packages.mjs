// @ts-check
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeEnv, npmCli } from './node.mjs';
import { runLogged } from './run.mjs';

const INSTALL_MS_MAX = 10 * 60_000;

/** @typedef {Record<string, { version?: string, optional?: boolean, devOptional?: boolean }>} LockedPackages */

/**
 * Whether node_modules is what package-lock.json says.
 * @param {string} root
 * @param {import('./node.mjs').NodeRuntime} node
 * @returns {boolean}
 */
export function arePackagesInstalled(root, node) {
  if (readText(stampFile(root)) === stampOf(root, node)) return true;
  // Installed with npm itself rather than by us: npm keeps what it installed beside it.
  if (!matchesLock(root)) return false;
  writeFileSync(stampFile(root), stampOf(root, node));
  return true;
}

/**
 * @param {string} root
 * @param {import('./node.mjs').NodeRuntime} node
 * @param {string} log
 */
export async function installPackages(root, node, log) {
  rmSync(stampFile(root), { force: true });
  const args = [await npmCli(), 'ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund'];
  await runLogged(node.execPath, args, { cwd: root, env: nodeEnv(node), log, timeoutMs: INSTALL_MS_MAX });
  writeFileSync(stampFile(root), stampOf(root, node));
}

/** @param {string} root */
function stampFile(root) {
  return join(root, 'node_modules', '.streamline-set-up');
}

/**
 * @param {string} root
 * @param {import('./node.mjs').NodeRuntime} node
 */
function stampOf(root, node) {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return `${lock} node${node.version.split('.')[0]}\n`;
}

/**
 * @param {string} root
 * @returns {boolean}
 */
function matchesLock(root) {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const installed = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  if (wanted === undefined || installed === undefined) return false;
  const present = Object.keys(installed);
  if (!present.every((path) => wanted[path] !== undefined && wanted[path]?.version === installed[path]?.version))
    return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || installed[path] !== undefined) return true;
    // A package for another platform.
    return entry.optional === true || entry.devOptional === true;
  });
}

/**
 * @param {string} file
 * @returns {LockedPackages | undefined}
 */
function packagesOf(file) {
  const text = readText(file);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text).packages;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} file
 * @returns {string | undefined}
 */
function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
