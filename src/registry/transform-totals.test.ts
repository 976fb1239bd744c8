import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Distribution } from '../pipeline/distribution.ts';
import { PipelineMeasures } from '../pipeline/measures.ts';
import { emptyStats } from '../pipeline/transformation-stats.ts';
import { addGuests, addPipeline, emptyTotals, type GuestTotals } from './transform-totals.ts';

function guests(records: number, gauge: number): GuestTotals {
  const latency = new Distribution();
  latency.add(1000, records);
  const fuel = new Distribution();
  fuel.add(50, records);
  return {
    latency,
    fuel,
    inputBytes: 10 * records,
    outputBytes: 9 * records,
    instanceRestarts: 1,
    logLinesDropped: 2,
    guestMetrics: { counters: new Map([['hits', records]]), gauges: new Map([['size', gauge]]) },
    stages: [{ records, filtered: 0, failed: 0, fuelUsed: 50 * records }],
  };
}

test('totals are the sum of all guests there have been; of a gauge the newest counts', () => {
  const totals = addGuests(addGuests(emptyTotals(), [guests(3, 1)]), [guests(4, 2), guests(5, 3)]);
  assert.deepEqual([totals.latency.sum, totals.fuel.sum], [12_000, 600]);
  assert.deepEqual([totals.inputBytes, totals.outputBytes, totals.instanceRestarts], [120, 108, 3]);
  assert.deepEqual(
    [...totals.guestMetrics.counters, ...totals.guestMetrics.gauges],
    [
      ['hits', 12],
      ['size', 3],
    ],
  );
  assert.equal(totals.stages[0]?.records, 12);
});

test('totals of pipelines leave what they were made of as it is', () => {
  const pipeline = { stats: { ...emptyStats(), received: 5, output: 5 }, measures: new PipelineMeasures() };
  pipeline.measures.polled(5);
  pipeline.measures.took('produce', 2, 5);
  pipeline.measures.rebalances.lost += 1;
  pipeline.measures.commits.failed += 2;
  pipeline.stats.deadLetters.set('guest.trap', 1);
  const past = addPipeline(emptyTotals(), pipeline);
  const { stats, measures } = addPipeline(past, pipeline);
  assert.deepEqual([stats.received, stats.deadLetters.get('guest.trap')], [10, 2]);
  assert.deepEqual([measures.batchRecords, measures.steps.produce.sum], [10, 20e6]);
  assert.deepEqual([measures.rebalances.lost, measures.commits.failed], [2, 4]);
  assert.deepEqual([past.measures.batchRecords, pipeline.measures.batchRecords], [5, 5]);
  assert.equal(past.stats.deadLetters.get('guest.trap'), 1);
});
