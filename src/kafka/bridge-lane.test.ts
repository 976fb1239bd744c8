import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Assignment } from '../pipeline/assignment.ts';
import { packBatch } from '../pipeline/packed-batch.ts';
import { CONTINUES, DEFAULT_TOPIC, KIND_OUTPUT, ResultReader, ResultWriter } from '../pipeline/packed-results.ts';
import type { OutputRange } from '../pipeline/ports.ts';
import type { TopicName } from '../spec/transformation-config.ts';
import type { BridgeProducer } from './bridge-addon.ts';
import { BridgeLane } from './bridge-lane.ts';
import { RD } from './client.ts';
import { RangeJob, emptyOutput } from './output-job.ts';

const TOPICS = ['a', 'b', 'c'];

/** One output: where it goes and what it says. `LARGE` is too large for its topic, `HUGE` for the client, `LATE` never gets there. */
interface Said {
  readonly topic: string;
  readonly value: string;
}

/** Each call is one batch a topic: the cluster takes all of it, or none for the one that is too large. */
class FakeProducer implements Pick<BridgeProducer, 'produce'> {
  /** What the topics have, in order. */
  readonly arrived = new Map<string, string[]>(TOPICS.map((topic) => [topic, []]));
  readonly #range: OutputRange;

  constructor(range: OutputRange) {
    this.#range = range;
  }

  async produce(_batch: Uint8Array, _results: Uint8Array, ranges: Uint32Array): Promise<readonly number[] | undefined> {
    const answer: number[] = [0];
    const sent: { topic: string; value: string; at: number }[] = [];
    for (let i = 0; i < ranges.length; i += 2) {
      for (const output of this.#outputs(ranges[i] ?? 0, ranges[i + 1] ?? 0)) {
        if (output.value === 'HUGE') answer.push(output.at, RD.MSG_SIZE_TOO_LARGE, 0);
        else sent.push(output);
      }
    }
    for (const [topic, batch] of Map.groupBy(sent, (output) => output.topic)) {
      const refused = batch.some(({ value }) => value === 'LARGE');
      for (const { at, value } of batch) {
        if (refused) answer.push(at, RD.MSG_SIZE_TOO_LARGE, 1);
        else if (value === 'LATE') answer.push(at, RD.TIMED_OUT, 1);
        else this.arrived.get(topic)?.push(value);
      }
    }
    return answer.length === 1 ? undefined : answer;
  }

  *#outputs(start: number, end: number): Generator<{ topic: string; value: string; at: number }> {
    const job = new RangeJob(
      this.#range,
      () => undefined,
      () => undefined,
    );
    const output = emptyOutput();
    for (let at = start; at < end;) {
      const next = job.load(at, output);
      yield { topic: output.topic ?? '', value: Buffer.from(output.value ?? []).toString(), at };
      at = next;
    }
  }
}

/** A range of records with these outputs. */
function rangeOf(records: readonly (readonly Said[])[]): OutputRange {
  const batch = packBatch(
    records.map((_, offset) => ({ partition: 0, offset, timestampMs: 1, key: null, value: null, headers: [] })),
  );
  const writer = new ResultWriter(new SharedArrayBuffer(64));
  for (const [i, outputs] of records.entries()) {
    for (const [nth, { topic, value }] of outputs.entries()) {
      const index = topic === 'a' ? DEFAULT_TOPIC : TOPICS.indexOf(topic);
      const at = writer.begin(i, KIND_OUTPUT, nth > 0 ? CONTINUES : 0, index, 0, 1, value.length);
      writer.bytes.set(Buffer.from(value), at);
      writer.end(-1, value.length, 0);
    }
  }
  const endByte = writer.byteLength;
  const segment = { startByte: 0, endByte, outputs: records.length, filtered: 0, failed: 0 };
  const result = { buffer: writer.buffer, segments: [segment], topics: TOPICS };
  const defaultTopic = 'a' as TopicName;
  return {
    batch,
    result,
    startByte: 0,
    endByte,
    defaultTopic,
    timestamp: 'now',
    assignment: new Assignment(0, 1),
  };
}

async function produce(records: readonly (readonly Said[])[]) {
  const range = rangeOf(records);
  const producer = new FakeProducer(range);
  const lane = new BridgeLane(producer as unknown as BridgeProducer, false, (error) => assert.fail(error));
  const failures = (await lane.produce(range)).map(({ recordIndex, code }) => [recordIndex, code]);
  assert.ok(lane.isEmpty);
  return { failures, arrived: Object.fromEntries(producer.arrived) };
}

const to = (topic: string, value: string): Said => ({ topic, value });

void test('one of several outputs is refused with its batch: only what went to its topic is tried again (I3)', async () => {
  const { failures, arrived } = await produce([
    [to('a', 'a0'), to('b', 'b0'), to('c', 'c0')],
    [to('a', 'a1'), to('b', 'LARGE'), to('c', 'c1')],
    [to('a', 'a2'), to('b', 'b2'), to('c', 'c2')],
    [to('a', 'a3'), to('b', 'LARGE'), to('c', 'c3')],
  ]);
  assert.deepEqual(failures, [[1, 'record.too_large'], [3, 'record.too_large']]); // prettier-ignore
  assert.deepEqual(arrived, { a: ['a0', 'a1', 'a2', 'a3'], b: ['b0', 'b2'], c: ['c0', 'c1', 'c2', 'c3'] });
});

void test('outputs of a record in one batch are told apart: what was taken before the refused one comes once', async () => {
  const { failures, arrived } = await produce([
    [to('a', 'a0')],
    [to('a', 'a1'), to('a', 'a2'), to('a', 'a3'), to('a', 'LARGE')],
    [to('a', 'a4')],
  ]);
  assert.deepEqual(failures, [[1, 'record.too_large']]);
  assert.deepEqual(arrived['a'], ['a0', 'a1', 'a2', 'a3', 'a4']);
});

void test('each output of a record has a reason of its own, and all are told, in order', async () => {
  const { failures, arrived } = await produce([
    [to('a', 'HUGE'), to('b', 'LATE'), to('c', 'LARGE')],
    [to('a', 'a1'), to('b', 'b1'), to('c', 'c1')],
  ]);
  assert.deepEqual(failures, [[0, 'record.too_large'], [0, 'broker.unreachable'], [0, 'record.too_large']]); // prettier-ignore
  assert.deepEqual(arrived, { a: ['a1'], b: ['b1'], c: ['c1'] });
});

void test('the fake refuses what it should', async () => {
  const range = rangeOf([[to('a', 'a0'), to('a', 'LARGE')], [to('b', 'b1')]]);
  const producer = new FakeProducer(range);
  const nothing = new Uint8Array();
  const answer = await producer.produce(nothing, nothing, Uint32Array.of(0, range.endByte));
  const second = new ResultReader(range.result.buffer).next(0);
  assert.deepEqual(answer, [0, 0, RD.MSG_SIZE_TOO_LARGE, 1, second, RD.MSG_SIZE_TOO_LARGE, 1]);
  assert.deepEqual(producer.arrived.get('b'), ['b1']);
});
