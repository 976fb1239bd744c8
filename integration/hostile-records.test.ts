import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { clusterTest } from '../testcontainers.config.ts';
import { createTopic, produceAll, type PlainRecord, type RecordToProduce } from './cluster/client.ts';
import { PEEK_ERRNO_FIELDS, PEEK_FILE, PEEK_NOTHING, RECORD_VERDICTS, recordValue } from './guests/verdicts.ts';
import { headerOf, specText, uniqueName, withIds } from './harness/spec.ts';
import { Ledger, type Fate } from './harness/ledger.ts';
import { LivezWatch } from './harness/livez-watch.ts';
import { Neighbour } from './harness/neighbour.ts';
import { Sidecar, sidecarHome } from './harness/sidecar.ts';

/* Every way a guest may go wrong with a record (integration/guests/verdicts.ts), through the real sidecar. */

/** Each order more than once: long enough for a neighbour to notice. */
const ROUNDS = 4;
const LOG_LINES_PER_SECOND = 100;

/** One record in front of a bad one and two behind it; `count` answers how many records its instance has seen. */
interface Case {
  readonly file: string;
  readonly order: string;
  readonly fate: Fate;
  /** What the records around the bad one are ids of. */
  readonly ids: { readonly before: number; readonly bad: number; readonly count: number; readonly after: number };
  readonly freshInstance: boolean;
}

interface Plan {
  readonly records: RecordToProduce[];
  readonly cases: Case[];
}

/** The records for one module: all its bad ones, good ones around each. */
function planFor(file: string): Plan {
  const records: RecordToProduce[] = [];
  const cases: Case[] = [];
  const add = (order: string): number =>
    records.push({ key: `k${records.length}`, value: recordValue(order, records.length, { n: 1000 }) }) - 1;
  const verdicts = RECORD_VERDICTS.filter((one) => one.file === file);
  for (const verdict of Array.from({ length: ROUNDS }, () => verdicts).flat()) {
    const ids = { before: add(''), bad: add(verdict.order), count: add('count'), after: add('') };
    const fate: Fate = verdict.outcome === 'filtered' ? 'dropped' : verdict.outcome;
    cases.push({ file, order: verdict.order, fate, ids, freshInstance: verdict.freshInstance });
  }
  return { records, cases };
}

function specOf(name: string, module: string, extra: Readonly<Record<string, unknown>> = {}): string {
  const input = { start: 'earliest' };
  return specText({ name, input_topic: name, output_topic: `${name}.out`, wasm_module: module, input, ...extra });
}

const FILES = [...new Set(RECORD_VERDICTS.map(({ file }) => file))];

clusterTest(
  'every bad record ends as its verdict says, the good ones around it and the neighbour unharmed (I2, I3, I7)',
  async ({ bootstrap }, t) => {
    const home = sidecarHome(t, bootstrap);
    const runs = FILES.map((file) => ({ file, name: uniqueName(file.replace(/\W.*|_/g, '')), plan: planFor(file) }));
    for (const { file, name, plan } of runs) {
      await createTopic(bootstrap, name);
      await produceAll(bootstrap, name, withIds(plan.records));
      home.writeSpec(`${name}.yaml`, specOf(name, `hostile/${file}`));
    }
    const neighbour = await Neighbour.create(t, bootstrap, home);
    const sidecar = await Sidecar.start(home);
    const livez = new LivezWatch(t, sidecar);
    for (const { name, plan } of runs) await sidecar.settles(name, plan.records.length, 120_000);
    const answers = await livez.end();
    const produced = await neighbour.end();
    const metrics = await sidecar.settles(neighbour.name, produced);
    for (const { name } of runs) assert.equal(metrics.state(name), 'RUNNING');
    await sidecar.stop();

    for (const { name, plan } of runs) await assertVerdicts(bootstrap, name, plan);
    await neighbour.assertUnharmed();
    t.diagnostic(`neighbour: ${produced} records; /livez: ${answers.describe()}`);
    answers.assertPrompt();
    assertLogBounded(sidecar, t);
  },
  { timeoutMs: 240_000 },
);

