import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

export type SuiteName = 'checks' | 'unit' | 'sim' | 'sdk' | 'native' | 'integration';

export interface SuiteOptions {
  readonly files: readonly string[];
  readonly exclude?: string;
  /** Files at a time. Tests of a broker share it and its machine. */
  readonly concurrency: number;
  /** Limit of one file, with everything it starts. */
  readonly fileMsMax: number;
}

/** In the order they run. The static checks (checks.ts) come first and have no files. */
export const SUITE_NAMES: readonly SuiteName[] = ['checks', 'unit', 'sim', 'sdk', 'native', 'integration'];

export const SUITES: Readonly<Record<Exclude<SuiteName, 'checks'>, SuiteOptions>> = {
  unit: {
    files: ['{src,scripts,examples,bench,monitoring,deploy}/**/*.test.ts'],
    exclude: '.sim.test.ts',
    concurrency: 2,
    fileMsMax: 2 * 60_000,
  },
  sim: { files: ['src/**/*.sim.test.ts'], concurrency: 2, fileMsMax: 10 * 60_000 },
  // Projects as `transforms init` makes them, by their own toolchains: those take all there is of a machine.
  sdk: { files: ['sdk/**/*.test.ts'], concurrency: 1, fileMsMax: 8 * 60_000 },
  // The addon itself, on librdkafka's mock cluster.
  native: { files: ['native/test/*.test.ts'], concurrency: 2, fileMsMax: 30 * 60_000 },
  integration: { files: ['integration/**/*.test.ts'], concurrency: 1, fileMsMax: 10 * 60_000 },
};

/** Files of a suite whose path contains `only` (all when undefined), relative to `root`. */
export function filesOf(root: string, { files, exclude }: SuiteOptions, only: string | undefined): string[] {
  return files
    .flatMap((pattern) => globSync(pattern, { cwd: root, exclude: (name) => basename(name) === 'node_modules' }))
    .filter((file) => exclude === undefined || !file.endsWith(exclude))
    .filter((file) => only === undefined || file.includes(only))
    .toSorted();
}

/** Whether a file runs sidecars as they come: those are run once with each adapter to the cluster. The fault suite chooses by itself. */
export function runsSidecars(root: string, file: string): boolean {
  if (file.startsWith('integration/faults/')) return false;
  return /from '\.{1,2}\/(?:harness|reloads)\//.test(readFileSync(join(root, file), 'utf8'));
}
