import { once } from 'node:events';
import { connect } from 'node:net';
import type { BridgeAddon } from '../../src/kafka/bridge-addon.ts';
import { consume, consumerOn, jobOf, produce, producerOn, records, startMockCluster } from './clients.ts';

/** Where an activity goes on. */
export interface Place {
  /** A cluster that answers, with records in `TOPIC`. */
  readonly bootstrap: string;
  /** One that accepts connections and never says a word. */
  readonly silent: string;
}

export const TOPIC = 'busy';

/**
 * What the addon may be doing when its process or worker ends. Each resolves when it is in the midst of it, and goes on for ever. A group of
 * its own each: the ended ones left without a word.
 */
export const ACTIVITIES = {
  'connecting to nobody': (addon) => start(consumerOn(addon, '127.0.0.1:1', TOPIC, group()).connect(TOPIC, 60_000)),
  'connecting to a silent broker': (addon, { silent }) =>
    start(producerOn(addon, silent).connect(TOPIC, 60_000), listening(silent)),
  'asking a silent broker': (addon, { silent }) =>
    start(consumerOn(addon, silent, TOPIC, group()).lookUp(Int32Array.of(0), undefined, 60_000)),
  joining: async (addon, { bootstrap }) => {
    const consumer = consumerOn(addon, bootstrap, TOPIC, group());
    await consumer.subscribe();
    void consumer.poll(new Uint8Array(new SharedArrayBuffer(1000)), 1, 60_000);
  },
  consuming: async (addon, place) => {
    const next = await consuming(addon, place);
    void (async () => {
      for (;;) await next();
    })();
  },
  'waiting for a record': async (addon, place) => {
    const next = await consuming(addon, place);
    while (await next());
    void next(60_000);
  },
  // Its handle has something under way that librdkafka waits for as long as a session lasts.
  'committing to a broker that went': async (addon) => {
    const cluster = await startMockCluster(addon);
    await produce(cluster.producer, TOPIC, jobOf(records(100), 0));
    const consumer = consumerOn(addon, cluster.bootstrap, TOPIC, group());
    await consumer.subscribe();
    await consume(consumer, 100);
    await cluster.producer.close();
    void consumer.commit(Int32Array.of(0), Float64Array.of(100));
    await consumer.poll(new Uint8Array(new SharedArrayBuffer(1000)), 1, 200);
  },
  producing: (addon, place) => {
    const producer = producerOn(addon, place.bootstrap);
    const one = (): Promise<unknown> => produce(producer, 'sink', jobOf(records(500)));
    for (let i = 0; i < 4; i += 1) {
      void (async () => {
        for (;;) await one();
      })();
    }
    return start(one());
  },
  'producing for a silent broker': (addon, { silent }) => {
    const producer = producerOn(addon, silent);
    return start(produce(producer, 'sink', jobOf(records(500))));
  },
  'beginning transactions on a silent broker': (addon, { silent }) =>
    start(producerOn(addon, silent, { 'transactional.id': group() }).transaction('init', 60_000)),
  'in transactions': async (addon, { bootstrap }) => {
    const producer = producerOn(addon, bootstrap, { 'transactional.id': group() });
    await producer.transaction('init', 20_000);
    const transaction = async (): Promise<void> => {
      await producer.transaction('begin', 1000);
      void produce(producer, 'sink', jobOf(records(100)));
      await producer.transaction('commit', 20_000);
    };
    await transaction();
    void (async () => {
      for (;;) await transaction();
    })();
  },
  'closing a consumer': async (addon, place) => {
    const consumer = consumerOn(addon, place.bootstrap, TOPIC, group());
    await consumer.subscribe();
    await consumer.poll(new Uint8Array(new SharedArrayBuffer(100_000)), 10, 10_000);
    void consumer.close();
  },
  'closing a producer': async (addon, { bootstrap }) => {
    const producer = producerOn(addon, bootstrap);
    await produce(producer, 'sink', jobOf(records(10)));
    void produce(producer, 'sink', jobOf(records(1000)));
    void producer.close();
  },
  'making clients': (addon, { bootstrap }) => {
    const make = (): void => {
      const consumer = consumerOn(addon, bootstrap, TOPIC, group());
      void consumer.subscribe();
      void consumer.close();
      setImmediate(make);
    };
    make();
    return Promise.resolve();
  },
} as const satisfies Readonly<Record<string, (addon: BridgeAddon, place: Place) => Promise<void>>>;

export type Activity = keyof typeof ACTIVITIES;
export const ACTIVITY_NAMES = Object.keys(ACTIVITIES) as readonly Activity[];

const group = (): string => `group-${crypto.randomUUID()}`;

/** Resolves once the work had the time to get going; never waits for its end. */
async function start(work: Promise<unknown>, ready: Promise<unknown> = Promise.resolve()): Promise<void> {
  void work;
  await ready;
  await new Promise(setImmediate);
}

async function listening(address: string): Promise<void> {
  const [host = '', port = ''] = address.split(':');
  const socket = connect(Number(port), host);
  await once(socket, 'connect');
  socket.destroy();
}

async function consuming(addon: BridgeAddon, { bootstrap }: Place): Promise<(waitMs?: number) => Promise<number>> {
  const consumer = consumerOn(addon, bootstrap, TOPIC, group());
  await consumer.subscribe();
  const buffer = new Uint8Array(new SharedArrayBuffer(100_000));
  const next = (waitMs = 100): Promise<number> => consumer.poll(buffer, 100, waitMs);
  while ((await next(10_000)) === 0);
  return next;
}
