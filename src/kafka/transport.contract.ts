import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Patience } from '../base/patience.ts';
import {
  BatchReader,
  packBatch,
  type PackedBatch,
  type PlainRecord,
  type RecordHeader,
} from '../pipeline/packed-batch.ts';
import {
  ALL_FROM_INPUT,
  CONTINUES,
  DEFAULT_TOPIC,
  HEADERS_FROM_INPUT,
  KEY_FROM_INPUT,
  KIND_FILTERED,
  KIND_OUTPUT,
  ResultWriter,
} from '../pipeline/packed-results.ts';
import { Assignment } from '../pipeline/assignment.ts';
import type { OutputRange, RecordSink, RecordSource, SourceHandlers } from '../pipeline/ports.ts';
import type { TransactionSettings } from './client-config.ts';
import type { StartOffset, TopicName } from '../spec/transformation-config.ts';

/** What any adapter of the Kafka ports has to pass. One per client: the JavaScript one, a native bridge. */
export interface Transport {
  /** Whether the cluster takes the commits of a drain; real ones do. */
  readonly commitsWhileRebalancing: boolean;
  createTopic(partitions: number): Promise<TopicName>;
  createSource(options: { topic: TopicName; groupId: string; delivery?: 'exactly_once' }): RecordSource;
  createSink(options: {
    recordBytesMax?: number;
    queueRecordsMax?: number;
    lingerMs?: number;
    transactions?: TransactionSettings;
  }): RecordSink;
  pinStartOffsets(groupId: string, topic: TopicName, partitions: number, start: StartOffset): Promise<void>;
  stop(): Promise<void>;
}

interface Seen {
  readonly events: string[];
  readonly handlers: SourceHandlers;
  /** Resolves when the predicate holds for the events so far. */
  until(predicate: (events: readonly string[]) => boolean): Promise<void>;
}

