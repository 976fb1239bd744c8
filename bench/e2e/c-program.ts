import { basename, dirname, join } from 'node:path';
import { lastLines, runProgram } from '../../integration/cluster/process-output.ts';
import { bridgeLibrdkafka } from '../../scripts/setup/bridge.mjs';
import { cacheFolder } from '../../scripts/setup/cache.mjs';
import { findNode } from '../../scripts/setup/node.mjs';

const root = join(import.meta.dirname, '..', '..');
const COMPILE_MS_MAX = 60_000;
const FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-pthread'];

/**
 * Compiles a C program of the benchmark against the librdkafka the native bridge uses. Throws, with what the compiler said, where that
 * is not possible.
 * @param source its file
 * @returns the program's file, in `folder`
 */
export async function compileC(source: string, folder: string): Promise<string> {
  const cache = cacheFolder();
  const node = await findNode(cache);
  if (node === undefined) throw new Error('the set-up has not been run');
  const { compile, link } = await bridgeLibrdkafka(root, node, cache, join(cache, 'logs', `bench-${process.pid}.log`));
  const program = join(folder, basename(source, '.c'));
  // A shared library is found where it was linked from; the addon's own run path is relative to the addon.
  const runPaths = link.filter((word) => word.endsWith('.so.1')).map((library) => `-Wl,-rpath,${dirname(library)}`);
  const args = [...FLAGS, ...compile, source, ...link, ...runPaths, '-o', program];
  const { ok, output } = await runProgram(process.env['CC'] ?? 'cc', args, COMPILE_MS_MAX);
  if (!ok) throw new Error(`${basename(source)} cannot be compiled:\n${lastLines(output)}`);
  return program;
}
