import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importsOf, violationsOf } from './boundaries.ts';

test('imports are found in all their forms, and not in comments', () => {
  const source = [
    "import { a, type B } from './a.ts';",
    "import type { C } from './c.ts';",
    'import {',
    '  d,',
    "} from './d.ts';",
    "export * from './e.ts';",
    "import 'f';",
    "// import { no } from './no.ts';",
    " * import { no } from './no.ts';",
    "const g = await import('./g.ts');",
    "new Worker(new URL('./h.ts', import.meta.url));",
    "import * as i from './i.ts';",
    "import $j, { k } from 'j';",
  ].join('\n');
  assert.deepEqual(
    importsOf(source)
      .toSorted((left, right) => left.line - right.line)
      .map(({ specifier, typeOnly, line }) => `${line} ${specifier}${typeOnly ? ' type' : ''}`),
    ['1 ./a.ts', '2 ./c.ts type', '3 ./d.ts', '6 ./e.ts', '7 f', '10 ./g.ts', '11 ./h.ts', '12 ./i.ts', '13 j'],
  );
});

const cases: readonly (readonly [file: string, source: string, allowed: boolean])[] = [
  ['src/pipeline/loop.ts', "import { a } from '../spec/a.ts';", true],
  ['src/pipeline/loop.ts', "import { a } from '../kafka/a.ts';", false],
  ['src/pipeline/loop.ts', "import type { A } from '../guest/a.ts';", false],
  ['src/pipeline/loop.ts', "import { Worker } from 'node:worker_threads';", false],
  ['src/pipeline/loop.ts', "import pino from 'pino';", false],
  ['src/pipeline/loop.test.ts', "import { test } from 'node:test';", true],
  ['src/base/a.ts', "import { a } from '../spec/a.ts';", false],
  ['src/kafka/a.ts', "import kafka from '@confluentinc/kafka-javascript';", true],
  ['src/registry/a.ts', "import kafka from '@confluentinc/kafka-javascript';", false],
  ['src/registry/a.test.ts', "import kafka from '@confluentinc/kafka-javascript';", false],
  ['src/kafka/a.ts', "import { a } from '../guest/a.ts';", false],
  ['src/guest/a.ts', "import type { A } from '../catalog/a.ts';", true],
  ['src/guest/a.ts', "import { A } from '../catalog/prepared-module.ts';", true],
  ['src/pipeline/sim/a.ts', "import { a } from 'node:fs';", true],
  ['src/spec/a.ts', "import { Worker } from 'node:worker_threads';", false],
  ['src/guest/a.ts', "import { a } from '../catalog/a.ts';", false],
  ['src/registry/a.ts', "import { a } from '../kafka/a.ts';", true],
  ['src/registry/a.ts', "import { a } from '../api/a.ts';", false],
  ['src/cli/a.ts', "import { a } from '../registry/a.ts';", false],
  ['src/cli/a.ts', "import { a } from '../lab/a.ts';", true],
  ['src/api/a.ts', "import { a } from '../lab/a.ts';", false],
  ['src/lab/a.ts', "import { a } from '../guest/a.ts';", true],
  ['src/lab/a.ts', "import { a } from '../registry/a.ts';", false],
  ['src/lab/a.ts', "import { a } from '../registry/subject-rules.ts';", true],
  ['src/registry/a.ts', "import { a } from '../lab/a.ts';", false],
  ['src/bin/a.ts', "import { a } from '../registry/a.ts';", true],
  ['src/base/a.ts', "import { a } from '../../scripts/a.ts';", false],
  ['src/novel/a.ts', "import { a } from '../base/a.ts';", false],
];

for (const [file, source, allowed] of cases) {
  test(`${file} ${allowed ? 'may' : 'must not'}: ${source}`, () => {
    assert.equal(violationsOf(file, source).length, allowed ? 0 : 1);
  });
}
