import { setTimeout as delay } from 'node:timers/promises';
import { generate } from '../../examples/data/generate.ts';
import { EventProducer } from './event-producer.ts';
import { DEMO_TRANSFORMS } from './plan.ts';
import { EVENT_HEADER, eventId, RUN_HEADER, type FedRecord } from './record.ts';

const CHUNK = 500;

/** The events of a run: as many for each transform, or nearly, the same ones for the same seed. */
export function eventsOf(seed: number, count: number): FedRecord[] {
  return DEMO_TRANSFORMS.flatMap(({ name, input, mix }, i) => {
    const share = Math.floor(count / DEMO_TRANSFORMS.length) + (i < count % DEMO_TRANSFORMS.length ? 1 : 0);
    const samples = [...generate(input, seed, share, mix)];
    return samples.map((sample, sequence): FedRecord => ({ transform: name, sequence, sample }));
  });
}

/** Produces the events; resolves when all are acknowledged. */
export async function feed(
  bootstrap: string,
  run: string,
  events: readonly FedRecord[],
  onProgress: (done: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const producer = await EventProducer.connect(bootstrap);
  try {
    const inputs = new Map(DEMO_TRANSFORMS.map(({ name, input }) => [name, input]));
    for (const [i, event] of events.entries()) {
      const { transform, sample } = event;
      producer.produce(inputs.get(transform) ?? '', sample, [
        [RUN_HEADER, run],
        [EVENT_HEADER, eventId(event)],
      ]);
      if (i % CHUNK !== CHUNK - 1) continue;
      onProgress(i + 1);
      await delay(0, undefined, { signal });
    }
    await producer.flush();
    onProgress(events.length);
  } finally {
    await producer.close();
  }
}
