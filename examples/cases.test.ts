import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { labTargets, type LabTarget } from '../src/lab/lab-target.ts';
import { runSpec } from '../src/lab/spec-run.ts';
import { parseSidecarConfig } from '../src/spec/sidecar-config.ts';
import { isSpecFile } from '../src/spec/spec-directory.ts';

/* What `streamline-cli transforms test specs` and `… test examples` do, so that what is shipped is tested as its users would. */

const ROOT = join(import.meta.dirname, '..');
const sidecar = parseSidecarConfig('', 'defaults', { resolveSecret: () => undefined });
assert.ok('config' in sidecar);
const { limits } = sidecar.config;

const targets: readonly LabTarget[] = [
  ...(await labTargets(join(ROOT, 'specs'))),
  ...(await labTargets(join(ROOT, 'examples'))),
];

test('every spec that is shipped has cases', () => {
  const files = globSync('{specs,examples}/**/*.{yaml,yml}', { cwd: ROOT, exclude: ['**/node_modules/**'] });
  const specs = files.filter(
    (file) => isSpecFile(file.split('/').at(-1) ?? '') && /^input_topic:/m.test(readFileSync(join(ROOT, file), 'utf8')),
  );
  assert.ok(specs.length >= 5, specs.join());
  const tested = targets.map(({ spec }) => spec);
  assert.deepEqual(
    specs.filter((file) => !tested.includes(join(ROOT, file))),
    [],
  );
});

for (const target of targets) {
  test(target.spec.slice(ROOT.length + 1), async () => {
    const { result, errors } = await runSpec(target, { modules: undefined, schemas: [], limits });
    assert.deepEqual(
      errors.map((error) => error.describe()),
      [],
    );
    const failed = result?.cases.filter(({ passed }) => !passed) ?? [];
    assert.deepEqual(
      failed.map(({ name, mismatches, error }) => ({ name, mismatches, error: error?.describe() })),
      [],
    );
    assert.ok((result?.cases.length ?? 0) >= 2);
  });
}
