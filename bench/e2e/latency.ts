import { RdKafka, type ClientMessage } from '../../src/kafka/client.ts';
import { quantile, say, shown, type Row } from '../rows.ts';
import { connected, disconnected, promise } from './client.ts';
import { MASK_CONFIG } from './copies.ts';
import type { E2eContext } from './e2e-bench.ts';
import { inputRecords, openProducer } from './input.ts';
import { startSidecar } from './sidecar.ts';

const RATE_PER_S = 5000;
const TICK_MS = 1;
const READ_BATCH = 1000;
const READ_WAIT_MS = 100;
const ARRIVE_MS_MAX = 10_000;
const HEADER = 'sent_ms';
/** -1: the end of the partition. */
const FROM_END = -1;

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** Reads a topic from its end and notes how long each record was under way. */
class ArrivalReader {
  readonly latenciesMs: number[] = [];
  readonly #consumer: InstanceType<typeof RdKafka.KafkaConsumer>;
  #stopping = false;
  #running: Promise<void> = Promise.resolve();

  constructor(bootstrap: string) {
    this.#consumer = new RdKafka.KafkaConsumer(
      {
        'bootstrap.servers': bootstrap,
        'group.id': `bench-latency-${process.pid}`,
        'enable.auto.commit': false,
        'fetch.wait.max.ms': 5,
      },
      {},
    );
  }

  async start(topic: string, partitions: number): Promise<void> {
    await connected(this.#consumer);
    const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: FROM_END }));
    this.#consumer.assign(all);
    this.#running = this.#read();
  }

  /** First one record, however long it takes, then what else is there: a consume of n waits for each of them. */
  async #read(): Promise<void> {
    while (!this.#stopping) {
      this.#consumer.setDefaultConsumeTimeout(READ_WAIT_MS);
      this.#note(await this.#consume(1));
      this.#consumer.setDefaultConsumeTimeout(0);
      this.#note(await this.#consume(READ_BATCH));
    }
  }

  #consume(count: number): Promise<ClientMessage[]> {
    return promise<unknown>((done) => this.#consumer.consume(count, done)) as Promise<ClientMessage[]>;
  }

  #note(messages: readonly ClientMessage[]): void {
    const nowMs = performance.now();
    for (const { headers } of messages) {
      const sent = (headers ?? []).find((header) => HEADER in header) as Record<string, Uint8Array> | undefined;
      this.latenciesMs.push(nowMs - Number(Buffer.from(sent?.[HEADER] ?? '').toString('latin1')));
    }
  }

  async close(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    await disconnected(this.#consumer);
  }
}

/** RATE_PER_S for `seconds`, evenly. @returns how many */
async function producePaced(bootstrap: string, topic: string, seconds: number): Promise<number> {
  const records = inputRecords(RATE_PER_S);
  const producer = await openProducer(bootstrap);
  const count = RATE_PER_S * seconds;
  const began = performance.now();
  let sent = 0;
  while (sent < count) {
    const due = Math.min(count, Math.floor(((performance.now() - began) * RATE_PER_S) / 1000));
    for (; sent < due; sent += 1) {
      const record = records[sent % records.length];
      if (record === undefined) break;
      const headers = [{ [HEADER]: String(performance.now()) }];
      const code = producer.native.produce(topic, -1, record.value, record.key, undefined, undefined, headers);
      if (code !== 0) throw new Error(`librdkafka error ${code} at ${RATE_PER_S} records/s`);
    }
    await pause(TICK_MS);
  }
  await producer.flush();
  await producer.close();
  return count;
}

interface Seconds {
  readonly warmUp: number;
  readonly measured: number;
}

/** Latencies from produce to arrival, of what was sent after the warm-up. */
export async function latencies(
  context: E2eContext,
  input: string,
  output: string,
  seconds: Seconds,
): Promise<number[]> {
  const { bootstrap, partitions } = context;
  const reader = new ArrivalReader(bootstrap);
  await reader.start(output, partitions);
  try {
    const warmUp = await producePaced(bootstrap, input, seconds.warmUp);
    await arrived(reader, warmUp);
    const sent = await producePaced(bootstrap, input, seconds.measured);
    await arrived(reader, warmUp + sent);
    return reader.latenciesMs.slice(warmUp);
  } finally {
    await reader.close();
  }
}

async function arrived(reader: ArrivalReader, count: number): Promise<void> {
  const deadline = performance.now() + ARRIVE_MS_MAX;
  while (reader.latenciesMs.length < count) {
    if (performance.now() > deadline) throw new Error(`${reader.latenciesMs.length} of ${count} records arrived`);
    await pause(READ_WAIT_MS);
  }
}

/** Masking at a steady 5,000 records/s, from the call of produce to the arrival at a consumer of the output. */
export async function latencyFigures(context: E2eContext, seconds: Seconds): Promise<Row[]> {
  const { bootstrap, id, topics, partitions, folder, profileDir } = context;
  const input = `bench-latency-in-${id}`;
  const output = `bench-latency-out-${id}`;
  await topics.create(input, partitions);
  await topics.create(output, partitions);
  const floor = await latencies(context, input, input, { warmUp: 1, measured: Math.ceil(seconds.measured / 3) });
  say(`  without a sidecar: ${spread(floor)}`);
  const sidecar = startSidecar({
    ...{ bootstrap, input, folder, run: `latency-${id}`, profileDir, start: 'earliest' },
    specs: [{ name: 'mask', module: 'mask_pii.wasm', config: MASK_CONFIG, output }],
    kafka: { 'linger.ms': 2 },
  });
  try {
    // The floor's records come first: when the last of them is through, the sidecar is running.
    await caughtUp(context, input, output);
    const measured = await latencies(context, input, output, seconds);
    say(`  masking: ${spread(measured)}`);
    const row = (name: string, share: number): Row => ({
      name: `e2e.${name}`,
      value: quantile(measured, share),
      unit: 'ms',
    });
    return [row('p50_ms_at_5k', 0.5), row('p99_ms_at_5k', 0.99), row('p999_ms_at_5k', 0.999)];
  } finally {
    await sidecar.stop();
    await topics.delete(input);
    await topics.delete(output);
  }
}

async function caughtUp({ topics, partitions }: E2eContext, input: string, output: string): Promise<void> {
  const deadline = performance.now() + 6 * ARRIVE_MS_MAX;
  while ((await topics.endOffset(output, partitions)) < (await topics.endOffset(input, partitions))) {
    if (performance.now() > deadline) throw new Error('the sidecar does not catch up');
    await pause(READ_WAIT_MS);
  }
}

function spread(values: readonly number[]): string {
  const at = (share: number): string => shown(quantile(values, share));
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, p99.9 ${at(0.999)} ms`;
}
