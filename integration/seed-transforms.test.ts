import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { seededRng } from '../src/base/rng.ts';
import { generate, SAMPLE_MIX, type SampleRecord } from '../examples/data/generate.ts';
import { picker } from '../examples/data/pick.ts';
import { maskCase } from '../examples/guests/testing/random-json.ts';
import { clusterTest } from '../testcontainers.config.ts';
import { createTopic, produceAll, type PlainRecord, type RecordToProduce } from './cluster/client.ts';
import { Ledger, type Entry } from './harness/ledger.ts';
import { startSidecar } from './harness/sidecar.ts';
import { specText, uniqueName, withIds } from './harness/spec.ts';

/* The transforms of specs/, on the real cluster, against references written here in JavaScript. */

const PARTITIONS = 3;
const FIELDS = ['email', 'phone', 'ssn'];
const REGION_FAILED = ['guest.failed'];

interface Run {
  readonly t: TestContext;
  readonly bootstrap: string;
  readonly input: string;
  readonly records: readonly RecordToProduce[];
  readonly spec: Readonly<Record<string, unknown>>;
}

/** One transform over all records, then SIGTERM. */
async function transformAll({ t, bootstrap, input, records, spec }: Run): Promise<void> {
  await createTopic(bootstrap, input, PARTITIONS);
  await produceAll(bootstrap, input, withIds(records));
  const sidecar = await startSidecar(t, bootstrap, {
    specs: { 'spec.yaml': specText({ name: input, input_topic: input, input: { start: 'earliest' }, ...spec }) },
  });
  await sidecar.reaches('RUNNING', input);
  await sidecar.settles(input, records.length);
  await sidecar.stop();
  assert.deepEqual(sidecar.noise, [], 'nothing but log lines is printed');
}

/** Key, headers and timestamp of an output are its input's; only the value may differ. */
function assertKept({ input }: Entry, output: PlainRecord, value: string | null): void {
  assert.deepEqual(
    { value: output.value?.toString() ?? null, key: output.key, timestamp: output.timestamp },
    { value, key: input.key, timestamp: input.timestamp },
  );
  assert.deepEqual(output.headers, input.headers);
}

function plain({ key, value, headers, timestampMs }: SampleRecord): RecordToProduce {
  return { key, value, headers, timestamp: timestampMs };
}

/** Random documents, written together with their masked text: neither was parsed and written again. */
function maskCases(count: number): { record: RecordToProduce; masked: string | null }[] {
  const pick = picker(seededRng(7));
  return Array.from({ length: count }, (_, i) => {
    const { input, masked } = maskCase(pick, FIELDS);
    const record = { key: i % 7 === 0 ? null : `key-${i % 50}`, timestamp: 1_700_000_000_000 + i };
    return i % 40 === 39
      ? { record: { ...record, value: null }, masked: null }
      : { record: { ...record, value: input, headers: [['h', String(i)] as const] }, masked };
  });
}

clusterTest('mask-pii masks byte by byte and keeps all else (I2, I3)', async ({ bootstrap }, t) => {
  const input = uniqueName('mask');
  const output = `${input}.clean`;
  const cases = maskCases(2000);
  const malformed = [...generate('raw-events', 3, 600, SAMPLE_MIX)].filter(({ kind }) => kind === 'malformed');
  assert.ok(malformed.length > 20);
  const records = [...cases.map(({ record }) => record), ...malformed.map(plain)];
  const spec = {
    output_topic: output,
    wasm_module: 'transforms/mask_pii.wasm',
    config: { fields_to_mask: FIELDS },
  };
  await transformAll({ t, bootstrap, input, records, spec });

  const ledger = await Ledger.read(bootstrap, { input, outputs: [output], deadLetters: [`${input}.dlq`] });
  ledger.assertAccounted(({ id }) => (Number(id) < cases.length ? 'output' : ['guest.failed']));
  ledger.assertOrdered();
  for (const [i, { masked }] of cases.entries()) assertKept(ledger.entry(i), ledger.output(i), masked);
  for (const { id, input: original } of ledger.entries.slice()) {
    if (Number(id) < cases.length) continue;
    assert.deepEqual(ledger.deadLetter(id).value, original.value, 'a dead letter carries the record as it was');
  }
});

clusterTest('route-by-region writes each order to its region, byte by byte (I2, I3)', async ({ bootstrap }, t) => {
  const input = uniqueName('orders');
  const samples = [...generate('orders', 5, 1500, SAMPLE_MIX)];
  const spec = {
    output_topic: '',
    wasm_module: 'transforms/region_router.wasm',
    config: { route_field: 'region', topic_prefix: `${input}-` },
    // route() is not asked about a record without a value, and there is no other topic for it.
    input: { start: 'earliest', tombstones: 'drop' },
  };
  await transformAll({ t, bootstrap, input, records: samples.map(plain), spec });

  const regions = ['eu', 'us', 'apac', 'latam', 'mea'].map((region) => `${input}-${region}`);
  const ledger = await Ledger.read(bootstrap, { input, outputs: regions, deadLetters: [`${input}.dlq`] });
  ledger.assertAccounted(({ id }) => {
    const { fate, kind } = samples[Number(id)]!;
    return kind === 'tombstone' ? 'dropped' : fate === 'dead_letter' ? REGION_FAILED : 'output';
  });
  ledger.assertOrdered();
  for (const entry of ledger.entries) {
    const [output] = entry.outputs;
    if (output === undefined) continue;
    const text = entry.input.value!.toString();
    assert.equal(output.topic, `${input}-${String((JSON.parse(text) as { region: unknown }).region)}`);
    assertKept(entry, output, text);
  }
});

clusterTest("the design's Rust guest runs unchanged with payload: value (I2, I3)", async ({ bootstrap }, t) => {
  const input = uniqueName('seed');
  const output = `${input}.clean`;
  const samples = [...generate('raw-events', 11, 1500, SAMPLE_MIX)].map(withPlainNumbers);
  const spec = {
    output_topic: output,
    wasm_module: 'transforms/mask_pii_seed.wasm',
    payload: 'value',
    config: { fields_to_mask: FIELDS },
  };
  await transformAll({ t, bootstrap, input, records: samples.map(plain), spec });

  const ledger = await Ledger.read(bootstrap, { input, outputs: [output], deadLetters: [`${input}.dlq`] });
  ledger.assertAccounted(() => 'output');
  ledger.assertOrdered();
  for (const [i, { value, kind }] of samples.entries()) {
    // As printed there, it lets pass what it cannot parse; what it can it writes again, keys in the order of their bytes.
    const parsed = value === null ? undefined : parsedOrUndefined(value);
    if (parsed !== undefined) assert.notEqual(kind, 'malformed');
    assertKept(ledger.entry(i), ledger.output(i), parsed === undefined ? value : sortedJson(maskedAtTop(parsed)));
  }
});

/** serde_json and JavaScript write these numbers alike; what the guest makes of 20 digits is its own affair. */
function withPlainNumbers(sample: SampleRecord, i: number): SampleRecord {
  const value = sample.value
    ?.replace(/"account":\d+/, `"account":${i}`)
    .replace(/"balance":[\d.]+/, `"balance":${i}.25`);
  return { ...sample, value: value ?? null };
}

function parsedOrUndefined(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function maskedAtTop(event: Record<string, unknown>): Record<string, unknown> {
  const masked = Object.entries(event).map(([name, value]): [string, unknown] =>
    FIELDS.includes(name) && typeof value === 'string' ? [name, '***REDACTED***'] : [name, value],
  );
  return Object.fromEntries(masked);
}

function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
}