/** Handlers that write down what they are told. */
export function watch(onRevoked: (partitions: readonly number[]) => Promise<void> = () => Promise.resolve()): Seen {
  const events: string[] = [];
  const waiting = new Set<() => void>();
  const tell = (event: string): void => {
    events.push(event);
    for (const look of waiting) look();
  };
  return {
    events,
    handlers: {
      assigned: (partitions) => tell(`assigned ${partitions.join()}`),
      revoked: (partitions) => {
        tell(`revoked ${partitions.join()}`);
        return onRevoked(partitions);
      },
      lost: (partitions) => tell(`lost ${partitions.join()}`),
      failed: (error) => tell(`failed ${error.code}`),
    },
    until: (predicate) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!predicate(events)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}

/** More than a session: a member that the machine kept from its heartbeats comes back when the group has given it up. */
const READ_MS_MAX = 90_000;

/** Reads until `count` records came. Bounded: a source that was closed by a test that failed answers at once, for ever. */
export async function readRecords(source: RecordSource, count: number): Promise<PlainRecord[]> {
  const records: PlainRecord[] = [];
  const patience = new Patience(READ_MS_MAX);
  while (records.length < count) {
    const batch = await source.poll(1_000, 1_000);
    assert.ok(!patience.isOver(), `${records.length} of ${count} records came`);
    if (batch === undefined) continue;
    records.push(...plainRecords(batch));
    source.release(batch);
  }
  return records;
}

function plainRecords(batch: PackedBatch): PlainRecord[] {
  const reader = new BatchReader(batch.buffer);
  return Array.from({ length: batch.recordCount }, (_, i) => reader.plain(i));
}

const held = new Assignment(0, 1);
const bytes = (text: string): Buffer => Buffer.from(text);
const text = (part: Uint8Array | null): string | null => (part === null ? null : Buffer.from(part).toString());

/** Records as one batch with results that pass each of them through to its own partition. */
export function passThrough(
  records: readonly PlainRecord[],
  defaultTopic: TopicName | undefined,
  assignment = held,
): OutputRange {
  const batch = packBatch(records);
  const writer = new ResultWriter(new SharedArrayBuffer(64));
  const reader = new BatchReader(batch.buffer);
  for (let i = 0; i < batch.recordCount; i += 1) {
    writer.plain(i, KIND_OUTPUT, ALL_FROM_INPUT, DEFAULT_TOPIC, reader.partition(reader.recordAt(i)), 1);
  }
  return { ...rangeOf(batch, writer, defaultTopic), assignment };
}

function rangeOf(
  batch: PackedBatch,
  writer: ResultWriter,
  defaultTopic: TopicName | undefined,
  topics: readonly string[] = [],
): OutputRange {
  const segment = { startByte: 0, endByte: writer.byteLength, outputs: batch.recordCount, filtered: 0, failed: 0 };
  const result = { buffer: writer.buffer, segments: [segment], topics };
  return {
    batch,
    result,
    startByte: 0,
    endByte: writer.byteLength,
    defaultTopic,
    timestamp: 'input',
    assignment: held,
  };
}

/** Five records, the second and the fourth with three outputs each of which the middle one is too large, and the values that are not. */
export function fanOut(topic: TopicName, largeBytes: number): [OutputRange, kept: readonly string[]] {
  const batch = packBatch(numbered(5, 0));
  const writer = new ResultWriter(new SharedArrayBuffer(64));
  const kept: string[] = [];
  for (let i = 0; i < batch.recordCount; i += 1) {
    const values = i % 2 === 0 ? [`v${i}`] : [`v${i}a`, 'large'.padEnd(largeBytes, String(i)), `v${i}c`];
    for (const [nth, value] of values.entries()) {
      const flags = KEY_FROM_INPUT | HEADERS_FROM_INPUT | (nth > 0 ? CONTINUES : 0);
      const at = writer.begin(i, KIND_OUTPUT, flags, DEFAULT_TOPIC, 0, 1, value.length);
      writer.bytes.set(bytes(value), at);
      writer.end(0, value.length, 0);
      if (value.length < largeBytes) kept.push(value);
    }
  }
  return [rangeOf(batch, writer, topic), kept];
}

export function numbered(count: number, partition: number, from = 0): PlainRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    partition,
    offset: i,
    timestampMs: 1_700_000_000_000 + i,
    key: bytes(`k${from + i}`),
    value: bytes(`v${from + i}`),
    headers: [],
  }));
}

/** A source that has its partitions and is read in the background until closed. */
async function joined(
  transport: Pick<Transport, 'createSource'>,
  topic: TopicName,
  groupId: string,
  seen: Seen,
): Promise<RecordSource> {
  const source = transport.createSource({ topic, groupId });
  await source.start(seen.handlers);
  return source;
}

/** Said aloud when an adapter is not there: under CI that is a failure. */
export function skippedContract(name: string, reason: string): void {
  test(name, { skip: process.env['CI'] === 'true' ? false : reason }, () => assert.fail(reason));
}

