import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { clusterTest } from '../testcontainers.config.ts';
import { readAll } from './cluster/client.ts';
import { Neighbour } from './harness/neighbour.ts';
import { Rig, type RigOptions } from './harness/rig.ts';
import { headerOf } from './harness/spec.ts';
import type { Fate } from './harness/ledger.ts';
import type { TestContext } from 'node:test';

/* Components on the real cluster: the fixture does what the first byte of a value says (src/guest/testing/component/chameleon.c). */

const FIXTURES = join(import.meta.dirname, '..', 'src', 'guest', 'testing', 'component');

async function rigOf(t: TestContext, bootstrap: string, options: RigOptions): Promise<Rig> {
  const rig = await Rig.create(t, bootstrap, options);
  for (const name of ['chameleon', 'mask']) {
    cpSync(join(FIXTURES, `${name}.wasm`), join(rig.home.modules, 'transforms', `component_${name}.wasm`));
  }
  return rig;
}

const CHAMELEON = { wasm_module: 'transforms/component_chameleon.wasm' };

const FATES: readonly (readonly [order: string, fate: Fate])[] = [
  ['=', 'output'],
  ['-', 'dropped'],
  ['F', ['guest.rejected']],
  ['f', ['guest.failed']],
  ['t', ['guest.trap']],
  ['s', ['guest.out_of_fuel']],
  ['g', ['guest.trap', 'guest.out_of_fuel']],
  ['d', ['guest.stack_overflow', 'guest.out_of_fuel']],
  ['b', ['guest.abi_violation', 'guest.output_too_large']],
  ['o', ['guest.abi_violation', 'guest.output_too_large']],
  ['a', ['guest.output_too_large']],
  ['x', ['guest.abi_violation']],
  ['L', ['guest.out_of_fuel']],
  ['m', 'output'],
];

clusterTest(
  'a component that spins, allocates without end, traps or lies meets the end of a core module, the neighbour unharmed (I2, I3, I7)',
  async ({ bootstrap }, t) => {
    const orders = Array.from({ length: 4 }, () => FATES).flat();
    const records = orders.flatMap(([order], i) => [
      { key: `k${i}`, value: order },
      { key: `k${i}`, value: `=${i}` },
    ]);
    const spec = { ...CHAMELEON, max_memory_mb: 4, timeout_ms: 20 };
    const rig = await rigOf(t, bootstrap, { records, spec });
    const neighbour = await Neighbour.create(t, bootstrap, rig.home);
    const sidecar = await rig.start();
    await sidecar.settles(rig.name, records.length);
    const produced = await neighbour.end();
    await sidecar.settles(neighbour.name, produced);
    const ledger = await rig.ledger();
    ledger.assertAccounted(({ id }) => {
      const index = Number(id);
      return index % 2 === 1 ? 'output' : (orders[index / 2]?.[1] ?? []);
    });
    ledger.assertOrdered();
    await neighbour.assertUnharmed();
    const letter = ledger.entries.find(({ input }) => input.value?.toString() === 'F')?.deadLetters[0];
    assert.ok(letter !== undefined);
    assert.match(headerOf(letter, '__connect.errors.exception.message') ?? '', /never/);
    const metrics = await sidecar.metrics();
    const seen = { transform: rig.name, name: 'seen' };
    assert.equal(metrics.sum('streamline_transform_guest_counter_total', seen), 8);
  },
);

clusterTest('several outputs of one record, with headers of their own, in order', async ({ bootstrap }, t) => {
  const rig = await rigOf(t, bootstrap, { records: [{ key: 'k', value: 'h' }, { value: '=' }], spec: CHAMELEON });
  const sidecar = await rig.start();
  await sidecar.settles(rig.name, 2);
  const found = await readAll(bootstrap, rig.out, { until: 'end' });
  assert.deepEqual(
    found.map((record) => [record.key?.toString(), record.value?.toString(), headerOf(record, 'a')]),
    [
      ['k', 'h', undefined],
      ['k', 'h', '1'],
      [undefined, '=', undefined],
    ],
  );
});

clusterTest('a core module and a component in one chain', async ({ bootstrap }, t) => {
  const records = [{ value: '{"email":"a@b.c","ssn":"1"}' }, { value: 'no JSON' }, { value: '"' }];
  const rig = await rigOf(t, bootstrap, {
    records,
    spec: {
      transforms: [
        { wasm_module: 'transforms/component_mask.wasm' },
        { wasm_module: 'transforms/mask_pii.wasm', config: { fields_to_mask: ['ssn'] } },
      ],
    },
  });
  const sidecar = await rig.start();
  await sidecar.settles(rig.name, records.length);
  const ledger = await rig.ledger();
  ledger.assertAccounted(({ id }) => ['output' as const, ['guest.failed'], ['guest.rejected']][Number(id)] ?? []);
  assert.equal(ledger.output(0).value?.toString(), '{"email":"***","ssn":"***REDACTED***"}');
  const stages = ledger.entries.map(
    ({ deadLetters }) => deadLetters[0] && headerOf(deadLetters[0], 'streamline.stage'),
  );
  assert.deepEqual(stages, [undefined, '2', '1']);
});
