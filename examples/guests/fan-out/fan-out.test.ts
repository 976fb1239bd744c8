import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspectModule } from '../../../src/catalog/inspect-module.ts';
import { meterModule } from '../../../src/catalog/meter-module.ts';
import { FUEL_PER_MS } from '../../../src/catalog/prepared-module.ts';
import { InThreadExecutor } from '../../../src/guest/in-thread-executor.ts';
import { batchOf, guestConfig, outcomes, type Outcome, type TestRecord } from '../../../src/guest/testing/fixture.ts';

/* What a spec alone cannot show (examples/specs/fan-out.test.yaml has the rest): other configs, and limits. */

const MAX_MEMORY_MB = 4;
const bytes = readFileSync(join(import.meta.dirname, '../../../modules/transforms/fan_out.wasm'));
const { facts, errors } = inspectModule(bytes);
if (facts === undefined) throw new AggregateError(errors);
const module = new WebAssembly.Module(
  meterModule(bytes, { maxMemoryPages: MAX_MEMORY_MB * 16, initialFuel: FUEL_PER_MS }),
);
const prepared = { facts, module, maxMemoryMb: MAX_MEMORY_MB };

async function fanOut(config: unknown, records: readonly TestRecord[], log: string[] = []): Promise<Outcome[]> {
  const executor = new InThreadExecutor(
    { config: guestConfig({ configJson: JSON.stringify(config) }), module: prepared },
    ({ lines }) => void log.push(...lines.map(({ text }) => text)),
  );
  await executor.start();
  return outcomes(await executor.execute(batchOf(records)));
}

const ITEMS = { items_field: 'items' };

test('key and header as the config names them', async () => {
  const config = { ...ITEMS, key: '{index}:{key}:{key}', header: 'position' };
  const found = await fanOut(config, [{ key: '{index}', value: '{"items":[1,2]}' }]);
  assert.deepEqual(
    found.map(({ key, ownHeaders }) => [key, ownHeaders]),
    [
      ['0:{index}:{index}', [['position', '0']]],
      ['1:{index}:{index}', [['position', '1']]],
    ],
  );
});

test('every item keeps the headers of the record; one of the name of the index is replaced', async () => {
  const headers = [
    { name: 'tenant', value: Buffer.from('acme') },
    { name: 'fan-out-index', value: Buffer.from('7') },
  ];
  const found = await fanOut(ITEMS, [{ key: 'k', headers, value: '{"items":[1,2]}' }]);
  assert.deepEqual(
    found.map(({ ownHeaders }) => ownHeaders),
    [0, 1].map((index) => [
      ['tenant', 'acme'],
      ['fan-out-index', String(index)],
    ]),
  );
});

test('kept fields are in the order of the config, whatever is between them', async () => {
  const [found] = await fanOut({ ...ITEMS, keep: ['b"', 'a', 'c'] }, [
    { value: '{"a":{"x":[1.50]},"items":[{"i":1}],"b\\"":"\\u00fc"}' },
  ]);
  assert.equal(found?.value, '{"b\\"":"\\u00fc","a":{"x":[1.50]},"i":1}');
});

test('more items than limits.record_outputs fail as one', async () => {
  const items = (count: number): string => JSON.stringify({ items: Array.from({ length: count }, (_, i) => i) });
  const found = await fanOut(ITEMS, [{ value: items(10) }, { value: items(11) }, { value: items(1) }]);
  assert.deepEqual(
    found.filter(({ record }) => record > 0).map(({ code, value }) => code ?? value),
    ['guest.output_too_large', '{"item":0}'],
  );
  assert.equal(found.length, 12);
});

test('a failure says what is missing', async () => {
  const log: string[] = [];
  await fanOut(ITEMS, [{ value: '[]' }, { value: '{"item":[]}' }], log);
  assert.deepEqual(log, ['the value is no JSON object', 'the value has no list items']);
});

test('a config that it does not understand is refused', async () => {
  for (const [config, reason] of [
    [{}, 'items_field has to name a field'],
    [{ items_field: '' }, 'items_field has to name a field'],
    [{ items_field: 1 }, 'items_field has to name a field'],
    [{ ...ITEMS, kep: [] }, 'unknown field kep'],
    [{ ...ITEMS, keep: 'a' }, 'keep has to be a list of fields'],
    [{ ...ITEMS, keep: [1] }, 'keep has to be a list of fields'],
    [{ ...ITEMS, keep: ['items'] }, 'keep must not have items_field in it'],
    [{ ...ITEMS, key: 1 }, 'key has to be a text'],
    [{ ...ITEMS, header: '' }, 'header has to be a name'],
    [[], 'it has to be an object'],
  ] as const) {
    const log: string[] = [];
    await assert.rejects(fanOut(config, [], log), { code: 'guest.init_rejected' }, reason);
    assert.deepEqual(log, [`config: ${reason}`]);
  }
});