export function transportContract(name: string, setUp: () => Promise<Transport>): void {
  let transport: Transport;
  let groups = 0;
  const group = (): string => `contract-${name}-${process.pid}-${(groups += 1)}`;
  const contract = (title: string, body: () => Promise<void>): void => void test(title, { timeout: 180_000 }, body);
  const started = async (options: Parameters<Transport['createSink']>[0] = {}): Promise<RecordSink> => {
    const sink = transport.createSink(options);
    await sink.start(() => {});
    return sink;
  };
  // Side by side: most of the time goes into waiting for groups to form.
  describe(name, { concurrency: 6 }, () => {
    before(async () => {
      transport = await setUp();
    });
    after(() => transport.stop());

    contract('I5: of an assignment that has ended nothing is handed to the client any more', async () => {
      const topic = await transport.createTopic(1);
      // The first fifty linger, and the queue stays full for longer than it takes to end the assignment.
      const sink = await started({ queueRecordsMax: 50, lingerMs: 2_000 });
      const token = new Assignment(0, 1);
      const first = sink.produce(passThrough(numbered(100, 0), topic, token));
      const waiting = sink.produce(passThrough(numbered(100, 0, 100), topic, token));
      const other = sink.produce(passThrough(numbered(1, 0, 1_000), topic));
      token.end();
      assert.deepEqual(await Promise.all([first, waiting, other]), [[], [], []]);
      const source = await joined(transport, topic, group(), watch());
      const values: (string | null)[] = [];
      while (!values.includes('v1000')) values.push(...(await readRecords(source, 1)).map((r) => text(r.value)));
      // What had been handed over by then, which is no more than the queue takes, and nothing after it.
      const handed = values.length - 1;
      assert.ok(handed <= 50, `${handed} of an assignment that had ended`);
      assert.deepEqual(values, [...Array.from({ length: handed }, (_, i) => `v${i}`), 'v1000']);
      await Promise.all([source.close(), sink.close(1_000)]);
    });

    contract('every part of a record comes back as it went', async () => {
      const topic = await transport.createTopic(1);
      const sink = await started();
      const headers: RecordHeader[] = [
        { name: 'h', value: bytes('1') },
        { name: 'h', value: bytes('2') },
        { name: '', value: bytes('no name') },
        { name: '__proto__', value: bytes('p') },
        { name: '12', value: Buffer.from([0, 255, 128]) },
        { name: 'empty', value: Buffer.alloc(0) },
      ];
      const binary = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      const sent: PlainRecord[] = [
        { partition: 0, offset: 0, timestampMs: 1_700_000_000_001, key: bytes('k'), value: bytes('v'), headers },
        { partition: 0, offset: 1, timestampMs: 1_700_000_000_002, key: null, value: binary, headers: [] },
        { partition: 0, offset: 2, timestampMs: 1_700_000_000_003, key: bytes('t'), value: null, headers: [] },
        {
          partition: 0,
          offset: 3,
          timestampMs: 1_700_000_000_004,
          key: Buffer.alloc(0),
          value: Buffer.alloc(0),
          headers,
        },
        { partition: 0, offset: 4, timestampMs: 1_700_000_000_005, key: null, value: null, headers: [] },
      ];
      assert.deepEqual(await sink.produce(passThrough(sent, topic)), []);
      const source = await joined(transport, topic, group(), watch());
      const plain = (record: PlainRecord): object => ({
        ...record,
        key: record.key && [...record.key],
        value: record.value && [...record.value],
        headers: record.headers.map((h) => [h.name, h.value && [...h.value]]),
      });
      assert.deepEqual((await readRecords(source, 5)).map(plain), sent.map(plain));
      await Promise.all([source.close(), sink.close(1_000)]);
    });

    contract('a stamp is a header behind those a record has, and on those that have none', async () => {
      const topic = await transport.createTopic(1);
      const sink = await started();
      const [bare, own] = numbered(2, 0);
      assert.ok(bare !== undefined && own !== undefined);
      const sent = [bare, { ...own, headers: [{ name: 'h', value: bytes('1') }] }];
      const stamp = { name: 'made-by', value: 'ab12' };
      assert.deepEqual(await sink.produce({ ...passThrough(sent, topic), stamp }), []);
      const source = await joined(transport, topic, group(), watch());
      const headers = (await readRecords(source, 2)).map((r) => r.headers.map((h) => [h.name, text(h.value)]));
      assert.deepEqual(headers, [[['made-by', 'ab12']], [['h', '1'], ['made-by', 'ab12']]]); // prettier-ignore
      await Promise.all([source.close(), sink.close(1_000)]);
    });

    contract('results: what the guest wrote, filtered records passed over, topics by name', async () => {
      const [topic, other] = [await transport.createTopic(1), await transport.createTopic(1)];
      const sink = await started();
      const batch = packBatch(numbered(4, 0));
      const writer = new ResultWriter(new SharedArrayBuffer(64));
      const at = writer.begin(0, KIND_OUTPUT, 0, DEFAULT_TOPIC, 0, 1, 100);
      writer.bytes.set(bytes('KEYvalue'), at);
      writer.end(3, 5, 0);
      writer.plain(1, KIND_FILTERED, 0, DEFAULT_TOPIC, 0, 1);
      writer.plain(2, KIND_OUTPUT, ALL_FROM_INPUT, 0, 0, 1);
      writer.plain(3, KIND_OUTPUT, ALL_FROM_INPUT, DEFAULT_TOPIC, 0, 1);
      assert.deepEqual(await sink.produce(rangeOf(batch, writer, topic, [other])), []);
      const [source, second] = await Promise.all([
        joined(transport, topic, group(), watch()),
        joined(transport, other, group(), watch()),
      ]);
      const of = (records: PlainRecord[]): unknown[] => records.map((r) => [text(r.key), text(r.value)]);
      assert.deepEqual(of(await readRecords(source, 2)), [['KEY', 'value'], ['k3', 'v3']]); // prettier-ignore
      assert.deepEqual(of(await readRecords(second, 1)), [['k2', 'v2']]);
      await Promise.all([source.close(), second.close(), sink.close(1_000)]);
    });

    contract('I3: order per partition, ranges and single records together', async () => {
      const topic = await transport.createTopic(1);
      const sink = await started();
      const waiting: Promise<unknown>[] = [];
      for (let i = 0; i < 20; i += 1) {
        waiting.push(sink.produce(passThrough(numbered(50, 0, i * 51), topic)));
        const n = i * 51 + 50;
        waiting.push(
          sink.produceOne({
            topic,
            key: bytes(`k${n}`),
            value: bytes(`v${n}`),
            headers: [],
            timestampMs: -1,
            assignment: held,
          }),
        );
      }
      await Promise.all(waiting);
      const source = await joined(transport, topic, group(), watch());
      const records = await readRecords(source, 1_020);
      for (const partition of new Set(records.map((record) => record.partition))) {
        const numbers = records.filter((r) => r.partition === partition).map((r) => Number(text(r.value)?.slice(1)));
        assert.deepEqual(
          numbers,
          numbers.toSorted((a, b) => a - b),
          `partition ${partition}`,
        );
      }
      const all = new Set(Array.from({ length: 1_020 }, (_, i) => `v${i}`));
      assert.deepEqual(new Set(records.map((r) => text(r.value))), all);
      await Promise.all([source.close(), sink.close(1_000)]);
    });

    contract('a full queue is back-pressure: everything arrives, in order', async () => {
      const topic = await transport.createTopic(1);
      const sink = await started({ queueRecordsMax: 50 });
      const ranges = Array.from({ length: 10 }, (_, i) => sink.produce(passThrough(numbered(100, 0, i * 100), topic)));
      sink.hurry();
      assert.deepEqual((await Promise.all(ranges)).flat(), []);
      const source = await joined(transport, topic, group(), watch());
      const values = (await readRecords(source, 1_000)).map((record) => text(record.value));
      assert.deepEqual(
        values,
        Array.from({ length: 1_000 }, (_, i) => `v${i}`),
      );
      await Promise.all([source.close(), sink.close(1_000)]);
    });

    contract('a record above the limit fails by itself', async () => {
      const topic = await transport.createTopic(1);
      const sink = await started({ recordBytesMax: 10_000 });
      const records = numbered(3, 0);
      const large = { ...records[1]!, value: Buffer.alloc(20_000) };
      const failures = await sink.produce(passThrough([records[0]!, large, records[2]!], topic));
      assert.deepEqual(failures.map(({ recordIndex, code }) => [recordIndex, code]), [[1, 'record.too_large']]); // prettier-ignore
      const one = { topic, key: null, value: Buffer.alloc(20_000), headers: [], timestampMs: -1, assignment: held };
      await assert.rejects(sink.produceOne(one), { code: 'record.too_large' });
      const source = await joined(transport, topic, group(), watch());
      assert.deepEqual((await readRecords(source, 2)).map((r) => text(r.value)), ['v0', 'v2']); // prettier-ignore
      await Promise.all([source.close(), sink.close(1_000)]);
    });

    contract('of several outputs of a record each fails by itself, and the others go out in order', async () => {
      const topic = await transport.createTopic(1);
      const sink = await started({ recordBytesMax: 10_000 });
      const [range, kept] = fanOut(topic, 20_000);
      const failures = await sink.produce(range);
      assert.deepEqual(failures.map(({ recordIndex, code }) => [recordIndex, code]), [[1, 'record.too_large'], [3, 'record.too_large']]); // prettier-ignore
      const source = await joined(transport, topic, group(), watch());
      assert.deepEqual((await readRecords(source, kept.length)).map((r) => text(r.value)), kept); // prettier-ignore
      await Promise.all([source.close(), sink.close(1_000)]);
    });

    contract('a member starts where the group committed', async () => {
      const topic = await transport.createTopic(2);
      const sink = await started();
      await sink.produce(passThrough([...numbered(10, 0), ...numbered(10, 1)], topic));
      const groupId = group();
      const first = await joined(transport, topic, groupId, watch());
      await readRecords(first, 20);
      await first.commit([
        { partition: 0, offset: 4 },
        { partition: 1, offset: 10 },
      ]);
      await first.close();
      await assert.rejects(first.commit([{ partition: 0, offset: 5 }]), { code: 'broker.commit_failed' });
      const second = await joined(transport, topic, groupId, watch());
      const again = await readRecords(second, 6);
      assert.deepEqual(again.map((r) => [r.partition, r.offset]), [4, 5, 6, 7, 8, 9].map((o) => [0, o])); // prettier-ignore
      await Promise.all([second.close(), sink.close(1_000)]);
    });

    contract('a paused partition rests, the others go on', async () => {
      const topic = await transport.createTopic(2);
      const sink = await started();
      await sink.produce(passThrough([...numbered(1, 0), ...numbered(1, 1)], topic));
      const source = await joined(transport, topic, group(), watch());
      await readRecords(source, 2);
      source.pause([0]);
      await sink.produce(passThrough([...numbered(5, 0, 100), ...numbered(5, 1, 200)], topic));
      const others = await readRecords(source, 5);
      assert.deepEqual(others.map((r) => text(r.value)), ['v200', 'v201', 'v202', 'v203', 'v204']); // prettier-ignore
      assert.equal(await source.poll(100, 300), undefined);
      source.resume([0]);
      const rest = await readRecords(source, 5);
      assert.deepEqual(rest.map((r) => text(r.value)), ['v100', 'v101', 'v102', 'v103', 'v104']); // prettier-ignore
      source.pause([7]);
      await Promise.all([source.close(), sink.close(1_000)]);
    });

    contract('a partition that rested when it was given up is read again when it comes back', async () => {
      const topic = await transport.createTopic(1);
      const sink = await started();
      await sink.produce(passThrough(numbered(1, 0), topic));
      const groupId = group();
      const seen = watch();
      const assigned = (times: number) =>
        seen.until((events) => events.filter((event) => event.startsWith('assigned')).length >= times);
      const source = await joined(transport, topic, groupId, seen);
      await readRecords(source, 1);
      source.pause([0]);
      await source.commit([{ partition: 0, offset: 1 }]);
      const polling = keepPolling(source);
      const passing = await joined(transport, topic, groupId, watch());
      const pollPassing = keepPolling(passing);
      await assigned(2);
      await pollPassing.stop();
      await passing.close();
      await assigned(3);
      await sink.produce(passThrough(numbered(1, 0, 1), topic));
      while (polling.count() === 0) await polling.more();
      await polling.stop();
      await Promise.all([source.close(), sink.close(1_000)]);
    });

    contract(
      'I5: partitions are given up only when the drain is done, and the next owner starts after its commit',
      async () => {
        const topic = await transport.createTopic(2);
        const sink = await started();
        await sink.produce(passThrough([...numbered(10, 0), ...numbered(10, 1)], topic));
        const groupId = group();
        const order: string[] = [];
        const seen = watch(async (partitions) => {
          await first
            .commit(partitions.map((partition) => ({ partition, offset: 10 })))
            .finally(() => order.push('drained'));
        });
        const first: RecordSource = await joined(transport, topic, groupId, seen);
        await readRecords(first, 20);
        const pollFirst = keepPolling(first);
        const other = watch();
        const second = await joined(transport, topic, groupId, other);
        const pollSecond = keepPolling(second, (records) => order.push(`second read ${records}`));
        await other.until((events) => events.some((event) => event.startsWith('assigned') && event !== 'assigned '));
        await seen.until((events) => events.filter((event) => event.startsWith('assigned')).length === 2);
        assert.equal(
          seen.events[1],
          seen.events[0]?.replace('assigned', 'revoked'),
          'all of them, for the group is eager',
        );
        await sink.produce(passThrough([...numbered(1, 0, 500), ...numbered(1, 1, 500)], topic));
        while (pollFirst.count() + pollSecond.count() < 2) await Promise.race([pollFirst.more(), pollSecond.more()]);
        if (transport.commitsWhileRebalancing) {
          assert.equal(pollFirst.count() + pollSecond.count(), 2, 'nothing is read twice');
        }
        assert.equal(order[0], 'drained');
        await Promise.all([pollFirst.stop(), pollSecond.stop()]);
        await Promise.all([first.close(), second.close(), sink.close(1_000)]);
      },
    );

    contract('close ends a poll under way, and may be called twice', async () => {
      const topic = await transport.createTopic(1);
      const seen = watch();
      const source = await joined(transport, topic, group(), seen);
      const polling = source.poll(10, 60_000);
      await seen.until((events) => events.length > 0);
      const closes = [source.close(), source.close()];
      assert.equal(await polling, undefined);
      await Promise.all(closes);
      await source.close();
      assert.equal(await source.poll(10, 60_000), undefined);
      assert.equal(seen.events.length, 1, 'close calls no handler');

      const sink = await started();
      const produced = sink.produce(passThrough(numbered(10, 0), topic));
      await Promise.all([sink.close(10_000), sink.close(10_000)]);
      assert.deepEqual(await produced, []);
      await assert.rejects(sink.produce(passThrough(numbered(1, 0), topic)), { code: 'broker.client' });
    });

    contract('start offsets are pinned once, before anyone joins', async () => {
      const topic = await transport.createTopic(1);
      const sink = await started();
      await sink.produce(passThrough(numbered(10, 0), topic));
      const [latest, near] = [group(), group()];
      await transport.pinStartOffsets(latest, topic, 1, { at: 'latest' });
      await transport.pinStartOffsets(near, topic, 1, { at: 'relative', records: -3 });
      await sink.produce(passThrough(numbered(2, 0, 10), topic));
      await transport.pinStartOffsets(latest, topic, 1, { at: 'earliest' });
      const [a, b] = await Promise.all([
        joined(transport, topic, latest, watch()),
        joined(transport, topic, near, watch()),
      ]);
      assert.deepEqual((await readRecords(a, 2)).map((r) => r.offset), [10, 11]); // prettier-ignore
      assert.deepEqual((await readRecords(b, 5)).map((r) => r.offset), [7, 8, 9, 10, 11]); // prettier-ignore
      await transport.pinStartOffsets(latest, topic, 1, { at: 'earliest' });
      await Promise.all([a.close(), b.close(), sink.close(1_000)]);
    });
  });
}

/** Polls in the background, as a pipeline would, and counts. */
export function keepPolling(source: RecordSource, onBatch: (records: number) => void = () => {}) {
  let count = 0;
  let stopped = false;
  let tell: () => void = () => {};
  let more = new Promise<void>((resolve) => (tell = resolve));
  const loop = (async () => {
    while (!stopped) {
      const batch = await source.poll(100, 100);
      if (batch === undefined) {
        // A closed source answers at once: leave a turn to whoever stops this.
        await new Promise((resolve) => void setImmediate(resolve));
        continue;
      }
      count += batch.recordCount;
      source.release(batch);
      onBatch(batch.recordCount);
      tell();
      more = new Promise<void>((resolve) => (tell = resolve));
    }
  })();
  return {
    count: () => count,
    more: () => more,
    stop: () => {
      stopped = true;
      return loop;
    },
  };
}
