import assert from 'node:assert/strict';
import { createTopic, produceAll, readAll } from './cluster/client.ts';
import { clusterTest } from '../testcontainers.config.ts';
import { Rig } from './harness/rig.ts';
import { uniqueName } from './harness/spec.ts';

const records = (prefix: string): { key: string; value: string }[] =>
  Array.from({ length: 200 }, (_, i) => ({ key: `k${i}`, value: `${prefix}${i}` }));

clusterTest(
  'another input topic, group, delivery and order take over in a running sidecar after a drain, nothing lost (I10)',
  async ({ bootstrap }, t) => {
    const rig = await Rig.create(t, bootstrap, {
      records: records('a'),
      partitions: 2,
      spec: { wasm_module: 'builtin:pass-through' },
    });
    const other = uniqueName('other');
    await createTopic(bootstrap, other, 3);
    await produceAll(bootstrap, other, records('b'));
    const sidecar = await rig.start();
    await sidecar.settles(rig.name, 200);
    rig.deploy({ wasm_module: 'builtin:pass-through', input_topic: other });
    await sidecar.settles(rig.name, 400);
    // The same topic again, by another group, exactly once, in order per partition.
    const group = { start: 'earliest', group_id: uniqueName('group') };
    rig.deploy({ wasm_module: 'builtin:pass-through', input_topic: other, input: group, delivery: 'exactly_once' });
    await sidecar.settles(rig.name, 600);
    await sidecar.stop();
    const values = (await readAll(bootstrap, rig.out, { until: 'end' })).map(({ value }) => String(value));
    const count = (prefix: string): number => values.filter((value) => value.startsWith(prefix)).length;
    assert.deepEqual([count('a'), count('b'), new Set(values).size], [200, 400, 400]);
  },
);
