import assert from 'node:assert/strict';
import { clusterTest } from '../testcontainers.config.ts';
import { committedOffsets, createTopic, produceAll, readAll, type RecordToProduce } from './cluster/client.ts';
import { Ledger, placeOf, type Entry, type Fate } from './harness/ledger.ts';
import { sidecarHome, Sidecar } from './harness/sidecar.ts';
import { specText, uniqueName, withIds } from './harness/spec.ts';

const RECORDS = 24_000;
const PARTITIONS = 4;
/** The output holds this many records when the process is killed. */
const KILLS_AT = [3_000, 9_000, 15_000];
/** Between two runs the group waits for the dead member's session to end. */
const SESSION_MS = 2000;
/** Every 50th record traps, so that dead letters are under way too. */
const POISON_EVERY = 50;

const fateOf = ({ id }: Entry): Fate => (Number(id) % POISON_EVERY === 0 ? ['guest.trap'] : 'output');

function records(): RecordToProduce[] {
  const values = Array.from({ length: RECORDS }, (_, i): RecordToProduce => {
    const poison = i % POISON_EVERY === 0 ? ',"poison":"trap"' : '';
    return { key: `device-${i % 97}`, value: `{"device_id":"dev-${i}"${poison}}`, partition: i % PARTITIONS };
  });
  return withIds(values);
}

clusterTest(
  'kill -9 at a counted record, three times: nothing lost, repeats only of what was not committed (I1, I2, I3, I8)',
  async ({ bootstrap }, t) => {
    const input = uniqueName('kill');
    const topics = { input, outputs: [`${input}.out`], deadLetters: [`${input}.dlq`] };
    await createTopic(bootstrap, input, PARTITIONS);
    await createTopic(bootstrap, `${input}.out`, PARTITIONS);
    await produceAll(bootstrap, input, records());
    const home = sidecarHome(t, bootstrap, {
      kafka: { 'session.timeout.ms': SESSION_MS, 'heartbeat.interval.ms': 500 },
      // Small batches and rare commits: a kill finds records in every stage, and much that is not committed.
      limits: { poll_records: 100, commit_interval_ms: 300, drain_timeout_ms: 1500 },
    });
    const spec = {
      ...{ name: input, input_topic: input, output_topic: `${input}.out`, input: { start: 'earliest' } },
      ...{ wasm_module: 'transforms/fragile.wasm', output: { partition: 'input' } },
    };
    home.writeSpec('spec.yaml', specText(spec));

    const committedAtKill: Map<number, number>[] = [];
    for (const count of KILLS_AT) {
      const sidecar = Sidecar.launch(home);
      await readAll(bootstrap, `${input}.out`, { until: count, onReached: () => sidecar.killNow() });
      await sidecar.kill();
      const committed = await committedOffsets(bootstrap, groupOf(input), input);
      const atKill = await Ledger.read(bootstrap, topics);
      const open = atKill.entries.filter((entry) => entry.outputs.length + entry.deadLetters.length === 0);
      assert.ok(open.length > 0, 'the kill came too late to mean anything');
      // I1, at the instant of the kill and not only in the end.
      const passed = open.filter(({ input: { partition, offset } }) => offset < (committed.get(partition) ?? 0));
      assert.deepEqual(
        passed.map((entry) => placeOf(entry.input)),
        [],
        'committed, and nowhere to be found',
      );
      committedAtKill.push(committed);
    }

    const last = await Sidecar.start(home);
    const missing = RECORDS - sumOf(committedAtKill.at(-1)!);
    await last.settles(input, missing);
    await last.stop();

    const ledger = await Ledger.read(bootstrap, topics);
    const repeats = ({ input: { partition, offset } }: Entry): number =>
      committedAtKill.filter((committed) => offset >= (committed.get(partition) ?? 0)).length;
    ledger.assertAccounted(fateOf, repeats);
    ledger.assertOrdered(committedAtKill);
    const outcomes = ledger.entries.reduce((sum, entry) => sum + entry.outputs.length + entry.deadLetters.length, 0);
    t.diagnostic(`${outcomes - RECORDS} of ${RECORDS} records came more than once after ${KILLS_AT.length} kills`);
    assert.equal(sumOf(await committedOffsets(bootstrap, groupOf(input), input)), RECORDS);
  },
  { timeoutMs: 180_000 },
);

function groupOf(name: string): string {
  return `streamline.${name}`;
}

function sumOf(offsets: ReadonlyMap<number, number>): number {
  return [...offsets.values()].reduce((sum, offset) => sum + offset, 0);
}
