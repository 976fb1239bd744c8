import assert from 'node:assert/strict';
import { clusterTest } from '../testcontainers.config.ts';
import { createTopic, produceAll, type RecordToProduce } from './cluster/client.ts';
import { Ledger } from './harness/ledger.ts';
import { Rig } from './harness/rig.ts';
import { Sidecar, sidecarHome } from './harness/sidecar.ts';
import { specText, uniqueName, withIds } from './harness/spec.ts';

/* Where a new transform begins: fixed when it is deployed, whatever comes after. */

const PASS = { wasm_module: 'builtin:pass-through' };
const PARTITIONS = 2;
const BEFORE = 40;
const TIME_MS = 1_700_000_000_000;

clusterTest(
  'each kind of start begins at its record, and a restart moves none of them (I1, I2)',
  async ({ bootstrap }, t) => {
    const input = uniqueName('start');
    await createTopic(bootstrap, input, PARTITIONS);
    let produced = 0;
    const produce = async (perPartition: number): Promise<void> => {
      const records = Array.from({ length: perPartition * PARTITIONS }, (_, i): RecordToProduce => {
        const n = produced + i;
        // One second between the records of a partition.
        return { value: `${n}`, partition: n % PARTITIONS, timestamp: TIME_MS + Math.floor(n / PARTITIONS) * 1000 };
      });
      await produceAll(bootstrap, input, withIds(records, produced));
      produced += records.length;
    };
    await produce(BEFORE);
    /** start → offset of the first record of each partition that comes out. */
    const starts: Readonly<Record<string, number>> = {
      earliest: 0,
      latest: BEFORE,
      '+10': 10,
      '+1000': BEFORE,
      '-5': BEFORE - 5,
      '-1000': 0,
      [`@${TIME_MS + 25_000}`]: 25,
      [`@${new Date(TIME_MS + 24_500).toISOString()}`]: 25,
      [`@${TIME_MS + 10_000_000}`]: BEFORE,
    };
    const transforms = Object.entries(starts).map(([start, first], i) => ({ name: `${input}-${i}`, start, first }));
    const home = sidecarHome(t, bootstrap);
    const deploy = (startOf: (start: string) => string): void => {
      for (const { name, start } of transforms) {
        const topics = { name, input_topic: input, output_topic: `${name}.out` };
        home.writeSpec(`${name}.yaml`, specText({ ...topics, ...PASS, input: { start: startOf(start) } }));
      }
    };
    const settle = async (sidecar: Sidecar, alreadyRead: number): Promise<void> => {
      for (const { name, first } of transforms) {
        await sidecar.settles(name, produced - Math.max(first * PARTITIONS, alreadyRead));
      }
    };

    deploy((start) => start);
    const sidecar = await Sidecar.start(home);
    await sidecar.reaches('RUNNING', ...transforms.map(({ name }) => name));
    await produce(20);
    await settle(sidecar, 0);
    await sidecar.stop();

    await produce(20);
    // Another start in the spec changes nothing any more.
    deploy((start) => (start === 'latest' ? 'earliest' : 'latest'));
    const again = await Sidecar.start(home);
    await settle(again, (BEFORE + 20) * PARTITIONS);
    await again.stop();

    for (const { name, start, first } of transforms) {
      const ledger = await Ledger.read(bootstrap, { input, outputs: [`${name}.out`] });
      const problems = ledger.accountProblems((entry) => (entry.input.offset < first ? 'dropped' : 'output'));
      assert.deepEqual(problems, [], `start: ${start}`);
      ledger.assertOrdered();
    }
  },
);

clusterTest(
  'latest: what is produced after the deploy and before the first read is not missed (I1)',
  async ({ bootstrap }, t) => {
    const rig = await Rig.create(t, bootstrap, {
      records: Array.from({ length: 30 }, (_, i) => ({ value: `${i}` })),
      spec: { ...PASS, input: { start: 'latest' } },
    });
    const first = Sidecar.launch(rig.home);
    await first.logs(({ msg }) => msg === 'start offsets pinned');
    await first.kill();
    // It has read nothing, and is away while these come.
    await rig.produce(Array.from({ length: 50 }, (_, i) => ({ value: `after ${i}` })));
    const second = await rig.start();
    await second.settles(rig.name, 50);
    await second.stop();
    const ledger = await rig.ledger();
    ledger.assertAccounted(({ id }) => (Number(id) < 30 ? 'dropped' : 'output'));
  },
);
