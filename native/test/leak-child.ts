// A life of clients from beginning to end, then the process ends by itself: what is left then was lost.
import { addonUnderTest } from './addon.ts';
import { closeAll, consume, consumerOn, jobOf, produce, producerOn, records, startMockCluster } from './clients.ts';

const addon = addonUnderTest();
const cluster = await startMockCluster(addon);
for (let i = 0; i < 5; i += 1) {
  const producer = producerOn(addon, cluster.bootstrap);
  for (const partition of [0, 1]) await produce(producer, `leak-${i}`, jobOf(records(500), partition));
  const consumer = consumerOn(addon, cluster.bootstrap, `leak-${i}`, `leak-${i}`);
  await consumer.connect(`leak-${i}`, 10_000);
  await consumer.subscribe();
  await consume(consumer, 900);
  await consumer.seek(Int32Array.of(0), Float64Array.of(0));
  await consumer.commit(Int32Array.of(0), Float64Array.of(10));
  await consumer.lookUp(Int32Array.of(0), undefined, 5000);
  await consumer.groupMetadata();
  // Cut off: with a poll that waits, records taken and not handed out, a job under way.
  void consumer.poll(new Uint8Array(new SharedArrayBuffer(2000)), 1, 60_000);
  void produce(producer, `leak-${i}`, jobOf(records(500)));
  await Promise.all([consumer.close(), producer.close()]);
}
await closeAll();
