import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import { HandWorld, record } from './sim/hand-world.ts';
import type { RecordTrace, TraceOrder, Tracing } from './tracing.ts';

/* What the data path tells of its batches and records, whatever becomes of it. */

const ORDER: TraceOrder = { contexts: 'as_it_says', recordsMax: 9, recordBytesMax: 9 };
const OF_RECORD: TraceOrder = { ...ORDER, again: { traceId: 't', spanId: 's' } };

/** Notes what it is told. */
function notes(): { readonly told: string[]; readonly tracing: Tracing } {
  const told: string[] = [];
  const recordTrace = (index: number): RecordTrace => ({
    order: OF_RECORD,
    failed: ({ code }, attempt) => void told.push(`${index} failed ${code} ${attempt}`),
    tried: () => void told.push(`${index} tried`),
    sending: (topic) => {
      told.push(`${index} sending ${topic ?? 'outputs'}`);
      return (failures) => void told.push(`${index} sent ${failures.length}`);
    },
    settled: (outcome) => void told.push(`${index} settled ${Object.keys(outcome).join()}`),
  });
  const tracing: Tracing = {
    polled: ({ recordCount }) => {
      told.push(`polled ${recordCount}`);
      return {
        order: ORDER,
        dispatched: () => void told.push('dispatched'),
        answered: (work) => void told.push(work === undefined ? 'no answer' : 'answered'),
        sending: ({ recordCount: count, lastRecord, outputs }) => {
          const run = `${lastRecord - count + 1}-${lastRecord}`;
          told.push(`sending ${run} ${outputs}`);
          return (failures) => void told.push(`sent ${run} ${failures.map(({ code }) => code).join()}`);
        },
        record: recordTrace,
        ended: () => void told.push('ended'),
      };
    },
    committing: (offsets) => {
      const what = offsets.map(({ partition, offset }) => `${partition}@${offset}`).join();
      return (error) => void told.push(`committed ${what}${error === undefined ? '' : ` ${error.code}`}`);
    },
  };
  return { told, tracing };
}

void test('a batch from its poll to its commit, with a retry, a dead letter and a record that was dropped', async () => {
  const { told, tracing } = notes();
  const world = await HandWorld.running([0], { tracing, errors: { maxRetries: 1, retryBackoffMs: 10 } });
  world.executor.fates.set('0@1', 'filter');
  world.executor.fates.set('0@2', 'guest.failed');
  world.source.give(record(0, 0), record(0, 1), record(0, 2), record(0, 3));
  await world.clock.advance(200);
  assert.deepEqual(told.slice(0, 4), ['polled 4', 'dispatched', 'answered', 'sending 0-1 1']);
  assert.deepEqual(
    told.filter((text) => text.startsWith('2 ')),
    [
      '2 failed guest.failed 1',
      '2 tried',
      '2 failed guest.failed 2',
      '2 sending sim.dlq',
      '2 sent 0',
      '2 settled deadLettered',
    ],
  );
  assert.deepEqual(
    told.filter((text) => text.startsWith('sen')),
    ['sending 0-1 1', 'sent 0-1 ', 'sending 3-3 1', 'sent 3-3 '],
  );
  assert.ok(told.indexOf('ended') > told.indexOf('sent 3-3 '));
  assert.equal(told.at(-1), 'committed 0@4');
  assert.deepEqual(world.executor.orders, [ORDER, OF_RECORD], 'a retry belongs to its record');
  await world.until(world.pipeline.stop());
});

void test('outputs that were refused, and a retry that succeeds', async () => {
  const { told, tracing } = notes();
  const world = await HandWorld.running([0], { tracing, errors: { maxRetries: 1, retryBackoffMs: 10 } });
  world.sink.refusals.set('0@0', 'record.too_large');
  world.executor.fates.set('0@1', (attempt) => (attempt === 1 ? 'guest.trap' : undefined));
  world.source.give(record(0, 0));
  await world.clock.advance(100);
  world.source.give(record(0, 1));
  await world.clock.advance(100);
  assert.ok(told.includes('sent 0-0 record.too_large'));
  assert.deepEqual(
    told.filter((text) => /^0 (?!failed)/.test(text)),
    [
      '0 sending sim.dlq',
      '0 sent 0',
      '0 settled deadLettered',
      '0 tried',
      '0 sending outputs',
      '0 sent 0',
      '0 settled output',
    ],
  );
  await world.until(world.pipeline.stop());
});

void test('a transaction is a commit, and one that is aborted says why', async () => {
  const { told, tracing } = notes();
  const world = await HandWorld.running([0], { tracing, delivery: 'exactly_once' });
  world.sink.transactions?.commitErrors.push(new StreamlineError('broker.transaction_aborted', 'by hand'));
  world.source.give(record(0, 0));
  await world.clock.advance(100);
  world.source.give(record(0, 0));
  await world.clock.advance(500);
  assert.deepEqual(
    told.filter((text) => text.startsWith('committed')),
    ['committed 0@1 broker.transaction_aborted', 'committed 0@1'],
  );
  assert.equal(told.filter((text) => text === 'ended').length, 2);
  await world.until(world.pipeline.stop());
});

void test('guests that are lost: the batch has no answer, and ends', async () => {
  const { told, tracing } = notes();
  const world = await HandWorld.running([0], { tracing });
  world.executor.lost = new StreamlineError('guest.stuck', 'by hand');
  world.source.give(record(0, 0));
  await world.rest();
  assert.deepEqual(told, ['polled 1', 'dispatched', 'no answer', 'ended']);
  await world.until(world.pipeline.stop());
});

void test('without tracing no batch has an order', async () => {
  const world = await HandWorld.running([0]);
  world.source.give(record(0, 0));
  await world.rest();
  assert.deepEqual(world.executor.orders, [undefined]);
  await world.until(world.pipeline.stop());
});
