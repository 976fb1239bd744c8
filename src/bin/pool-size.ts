import { readdirSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';

/**
 * Threads of libuv's pool. Each transform takes one now and then for a consume, a flush, a commit, and holds two for as long as a
 * cluster does not answer; with too few, transforms would wait for each other (I7).
 */
const THREADS_MAX = 1024;
const THREADS_PER_TRANSFORM = 2;
const THREADS_SPARE = 64;

/** By the number of files in the directory of specs, wherever the command line or its sidecar.yaml say that is. */
export function poolSize(argv: readonly string[]): number {
  return Math.min(THREADS_MAX, THREADS_SPARE + THREADS_PER_TRANSFORM * countSpecs(specDirectory(argv)));
}

function specDirectory(argv: readonly string[]): string {
  const named = flag(argv, '--specs');
  if (named !== undefined) return named;
  const config = flag(argv, '--config');
  return config === undefined ? 'specs' : resolve(dirname(config), specsOf(config));
}

/** Before the command line is parsed: the pool is made at its first use. */
function flag(argv: readonly string[], name: string): string | undefined {
  const at = argv.findIndex((arg) => arg === name || arg.startsWith(`${name}=`));
  const arg = argv[at];
  return arg === name ? argv[at + 1] : arg?.slice(name.length + 1);
}

/** `paths.specs`; a file that is wrong is reported by who reads it in earnest. */
function specsOf(config: string): string {
  try {
    const fields = parse(readFileSync(config, 'utf8')) as { paths?: { specs?: unknown } } | null;
    const specs = fields?.paths?.specs;
    return typeof specs === 'string' ? specs : 'specs';
  } catch {
    return 'specs';
  }
}

function countSpecs(directory: string): number {
  try {
    return readdirSync(directory).length;
  } catch {
    return 0;
  }
}
