import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { checkBoundaries } from './boundaries.ts';

const CHECK_MS_MAX = 5 * 60_000;

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  readonly output: string;
  readonly durationMs: number;
}

interface Check {
  readonly name: string;
  run(root: string): Promise<{ ok: boolean; output: string }>;
}

const CHECKS: readonly Check[] = [
  tool('types', 'typescript/bin/tsc', ['-p', '.', '--pretty', 'false']),
  tool('lint', 'oxlint/bin/oxlint', ['--type-aware', '--deny-warnings', '--quiet']),
  tool('unused code', 'knip/bin/knip.js', ['--treat-config-hints-as-errors']),
  tool('format', 'prettier/bin/prettier.cjs', ['--check', '--log-level=warn', '.']),
  {
    name: 'import boundaries',
    run: (root) => {
      const problems = checkBoundaries(root);
      return Promise.resolve({ ok: problems.length === 0, output: problems.join('\n') });
    },
  },
];

function tool(name: string, script: string, args: readonly string[]): Check {
  return {
    name,
    run: (root) =>
      new Promise((resolve, reject) => {
        const child = spawn(process.execPath, [join(root, 'node_modules', script), ...args], {
          cwd: root,
          stdio: ['ignore', 'pipe', 'pipe'],
          timeout: CHECK_MS_MAX,
        });
        const chunks: Buffer[] = [];
        for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        child.on('error', reject);
        child.on('close', (code) => resolve({ ok: code === 0, output: Buffer.concat(chunks).toString('utf8').trim() }));
      }),
  };
}

/** Runs every static check, one after the other; `onResult` sees each as it ends. */
export async function runChecks(root: string, onResult: (result: CheckResult) => void): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of CHECKS) {
    const start = performance.now();
    const outcome = await check.run(root);
    const result = { name: check.name, ...outcome, durationMs: performance.now() - start };
    onResult(result);
    results.push(result);
  }
  return results;
}