async function assertVerdicts(bootstrap: string, name: string, { records, cases }: Plan): Promise<void> {
  const ledger = await Ledger.read(bootstrap, { input: name, outputs: [`${name}.out`], deadLetters: [`${name}.dlq`] });
  const bad = new Map(cases.map(({ ids, fate }) => [String(ids.bad), fate]));
  ledger.assertAccounted(({ id }) => bad.get(id) ?? 'output');
  ledger.assertOrdered();
  for (const { file, order, ids, fate, freshInstance } of cases) {
    const what = `${file} ${order}`;
    for (const id of [ids.before, ids.after]) {
      assert.equal(ledger.output(id).value?.toString(), records[id]!.value, `${what}: its neighbour ${id}`);
    }
    if (typeof fate !== 'string') {
      assert.equal(ledger.deadLetter(ids.bad).value?.toString(), records[ids.bad]!.value, what);
    }
    if (freshInstance && file !== 'misroute.wasm') {
      assert.equal(ledger.output(ids.count).value?.toString(), '{"count":1}', `${what}: the instance must be gone`);
    }
  }
  const trap = cases.find(({ order }) => order === 'trap');
  if (trap !== undefined) assertHeaders(ledger.entry(trap.ids.bad).input, ledger.deadLetter(trap.ids.bad), name);
}

/** Kafka Connect's headers and ours, all of them, after the record's own. */
function assertHeaders(input: PlainRecord, letter: PlainRecord, name: string): void {
  assert.deepEqual([letter.key, letter.value, letter.timestamp], [input.key, input.value, input.timestamp]);
  const own = input.headers.length;
  assert.deepEqual(letter.headers.slice(0, own), input.headers);
  const added = Object.fromEntries(letter.headers.slice(own).map(([header, value]) => [header, value.toString()]));
  const message = added['__connect.errors.exception.message'] ?? '';
  assert.ok(message.length > 0);
  assert.match(added['__connect.errors.task.id'] ?? '', /:\d+$/);
  assert.match(added['streamline.module.sha256'] ?? '', /^[0-9a-f]{64}$/);
  assert.match(added['streamline.config.sha256'] ?? '', /^[0-9a-f]{64}$/);
  assert.ok(Number(added['streamline.fuel.used']) > 0);
  assert.deepEqual(added, {
    ...added,
    '__connect.errors.topic': name,
    '__connect.errors.partition': String(input.partition),
    '__connect.errors.offset': String(input.offset),
    '__connect.errors.connector.name': name,
    '__connect.errors.stage': 'TRANSFORMATION',
    '__connect.errors.class.name': headerOf(letter, '__connect.errors.class.name'),
    '__connect.errors.exception.class.name': 'guest.trap',
    '__connect.errors.exception.stacktrace': `guest.trap: ${message}`,
    'streamline.error.code': 'guest.trap',
  });
  assert.match(added['__connect.errors.class.name'] ?? '', /^hostile\/\w+\.wasm$/);
  assert.equal(Object.keys(added).length, 14);
}

/** 10,000 lines by one record and lines for ever by another: the log takes its share a second and says what it dropped. */
function assertLogBounded(sidecar: Sidecar, t: TestContext): void {
  const lines = sidecar.log.filter((line) => line['from'] === 'guest');
  const seconds = new Map<string, number>();
  for (const { time, transform } of lines) {
    const second = `${transform} ${String(time).slice(0, 19)}`;
    seconds.set(second, (seconds.get(second) ?? 0) + 1);
  }
  const most = Math.max(...seconds.values());
  t.diagnostic(`${lines.length} guest log lines, at most ${most} in a second`);
  assert.ok(lines.length > 0, 'the guest logged');
  // A second of the clock may see the shares of two.
  assert.ok(most <= 2 * LOG_LINES_PER_SECOND, `${most} lines in one second`);
  for (const { msg } of lines) assert.doesNotMatch(msg, /[\u0000-\u001f]/, 'control characters stay out of the log');
  assert.ok(sidecar.log.some(({ dropped }) => typeof dropped === 'number' && dropped > 0));
  assert.deepEqual(sidecar.noise, []);
}

clusterTest('a guest that looks around finds nothing (I9)', async ({ bootstrap }, t) => {
  const name = uniqueName('peek');
  const home = sidecarHome(t, bootstrap);
  await createTopic(bootstrap, name);
  await produceAll(bootstrap, name, withIds([{ value: '1' }, { value: '2' }]));
  home.writeSpec('peek.yaml', specOf(name, `hostile/${PEEK_FILE}`));
  const sidecar = await Sidecar.start(home, { STREAMLINE_TEST_SECRET: 'not for guests' });
  await sidecar.settles(name, 2);
  await sidecar.stop();
  const ledger = await Ledger.read(bootstrap, { input: name, outputs: [`${name}.out`], deadLetters: [`${name}.dlq`] });
  ledger.assertAccounted(() => 'output');
  const text = ledger.output(0).value!.toString();
  const seen = JSON.parse(text) as Record<string, number>;
  for (const [field, nothing] of Object.entries(PEEK_NOTHING)) assert.equal(seen[field], nothing, field);
  for (const field of PEEK_ERRNO_FIELDS) assert.notEqual(seen[field], 0, `${field} must be refused`);
  assert.match(text, /"clock_ns":\d+0{6}\}/, 'no clock finer than a millisecond');
});
