import assert from 'node:assert/strict';
import type { PlainRecord } from '../../src/pipeline/packed-batch.ts';
import { addonTest } from './addon.ts';
import { consume, consumerOn, DESTROY, jobOf, produce, producerOn, records, startMockCluster } from './clients.ts';

addonTest('what is produced is consumed: key, value, headers, timestamp, order', 60_000, async (addon) => {
  const cluster = await startMockCluster(addon);
  const producer = producerOn(addon, cluster.bootstrap);
  assert.equal(await producer.connect('round-trip', 10_000), 0);
  const sent = records(5000);
  assert.equal(await produce(producer, 'round-trip', jobOf(sent, 2)), undefined);
  const consumer = consumerOn(addon, cluster.bootstrap, 'round-trip', 'g');
  assert.equal(await consumer.subscribe(), 0);
  const seen: PlainRecord[] = [];
  await consume(consumer, sent.length, (record) => seen.push(record));
  const expected = sent.map((record) => ({ ...record, partition: 2 }));
  assert.deepEqual(seen.map(comparable), expected.map(comparable));
  assert.deepEqual(await consumer.commit(Int32Array.of(2), Float64Array.of(sent.length)), [0]);
  assert.deepEqual(await consumer.lookUp(Int32Array.of(2), undefined, 5000), [0, 2, sent.length]);
  assert.ok((await consumer.groupMetadata()).length > 0);
  assert.equal(consumer.highOffset(2), sent.length);
});

addonTest('a transaction goes through all its steps', 60_000, async (addon) => {
  const cluster = await startMockCluster(addon);
  const producer = producerOn(addon, cluster.bootstrap, { 'transactional.id': 'tx' });
  const consumer = consumerOn(addon, cluster.bootstrap, 'tx-input', 'tx-group');
  const ok = [0, '', false, false, false];
  assert.deepEqual(await producer.transaction('init', 20_000), ok);
  assert.deepEqual(await producer.transaction('begin', 1000), ok);
  assert.equal(await produce(producer, 'tx-input', jobOf(records(100), 0)), undefined);
  assert.deepEqual(await producer.transaction('commit', 10_000), ok);
  await consumer.subscribe();
  await consume(consumer, 100);
  const member = await consumer.groupMetadata();
  assert.deepEqual(await producer.transaction('begin', 1000), ok);
  const offsets = [Int32Array.of(0), Float64Array.of(100)] as const;
  assert.deepEqual(await producer.transaction('offsets', 10_000, 'tx-input', ...offsets, member), ok);
  assert.deepEqual(await producer.transaction('commit', 10_000), ok);
  // That a group sees them is tested on a real broker: the mock cluster takes a transaction's offsets and forgets them.
  assert.deepEqual(await producer.transaction('begin', 1000), ok);
  assert.deepEqual(await producer.transaction('abort', 10_000), ok);
});

addonTest('everything asked of a closed client is answered', 60_000, async (addon) => {
  const cluster = await startMockCluster(addon);
  const consumer = consumerOn(addon, cluster.bootstrap, 'closed', 'g');
  const producer = producerOn(addon, cluster.bootstrap, { 'transactional.id': 'closed' });
  const shared = new Uint8Array(new SharedArrayBuffer(64));
  const [p, o] = [Int32Array.of(0), Float64Array.of(1)];
  const ask = () => ({
    subscribe: consumer.subscribe(),
    poll: consumer.poll(shared, 10, 60_000),
    assign: consumer.assign(0, p),
    seek: consumer.seek(p, o),
    commit: consumer.commit(p, o),
    lookUp: consumer.lookUp(p, undefined, 60_000),
    groupMetadata: consumer.groupMetadata(),
    connect: consumer.connect('closed', 60_000),
    produce: produce(producer, 'closed', jobOf(records(10))),
    purge: producer.purge(),
    transaction: producer.transaction('init', 60_000),
    connected: producer.connect(undefined, 60_000),
  });
  const before = ask();
  // More than once, by two callers.
  const closing = [consumer.close(), consumer.close(), producer.close(), producer.close()];
  const during = ask();
  await Promise.all(closing);
  const after = ask();
  consumer.pause(p, true);
  assert.equal(consumer.highOffset(0), -1);
  for (const asked of [before, during, after]) {
    for (const [name, answer] of Object.entries(asked)) {
      assert.notEqual(await Promise.race([answer, never]), 'nothing came', name);
    }
  }
  assert.equal(await after.poll, 0);
  for (const answer of [after.subscribe, after.assign, after.seek, after.connect, after.purge])
    assert.equal(await answer, DESTROY);
  for (const answer of [after.commit, after.lookUp, after.produce, after.transaction])
    assert.equal((await answer)?.[0], DESTROY);
  assert.equal((await after.groupMetadata).length, 0);
});

const never = new Promise((resolve) => setTimeout(resolve, 20_000, 'nothing came').unref());

function comparable({ key, value, headers, ...rest }: PlainRecord): unknown {
  const text = (bytes: Uint8Array | null): string | null =>
    bytes === null ? null : Buffer.from(bytes).toString('latin1');
  return {
    ...rest,
    key: text(key),
    value: text(value),
    headers: headers.map((header) => [header.name, text(header.value)]),
  };
}
