/**
 * The loop the sidecar is measured against: consume → produce → commit on the same client with the same settings, no transform, no
 * ledger, no thread. Written as well as the client allows: the low-level API, the next batch is collected while this one is
 * produced, delivery reports for failures only, one flush → commit in 100 ms, keys, headers and timestamps carried over.
 *
 * node bare-loop.ts BOOTSTRAP INPUT OUTPUT GROUP
 */
import { consumerConfig, producerConfig } from '../../src/kafka/client-config.ts';
import { RD, RdKafka, type ClientMessage, type NativeProducer } from '../../src/kafka/client.ts';
import { connected, disconnected, promise } from './client.ts';

const BATCH_RECORDS = 2000;
const COMMIT_INTERVAL_MS = 100;
const IDLE_WAIT_MS = 100;
/** As in the sidecar: a flush ends this soon after its last acknowledgement. */
const FLUSH_SLICE_MS = 2;

const [bootstrap = '', input = '', output = '', group = ''] = process.argv.slice(2);
const identity = { kafka: { 'bootstrap.servers': bootstrap }, clientId: 'bench-bare-loop' };

let wake: (() => void) | undefined;
const callbacks = { rebalance_cb: true, queue_non_empty_cb: () => wake?.() };
const consumer = new RdKafka.KafkaConsumer(consumerConfig(identity, group, callbacks));
const limits = { recordBytesMax: 1_000_000, queueBytesMax: 32 * 1024 * 1024, queueRecordsMax: 100_000 };
const producer = new RdKafka.Producer(producerConfig(identity, limits));
await connected(consumer);
await connected(producer);
consumer.setDefaultConsumeTimeout(0);
producer.setPollInterval(COMMIT_INTERVAL_MS);
producer.on('delivery-report', (error) => {
  if (error) throw new Error(`a record was not produced: ${error.message}`);
});
const native = (producer as unknown as { getClient(): NativeProducer }).getClient();
consumer.subscribe([input]);

const consume = (): Promise<ClientMessage[]> =>
  promise<unknown>((done) => consumer.consume(BATCH_RECORDS, done)) as Promise<ClientMessage[]>;

function idle(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => wake?.(), IDLE_WAIT_MS);
    wake = () => {
      wake = undefined;
      clearTimeout(timer);
      resolve();
    };
  });
}

async function flush(): Promise<void> {
  for (;;) {
    const flushed = await new Promise<boolean>((resolve) => {
      producer.flush(FLUSH_SLICE_MS, (error) => resolve(error === null || error === undefined));
    });
    if (flushed) return;
  }
}

const positions: number[] = [];

/** @returns false when the queue is full */
function produced({ partition, offset, value, key, timestamp, headers }: ClientMessage): boolean {
  const code = native.produce(
    output,
    -1,
    value,
    typeof key === 'string' ? Buffer.from(key) : (key ?? null),
    timestamp,
    undefined,
    headers === undefined ? undefined : [...headers],
  );
  if (code === RD.QUEUE_FULL) return false;
  if (code !== 0) throw new Error(`a record was not produced: librdkafka error ${code}`);
  positions[partition] = offset + 1;
  return true;
}

let stopping = false;
process.once('SIGTERM', () => {
  stopping = true;
  wake?.();
});

let committedAtMs = performance.now();
let uncommitted = 0;
let next = consume();
while (!stopping) {
  const messages = await next;
  next = consume();
  for (const message of messages) {
    while (!produced(message)) await flush();
  }
  uncommitted += messages.length;
  if (uncommitted > 0 && performance.now() - committedAtMs >= COMMIT_INTERVAL_MS) {
    await flush();
    consumer.commit(positions.map((offset, partition) => ({ topic: input, partition, offset })));
    uncommitted = 0;
    committedAtMs = performance.now();
  }
  if (messages.length === 0) await idle();
}
await next;
await flush();
if (uncommitted > 0) {
  consumer.commitSync(positions.map((offset, partition) => ({ topic: input, partition, offset })));
}
await disconnected(producer);
await disconnected(consumer);
process.exit(0);
