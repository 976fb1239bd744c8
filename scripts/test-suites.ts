import { globSync } from 'node:fs';
import { basename } from 'node:path';

export type SuiteName = 'checks' | 'unit' | 'sim' | 'integration';

export interface SuiteOptions {
  readonly files: readonly string[];
  readonly exclude?: string;
  /** Files at a time. Tests of a broker share it and its machine. */
  readonly concurrency: number;
  /** Limit of one file, with everything it starts. */
  readonly fileMsMax: number;
}

/** In the order they run. The static checks (checks.ts) come first and have no files. */
export const SUITE_NAMES: readonly SuiteName[] = ['checks', 'unit', 'sim', 'integration'];

export const SUITES: Readonly<Record<Exclude<SuiteName, 'checks'>, SuiteOptions>> = {
  unit: {
    files: ['src/**/*.test.ts', 'scripts/**/*.test.ts', 'examples/**/*.test.ts', 'bench/**/*.test.ts'],
    exclude: '.sim.test.ts',
    concurrency: 2,
    fileMsMax: 2 * 60_000,
  },
  sim: { files: ['src/**/*.sim.test.ts'], concurrency: 2, fileMsMax: 10 * 60_000 },
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
