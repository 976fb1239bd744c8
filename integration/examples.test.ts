import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { parseCases } from '../src/lab/parse-cases.ts';
import { inputRecords } from '../src/lab/input-records.ts';
import { labTargets, type LabTarget } from '../src/lab/lab-target.ts';
import { prepareTransform, readSpec } from '../src/lab/spec-run.ts';
import type { LabTransform } from '../src/lab/lab-transform.ts';
import { parseSidecarConfig } from '../src/spec/sidecar-config.ts';
import { clusterTest } from '../testcontainers.config.ts';
import type { PlainRecord, RecordToProduce } from './cluster/client.ts';
import { Rig } from './harness/rig.ts';
import { headerOf, ID_HEADER, withIds } from './harness/spec.ts';

/*
 * Every example on a real broker: all inputs of its cases go through a sidecar, and what comes out is what `transforms test` would
 * have said, record by record. So the examples work, and the test tool tells the truth.
 */

const EXAMPLES = join(import.meta.dirname, '..', 'examples');
const sidecarConfig = parseSidecarConfig('', 'defaults', { resolveSecret: () => undefined });
assert.ok('config' in sidecarConfig);
const { limits } = sidecarConfig.config;

/** Outputs with key, value and headers besides the test's own, or the code of the failure. */
type Fate =
  readonly (readonly [key: string | null, value: string | null, headers: Readonly<Record<string, string>>])[] | string;

const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('utf8'));

async function casesOf(target: LabTarget, transform: LabTransform): Promise<RecordToProduce[]> {
  const cases = parseCases(readFileSync(target.cases, 'utf8'), target.cases);
  assert.ok('file' in cases);
  const records = cases.file.cases.flatMap((one) => inputRecords(one, transform));
  return withIds(
    records.map(({ key, value, headers, timestampMs }) => ({
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      headers: headers.flatMap(({ name, value: own }) => (own === null ? [] : [[name, Buffer.from(own)] as const])),
      partition: 0,
      ...(timestampMs < 0 ? {} : { timestamp: timestampMs }),
    })),
  );
}

/** As the test tool runs them: one guest sees all of them, as the one instance of the sidecar does. */
async function expectedOf(transform: LabTransform, records: readonly RecordToProduce[]): Promise<Fate[]> {
  const packed = records.map(({ key, value, headers = [], timestamp = -1 }, offset) => ({
    ...{ partition: 0, offset, timestampMs: timestamp },
    key: key === null || key === undefined ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: headers.map(([name, own]) => ({ name, value: Buffer.from(own) })),
  }));
  const fates: Fate[] = [];
  for await (const { outputs, failure } of transform.run(packed)) {
    fates.push(
      failure?.code ??
        outputs.map(({ key, value, headers }) => {
          const own = headers.map(({ name, value: bytes }) => [name, text(bytes) ?? ''] as const);
          return [text(key), text(value), headersOf(own)] as const;
        }),
    );
  }
  return fates;
}

function headersOf(headers: readonly (readonly [string, string])[]): Record<string, string> {
  return Object.fromEntries(headers.filter(([name]) => name !== ID_HEADER));
}

function found({ key, value, headers }: PlainRecord): Exclude<Fate, string>[number] {
  return [text(key), text(value), headersOf(headers.map(([name, own]) => [name, own.toString()] as const))];
}

const targets = await labTargets(EXAMPLES);

for (const target of targets) {
  clusterTest(`${basename(target.spec)} on a broker does what its cases say (I2)`, async ({ bootstrap }, t) => {
    const transform = await prepareTransform(await readSpec(target.spec), [], { modules: undefined, limits });
    t.after(() => transform.close());
    const records = await casesOf(target, transform);
    const expected = await expectedOf(transform, records);
    const rig = await Rig.create(t, bootstrap, { records: [], spec: {} });
    await rig.produce(records.map(({ headers = [], ...record }) => ({ ...record, headers: headers.slice(1) })));
    const {
      name: _name,
      input_topic: _input,
      output_topic: _output,
      ...spec
    } = parse(readFileSync(target.spec, 'utf8'));
    rig.deploy({ ...spec, instances: 1, input: { ...spec.input, start: 'earliest' } });
    const sidecar = await rig.start();
    await sidecar.settles(rig.name, records.length);
    const ledger = await rig.ledger();
    assert.deepEqual(ledger.strangers, []);
    const came = ledger.entries.map(({ outputs, deadLetters: [letter] }): Fate =>
      letter === undefined ? outputs.map(found) : (headerOf(letter, 'streamline.error.code') ?? 'no code'),
    );
    assert.deepEqual(came, expected);
    assert.ok(came.length >= 2);
  });
}
