import assert from 'node:assert/strict';
import { clusterTest } from '../testcontainers.config.ts';
import { Api } from './harness/api.ts';
import { Rig } from './harness/rig.ts';
import { headerOf } from './harness/spec.ts';

/* Chains on the real cluster: several guests on one thread hop. */

const MASK = { wasm_module: 'transforms/mask_pii.wasm', config: { fields_to_mask: ['email'] } };
const ROUTE = { wasm_module: 'transforms/region_router.wasm', config: { route_field: 'region', topic_prefix: '' } };

clusterTest(
  'a chain masks, passes on and routes; a dead letter names the stage that failed (I2, I3)',
  async ({ bootstrap }, t) => {
    const rig = await Rig.create(t, bootstrap, { records: [], partitions: 2, spec: {} });
    const regions = ['eu', 'us'].map((region) => `${rig.name}-${region}`);
    const records = Array.from({ length: 300 }, (_, i) => ({
      key: `k${i % 7}`,
      value:
        i % 10 === 8
          ? 'no JSON'
          : i % 10 === 9
            ? JSON.stringify({ email: 'a@b.c' })
            : JSON.stringify({ email: `a${i}@b.c`, region: ['eu', 'us'][i % 2] }),
    }));
    await rig.produce(records);
    rig.deploy({
      output_topic: '',
      transforms: [
        MASK,
        { wasm_module: 'builtin:pass-through' },
        { ...ROUTE, config: { ...ROUTE.config, topic_prefix: `${rig.name}-` } },
      ],
    });
    const sidecar = await rig.start();
    await sidecar.settles(rig.name, records.length);
    const ledger = await rig.ledger(regions);
    ledger.assertAccounted(({ id }) => (Number(id) % 10 >= 8 ? ['guest.failed'] : 'output'));
    ledger.assertOrdered();
    for (const { id, input, outputs, deadLetters } of ledger.entries) {
      const [output] = outputs;
      if (output !== undefined) {
        assert.equal(output.value?.toString(), input.value?.toString().replace(/a\d+@b.c/, '***REDACTED***'));
        assert.deepEqual([output.key, output.headers, output.timestamp], [input.key, input.headers, input.timestamp]);
        assert.equal(output.topic, regions[Number(id) % 2]);
      }
      const [letter] = deadLetters;
      if (letter === undefined) continue;
      assert.deepEqual(
        letter.value,
        input.value,
        'a dead letter carries the record as it came, not as a stage left it',
      );
      const isMasks = Number(id) % 10 === 8;
      assert.equal(headerOf(letter, 'streamline.stage'), isMasks ? '1' : '3');
      assert.equal(headerOf(letter, '__connect.errors.class.name'), (isMasks ? MASK : ROUTE).wasm_module);
    }
  },
);

clusterTest(
  'a stage that is changed changes the version; one that may not route in the midst is refused',
  async ({ bootstrap }, t) => {
    const rig = await Rig.create(t, bootstrap, { records: [{ value: '{"email":"a@b.c"}' }], spec: {} });
    const chain = (...transforms: readonly object[]): object => ({
      name: rig.name,
      input_topic: rig.name,
      output_topic: rig.out,
      input: { start: 'earliest' },
      transforms,
    });
    rig.deploy({ transforms: [{ wasm_module: 'builtin:pass-through' }, MASK] });
    const sidecar = await rig.start();
    await sidecar.settles(rig.name, 1);
    const api = Api.of(sidecar);
    const before = (await api.status(rig.name)).version;
    const refused = await api.refused(
      422,
      'spec.conflict',
      'PUT',
      `/transforms/${rig.name}/config`,
      chain(ROUTE, MASK),
    );
    assert.equal(refused.configPath, '/transforms/0/wasm_module');
    await api.ok(
      200,
      'PUT',
      `/transforms/${rig.name}/config`,
      chain(MASK, { wasm_module: 'transforms/pass_through.wasm' }),
    );
    await rig.produce([{ value: '{"email":"b@b.c"}' }]);
    await sidecar.settles(rig.name, 2);
    const after = (await api.status(rig.name)).version;
    assert.notEqual(before?.module_sha256, after?.module_sha256);
    const ledger = await rig.ledger();
    for (const id of [0, 1]) assert.equal(ledger.output(id).value?.toString(), '{"email":"***REDACTED***"}');
  },
);
