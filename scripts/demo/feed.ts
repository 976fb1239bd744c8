import { setTimeout as delay } from 'node:timers/promises';
import confluent from '@confluentinc/kafka-javascript';
import { generate } from '../../examples/data/generate.ts';
import { DemoError } from './demo-error.ts';
import { DEMO_TRANSFORMS } from './plan.ts';
import { EVENT_HEADER, eventId, RUN_HEADER, type FedRecord } from './record.ts';

const CONNECT_MS = 10_000;
const FLUSH_MS = 30_000;
const CHUNK = 500;

/** The events of a run: as many for each transform, or nearly, the same ones for the same seed. */
export function eventsOf(seed: number, count: number): FedRecord[] {
  return DEMO_TRANSFORMS.flatMap(({ name, input, mix }, i) => {
    const share = Math.floor(count / DEMO_TRANSFORMS.length) + (i < count % DEMO_TRANSFORMS.length ? 1 : 0);
    const samples = [...generate(input, seed, share, mix)];
    return samples.map((sample, sequence): FedRecord => ({ transform: name, sequence, sample }));
  });
}

/** Produces the events, keys placed as Java clients place them; resolves when all are acknowledged. */
export async function feed(
  bootstrap: string,
  run: string,
  events: readonly FedRecord[],
  onProgress: (done: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const producer = new confluent.RdKafka.Producer(
    {
      'bootstrap.servers': bootstrap,
      'enable.idempotence': true,
      partitioner: 'murmur2_random',
      'linger.ms': 5,
      dr_cb: true,
      'delivery.report.only.error': true,
    },
    {},
  );
  await new Promise<void>((resolve, reject) => {
    producer.connect({ timeout: CONNECT_MS }, (error) =>
      error ? reject(new DemoError(`the feed cannot connect: ${error.message}`)) : resolve(),
    );
  });
  let refused: string | undefined;
  producer.on('delivery-report', (error) => {
    refused ??= error?.message;
  });
  try {
    const inputs = new Map(DEMO_TRANSFORMS.map(({ name, input }) => [name, input]));
    for (const [i, event] of events.entries()) {
      const { transform, sample } = event;
      const headers = [...sample.headers, [RUN_HEADER, run], [EVENT_HEADER, eventId(event)]] as const;
      producer.produce(
        inputs.get(transform) ?? '',
        null,
        sample.value === null ? null : Buffer.from(sample.value),
        sample.key,
        sample.timestampMs,
        undefined,
        headers.map(([name, value]) => ({ [name]: Buffer.from(value) })),
      );
      if (i % CHUNK !== CHUNK - 1) continue;
      onProgress(i + 1);
      await delay(0, undefined, { signal });
    }
    await new Promise<void>((resolve, reject) => {
      producer.flush(FLUSH_MS, (error) => {
        // Reports of failures wait for a poll.
        producer.poll();
        if (error) reject(new DemoError(`the cluster did not take the events: ${error.message}`));
        else resolve();
      });
    });
    if (refused !== undefined) throw new DemoError(`the cluster refused an event: ${refused}`);
    onProgress(events.length);
  } finally {
    await new Promise<void>((resolve) => void producer.disconnect(() => resolve()));
  }
}
