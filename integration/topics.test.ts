import assert from 'node:assert/strict';
import { clusterTest } from '../testcontainers.config.ts';
import { createTopic, groupIds, partitionCount } from './cluster/client.ts';
import { recordValue } from './guests/verdicts.ts';
import { Rig } from './harness/rig.ts';
import { headerOf, uniqueName } from './harness/spec.ts';

/* Topics that are missing, that are created, and those a guest names. */

const MISROUTE = { wasm_module: 'hostile/misroute.wasm' };
const PASS = { wasm_module: 'builtin:pass-through' };
const NO_CREATE = { topics: { create: false }, limits: { restart_backoff_ms: 200, restart_backoff_max_ms: 500 } };

/** Orders to route to a topic. */
const to = (topic: string, id: number) => ({ key: `k${id % 7}`, value: recordValue('topic', id, { to: topic }) });

clusterTest(
  'a missing output or dead-letter topic is told before the group is joined, and waited for',
  async (cluster, t) => {
    const { bootstrap } = cluster;
    const rig = await Rig.create(t, bootstrap, {
      records: Array.from({ length: 50 }, (_, i) => ({ key: `${i}`, value: 'v' })),
      spec: PASS,
      settings: NO_CREATE,
    });
    const sidecar = await rig.start();
    const told = async (topic: string, configPath: string): Promise<void> => {
      const line = await sidecar.logs(({ message }) => message?.includes(` ${topic} `) ?? false);
      assert.deepEqual([line.code, line['configPath']], ['broker.topic_missing', configPath]);
      assert.match(String(line['suggestion']), /topics\.create/);
    };
    await told(rig.out, '/output_topic');
    await sidecar.reaches('RESTARTING', rig.name);
    assert.ok(!(await groupIds(bootstrap)).includes(rig.group), 'the group must not exist yet');
    await createTopic(bootstrap, rig.out, 1);
    await told(rig.dlq, '/errors/dead_letter_topic');
    assert.ok(!(await groupIds(bootstrap)).includes(rig.group));
    await createTopic(bootstrap, rig.dlq, 1);
    await sidecar.reaches('RUNNING', rig.name);
    await sidecar.settles(rig.name, 50);
    await sidecar.stop();
    (await rig.ledger()).assertAccounted(() => 'output');
  },
);

clusterTest('topics are created with the partitions of the input where that is allowed', async ({ bootstrap }, t) => {
  const routed = uniqueName('routed');
  const rig = await Rig.create(t, bootstrap, {
    records: [to(routed, 0), { key: 'k', value: recordValue('', 1) }],
    partitions: 3,
    spec: MISROUTE,
  });
  const sidecar = await rig.start();
  await sidecar.settles(rig.name, 2);
  await sidecar.stop();
  for (const topic of [rig.out, rig.dlq, routed]) assert.equal(await partitionCount(bootstrap, topic), 3, topic);
  const ledger = await rig.ledger([rig.out, routed]);
  ledger.assertAccounted(() => 'output');
  assert.equal(ledger.output(0).topic, routed);
  assert.equal(ledger.output(1).topic, rig.out);
});

clusterTest(
  "a topic that a guest names: unknown, its own input, illegal, the cluster's own (I2, I3)",
  async (cluster, t) => {
    const { bootstrap } = cluster;
    const known = uniqueName('known');
    await createTopic(bootstrap, known, 1);
    const unknown = uniqueName('unknown');
    const names: (readonly [string, readonly string[] | 'output'])[] = [
      [known, 'output'],
      [unknown, ['route.unknown_topic']],
      ['own input', ['route.cycle']],
      ['..', ['route.invalid_topic']],
      ['a/b', ['route.invalid_topic']],
      ['x'.repeat(250), ['route.invalid_topic']],
      ['__consumer_offsets', ['route.invalid_topic']],
    ];
    const rig = await Rig.create(t, bootstrap, { records: [], spec: MISROUTE, settings: NO_CREATE });
    const records = Array.from({ length: names.length * 30 }, (_, i) => {
      const [name] = names[i % names.length]!;
      return to(name === 'own input' ? rig.name : name, i);
    });
    await rig.produce(records);
    await createTopic(bootstrap, rig.out, 1);
    await createTopic(bootstrap, rig.dlq, 1);
    const sidecar = await rig.start();
    await sidecar.settles(rig.name, records.length);
    await sidecar.stop();
    const ledger = await rig.ledger([rig.out, known]);
    ledger.assertAccounted(({ id }) => names[Number(id) % names.length]![1]);
    ledger.assertOrdered();
    for (const { deadLetters } of ledger.entries) {
      for (const letter of deadLetters) {
        assert.ok((headerOf(letter, '__connect.errors.exception.message') ?? '').length > 10);
      }
    }
  },
);

clusterTest(
  'output_topic "" and a route that names none is route.missing; too many names are refused',
  async (cluster, t) => {
    const { bootstrap } = cluster;
    const prefix = uniqueName('many');
    const topics = Array.from({ length: 8 }, (_, i) => `${prefix}-${i}`);
    const rig = await Rig.create(t, bootstrap, {
      records: [
        ...Array.from({ length: 80 }, (_, i) => to(topics[i % topics.length]!, i)),
        { key: 'k', value: recordValue('', 80) },
      ],
      spec: { ...MISROUTE, output_topic: '' },
      settings: { limits: { routed_topics: 5 } },
    });
    const sidecar = await rig.start();
    await sidecar.settles(rig.name, 81);
    await sidecar.stop();
    const made = await rig.existing(topics);
    assert.equal(made.length, 5, 'no more topics than the limit are created');
    const ledger = await rig.ledger(made);
    ledger.assertAccounted(({ id }) => {
      if (id === '80') return ['route.missing'];
      return made.includes(topics[Number(id) % topics.length]!) ? 'output' : ['route.too_many_topics'];
    });
  },
);
