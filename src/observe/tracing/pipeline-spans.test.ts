import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROOT_CONTEXT, trace, type TimeInput, type Tracer } from '@opentelemetry/api';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import { ratioSamples } from '../../guest/trace-context.ts';
import { packBatch, type PackedBatch } from '../../pipeline/packed-batch.ts';
import { record } from '../../pipeline/sim/hand-world.ts';
import { simConfig } from '../../pipeline/sim/sim-config.ts';
import type { ContextRule, TracedRecord } from '../../pipeline/tracing.ts';
import { ChosenIds } from './chosen-ids.ts';
import { PipelineSpans } from './pipeline-spans.ts';
import { SpanSource } from './span-source.ts';
import { TraceBudget } from './trace-budget.ts';

/* Of the SDK itself: a processor that keeps what ends. */

interface EndedSpan {
  readonly name: string;
  readonly parentSpanContext?: { readonly spanId: string };
  readonly attributes: Record<string, unknown>;
  readonly status: { readonly code: number; readonly message?: string };
  readonly startTime: TimeInput;
  readonly spanContext: () => { readonly spanId: string; readonly traceId: string };
}

const ended: EndedSpan[] = [];
const ids = new ChosenIds();
new NodeSDK({
  ...{ idGenerator: ids, metricReaders: [], logRecordProcessors: [], autoDetectResources: false },
  spanProcessors: [
    {
      onStart: () => undefined,
      onEnd: (span) => void ended.push(span),
      shutdown: () => Promise.resolve(),
      forceFlush: () => Promise.resolve(),
    },
  ],
}).start();

const config = simConfig();
const CONTEXT = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true, traceState: undefined };

function spansOf(contexts: ContextRule = 'as_it_says', tracer: Tracer = trace.getTracer('test')) {
  const troubles: unknown[] = [];
  ended.length = 0;
  return {
    tracing: new PipelineSpans(new SpanSource(tracer, ids, contexts, new TraceBudget(() => 0), 1000), (thrown) =>
      troubles.push(thrown),
    ),
    troubles,
  };
}

const batchOf = (...places: [number, number][]): PackedBatch =>
  packBatch(places.map(([partition, offset]) => record(partition, offset)));
const traced = (recordIndex: number, changes: Partial<TracedRecord> = {}): TracedRecord => ({
  ...{ recordIndex, context: CONTEXT, sendSpanId: `${recordIndex}`.repeat(16), beganMs: 1, endedMs: 2, phases: [] },
  ...{ outcome: 'output', outputs: 1, topic: 0xffff },
  ...changes,
});
const answer = (records: readonly TracedRecord[]) => ({
  buffer: new SharedArrayBuffer(0),
  segments: [],
  topics: [],
  traced: records,
});
const named = (name: string): EndedSpan[] => ended.filter((span) => span.name.startsWith(name));

void test('a commit is told of once all partitions of a batch are committed; one that fails is told of too', () => {
  const { tracing } = spansOf();
  const batch = tracing.polled(batchOf([0, 4], [0, 5], [1, 9]), config, performance.now());
  batch.ended();
  tracing.committing([{ partition: 0, offset: 6 }])();
  assert.deepEqual(named('commit'), []);
  tracing.committing([{ partition: 1, offset: 10 }])({ code: 'broker.commit_failed' });
  tracing.committing([{ partition: 1, offset: 9 }])();
  assert.equal(named('commit').length, 1, 'not past its last record');
  tracing.committing([{ partition: 1, offset: 10 }])();
  tracing.committing([{ partition: 1, offset: 11 }])();
  const commits = named('commit');
  assert.deepEqual(
    commits.map(({ status }) => [status.code, status.message]),
    [
      [2, 'broker.commit_failed'],
      [0, undefined],
    ],
  );
  const [process] = named('process');
  assert.ok(commits.every(({ parentSpanContext }) => parentSpanContext?.spanId === process?.spanContext().spanId));
});

void test('what was handed over and is not heard of any more is told as lost, and its records as returned', () => {
  const { tracing } = spansOf();
  const batch = tracing.polled(batchOf([0, 0]), config, performance.now());
  batch.answered(answer([traced(0)]));
  batch.sending({ recordCount: 1, lastRecord: 0, outputs: 1 })([], { code: 'broker.client' });
  const sends = named('send').map(({ status }) => [status.code, status.message]);
  assert.ok(sends.length > 0);
  assert.ok(
    sends.every(([code, message]) => code === 2 && message === 'broker.client'),
    JSON.stringify(sends),
  );
  assert.notEqual(batch.record(0), undefined, 'it has no outcome');
  batch.ended();
  assert.equal(
    named('process').find(({ attributes }) => 'kafka.offset' in attributes)?.attributes['streamline.outcome'],
    'returned',
  );
});

void test('a record that was refused by the cluster is left to its policy; one that has no outcome is returned', () => {
  const { tracing } = spansOf();
  const batch = tracing.polled(batchOf([0, 0], [0, 1], [0, 2]), config, performance.now());
  batch.answered(answer([traced(0), traced(1), traced(2)]));
  const sent = batch.sending({ recordCount: 2, lastRecord: 1, outputs: 2 });
  sent([{ recordIndex: 1, code: 'record.too_large', message: 'm' }]);
  assert.equal(batch.record(0), undefined, 'it has its outcome');
  batch.record(1)?.failed({ code: 'record.too_large', message: 'quotes the record', fuelUsed: 0 }, 1);
  batch.record(1)?.sending('dlq')([]);
  batch.record(1)?.settled({ deadLettered: 1 });
  batch.ended();
  const offsets = named('process').map(({ attributes, status }) => [
    attributes['kafka.offset'],
    attributes['streamline.outcome'],
    status.code,
  ]);
  assert.deepEqual(offsets.slice(0, 3), [
    [0, 'output', 0],
    [1, 'dead_letter', 2],
    [2, 'returned', 0],
  ]);
  const sends = named('send').map((span) => [span.name, span.spanContext().spanId]);
  for (const recordIndex of [0, 1]) {
    assert.ok(sends.some(([name, id]) => name === `send ${config.outputTopic}` && id === `${recordIndex}`.repeat(16)));
  }
  assert.ok(sends.some(([name]) => name === 'send dlq'));
  assert.ok(!JSON.stringify(ended.map(({ attributes, status }) => [attributes, status])).includes('quotes'));
});

void test('spans that cannot be made are trouble, and the data path is told nothing', () => {
  const broken: Tracer = {
    startSpan: () => assert.fail('no spans'),
    startActiveSpan: () => assert.fail('no spans'),
  };
  const { tracing, troubles } = spansOf('as_it_says', broken);
  const batch = tracing.polled(batchOf([0, 0]), config, performance.now());
  batch.dispatched();
  batch.answered(answer([traced(0)]));
  batch.sending({ recordCount: 1, lastRecord: 0, outputs: 1 })([]);
  batch.ended();
  tracing.committing([{ partition: 0, offset: 1 }])();
  assert.equal(troubles.length, 1);
  assert.deepEqual(batch.order, { contexts: 'never', recordsMax: 0, recordBytesMax: 0 });
});

void test('the ratio that guest threads sample by is the one of the SDK', () => {
  for (const ratio of [0, 0.01, 0.5, 0.999, 1]) {
    const sampler = new TraceIdRatioBasedSampler(ratio);
    for (let i = 0; i < 500; i += 1) {
      const traceId = ids.generateTraceId();
      const { decision } = sampler.shouldSample(ROOT_CONTEXT, traceId);
      assert.equal(ratioSamples(traceId, ratio), decision === 2, `${traceId} ${ratio}`);
    }
  }
});
