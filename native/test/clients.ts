import assert from 'node:assert/strict';
import {
  ASSIGN,
  type BridgeAddon,
  type BridgeClient,
  type BridgeConsumer,
  type BridgeEvent,
  type BridgeProducer,
  type Properties,
} from '../../src/kafka/bridge-addon.ts';
import { BatchReader, packBatch, type PlainRecord } from '../../src/pipeline/packed-batch.ts';
import { ALL_FROM_INPUT, DEFAULT_TOPIC, KIND_OUTPUT, ResultWriter } from '../../src/pipeline/packed-results.ts';

const ASSIGN_PARTITIONS = -175;
export const DESTROY = -197;

const NOTHING = new Int32Array();

const open: BridgeClient[] = [];

/** What the test that ends made and did not close: each is a thread that keeps the process. */
export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((client) => client.close()));
}

function opened<T extends BridgeClient>(client: T): T {
  open.push(client);
  return client;
}

export interface MockCluster {
  readonly bootstrap: string;
  readonly producer: BridgeProducer;
}

/** librdkafka's mock cluster inside a producer of the addon; it is gone when that is closed. Topics have 4 partitions. */
export async function startMockCluster(addon: BridgeAddon): Promise<MockCluster> {
  const bootstrap = Promise.withResolvers<string>();
  const onEvent = (...event: BridgeEvent): void => {
    if (event[0] !== 'stats') return;
    const { brokers } = JSON.parse(event[1]) as { brokers: Record<string, { nodename: string; nodeid: number }> };
    const nodes = Object.values(brokers).filter(({ nodeid }) => nodeid > 0);
    if (nodes.length > 0) bootstrap.resolve(nodes.map(({ nodename }) => nodename).join(','));
  };
  const producer = opened(
    new addon.Producer({ 'test.mock.num.brokers': '1', 'statistics.interval.ms': '20' }, onEvent),
  );
  return { bootstrap: await bootstrap.promise, producer };
}

export function producerOn(addon: BridgeAddon, bootstrap: string, properties: Properties = {}): BridgeProducer {
  return opened(
    new addon.Producer(
      { 'bootstrap.servers': bootstrap, 'enable.idempotence': 'true', log_level: '0', ...properties },
      () => undefined,
    ),
  );
}

/** A consumer that answers every rebalance at once, as a member of its group without anything to finish. */
export function consumerOn(
  addon: BridgeAddon,
  bootstrap: string,
  topic: string,
  group: string,
  properties: Properties = {},
): BridgeConsumer {
  const consumer: BridgeConsumer = new addon.Consumer(
    {
      'bootstrap.servers': bootstrap,
      'group.id': group,
      'enable.auto.commit': 'false',
      'auto.offset.reset': 'earliest',
      log_level: '0',
      ...properties,
    },
    topic,
    (...event: BridgeEvent) => {
      if (event[0] !== 'rebalance') return;
      const [, code, partitions, , protocol] = event;
      const gained = code === ASSIGN_PARTITIONS;
      if (protocol === 'COOPERATIVE')
        void consumer.assign(gained ? ASSIGN.add : ASSIGN.remove, Int32Array.from(partitions));
      else void consumer.assign(gained ? ASSIGN.all : ASSIGN.none, gained ? Int32Array.from(partitions) : NOTHING);
    },
  );
  return opened(consumer);
}

export function records(count: number, valueBytes = 200, partition = 0): PlainRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    partition,
    offset: i,
    timestampMs: 1_700_000_000_000 + i,
    key: Buffer.from(`key-${i}`),
    value: Buffer.alloc(valueBytes, `value ${i} `),
    headers:
      i % 10 === 0
        ? [
            { name: 'n', value: Buffer.from(String(i)) },
            { name: 'null', value: null },
          ]
        : [],
  }));
}

/** What `produce` takes: a batch, and results that pass every record on as it was. */
export interface Job {
  readonly batch: Uint8Array;
  readonly results: Uint8Array;
  readonly ranges: Uint32Array;
}

export function jobOf(plain: readonly PlainRecord[], partition = -1): Job {
  const batch = packBatch(plain);
  const writer = new ResultWriter(new SharedArrayBuffer(64 * plain.length + 64));
  for (const i of plain.keys()) writer.plain(i, KIND_OUTPUT, ALL_FROM_INPUT, DEFAULT_TOPIC, partition, 0);
  return {
    batch: new Uint8Array(batch.buffer),
    results: writer.bytes,
    ranges: Uint32Array.of(0, writer.byteLength),
  };
}

export const notEnded = (): Int32Array => new Int32Array(new SharedArrayBuffer(4));

export function produce(producer: BridgeProducer, topic: string, job: Job): Promise<readonly number[] | undefined> {
  return producer.produce(job.batch, job.results, job.ranges, [], topic, true, notEnded());
}

/** Polls until so many records came; `onRecord` sees each, `false` reads none of them. */
export async function consume(
  consumer: BridgeConsumer,
  count: number,
  onRecord: ((record: PlainRecord) => void) | false = () => undefined,
): Promise<void> {
  const buffer = new SharedArrayBuffer(1024 * 1024);
  for (let seen = 0; seen < count;) {
    const bytes = await consumer.poll(new Uint8Array(buffer), 2000, 1000);
    assert.ok(bytes >= 0, `a record needs ${-bytes} bytes`);
    if (bytes === 0) continue;
    const reader = new BatchReader(buffer);
    reader.segments();
    if (onRecord !== false) for (let i = 0; i < reader.recordCount; i += 1) onRecord(reader.plain(i));
    seen += reader.recordCount;
  }
}
