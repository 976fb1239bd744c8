import { readdirSync } from 'node:fs';

/*
 * Imported before anything else: libuv makes its pool at the first use and reads its size only then. Each transform keeps one
 * pool thread waiting in a poll and now and then one in a flush; with too few, transforms would wait for each other (I7).
 */
const THREADS_MAX = 1024;
const THREADS_PER_TRANSFORM = 2;
const THREADS_SPARE = 64;

/** The directory named on the command line, read before the command line is parsed. */
function specDirectory(argv: readonly string[]): string {
  const flag = argv.findIndex((arg) => arg === '--specs' || arg.startsWith('--specs='));
  if (flag < 0) return 'specs';
  return argv[flag]?.split('=')[1] ?? argv[flag + 1] ?? 'specs';
}

function countSpecs(directory: string): number {
  try {
    return readdirSync(directory).length;
  } catch {
    return 0;
  }
}

const wanted = THREADS_SPARE + THREADS_PER_TRANSFORM * countSpecs(specDirectory(process.argv));
process.env['UV_THREADPOOL_SIZE'] ??= String(Math.min(THREADS_MAX, wanted));
