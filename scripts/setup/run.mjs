// @ts-check
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';

const TAIL_LINES = 15;
const ERROR_LINES_MAX = 5;
const OUTPUT_BYTES_MAX = 1024 * 1024;

/** A set-up failure a person can act on: printed without a stack. */
export class SetupError extends Error {}

/** @type {Set<number>} process groups to take down with us */
const running = new Set();

/**
 * Until the returned function is called, a signal ends the set-up and everything it started.
 * @returns {() => void}
 */
export function dieBySignal() {
  const handlers = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']).map((signal) => {
    const handler = () => {
      for (const pid of running) killGroup(pid);
      process.exit(128 + constants.signals[signal]);
    };
    process.on(signal, handler);
    return () => process.removeListener(signal, handler);
  });
  return () => handlers.forEach((remove) => remove());
}

/**
 * Runs a command with its output in a log file. Rejects with the last lines of that log.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, log: string, timeoutMs: number }} options
 * @returns {Promise<void>}
 */
export async function runLogged(command, args, options) {
  mkdirSync(dirname(options.log), { recursive: true });
  const log = openSync(options.log, 'a');
  /** @type {string} */
  let outcome;
  try {
    outcome = await runGroup(command, args, options, ['ignore', log, log]);
  } finally {
    closeSync(log);
  }
  if (outcome === '') return;
  const lines = readFileSync(options.log, 'utf8').trimEnd().split('\n');
  // A compiler's or make's complaint is often far above the end.
  const errors = lines.slice(0, -TAIL_LINES).filter((line) => /\berror: |\*\*\* /.test(line));
  const shown = [...errors.slice(0, ERROR_LINES_MAX), ...lines.slice(-TAIL_LINES)].map((line) => `  ${line}`);
  throw new SetupError([`${command} ${outcome}; the log is ${options.log}`, ...shown].join('\n'));
}

/**
 * Runs a command and returns what it printed, or undefined when it failed.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs: number }} options
 * @returns {Promise<string | undefined>}
 */
export async function runQuiet(command, args, options) {
  /** @type {Buffer[]} */
  const chunks = [];
  let bytes = 0;
  const outcome = await runGroup(command, args, options, ['ignore', 'pipe', 'ignore'], (chunk) => {
    bytes += chunk.length;
    if (bytes <= OUTPUT_BYTES_MAX) chunks.push(chunk);
  });
  return outcome === '' ? Buffer.concat(chunks).toString('utf8') : undefined;
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs: number }} options
 * @param {import('node:child_process').StdioOptions} stdio
 * @param {(chunk: Buffer) => void} [onOutput]
 * @returns {Promise<string>} '' or what went wrong
 */
function runGroup(command, args, options, stdio, onOutput) {
  return new Promise((resolve) => {
    // A group of its own: a build is a tree of processes, and a time limit must end all of it.
    const child = spawn(command, args, { cwd: options.cwd, env: options.env ?? process.env, stdio, detached: true });
    const pid = child.pid;
    let timedOut = false;
    if (pid !== undefined) running.add(pid);
    const timer = setTimeout(() => {
      timedOut = true;
      if (pid !== undefined) killGroup(pid);
    }, options.timeoutMs);
    /** @param {string} outcome */
    const settle = (outcome) => {
      clearTimeout(timer);
      if (pid !== undefined) running.delete(pid);
      resolve(outcome);
    };
    if (onOutput !== undefined) child.stdout?.on('data', onOutput);
    child.on('error', (error) => settle(`could not be started (${error.message})`));
    child.on('close', (code, signal) => {
      if (timedOut) settle(`did not end within ${options.timeoutMs / 1000} s`);
      else settle(code === 0 ? '' : `failed with ${signal ?? `exit code ${code}`}`);
    });
  });
}

/** @param {number} pid */
function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}
