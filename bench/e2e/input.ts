import { picker, type Pick } from '../../examples/data/pick.ts';
import { seededRng } from '../../src/base/rng.ts';
import { producerConfig } from '../../src/kafka/client-config.ts';
import { RD, RdKafka, type NativeProducer } from '../../src/kafka/client.ts';
import { connected, disconnected, promise } from './client.ts';

/** Different records; a topic repeats them. */
const DISTINCT_RECORDS = 20_000;
const SEED = 11;
const QUEUE_RECORDS_MAX = 200_000;
const QUEUE_BYTES_MAX = 128 * 1024 * 1024;
const FLUSH_MS_MAX = 60_000;
const RECORD_BYTES_MAX = 1_000_000;

/** Fields of every record that the masking contestants mask. */
export const MASK_CONFIG = { fields_to_mask: ['email', 'phone', 'ssn'] };

export interface InputRecord {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** A user event with three fields to mask; with its key about 260 bytes. */
function inputRecord(pick: Pick, index: number): InputRecord {
  const type = pick.of(['signup', 'login', 'purchase', 'logout']);
  const name = pick.of(['Zoë Müller', 'Ada Lovelace', 'Omar Haddad', 'Łukasz Żak']);
  const value =
    `{"event_id":"evt-${String(index).padStart(8, '0')}","type":"${type}","account":${pick.int(1, 9)}${pick.digits(15)},` +
    `"name":"${name}","email":"user.${pick.digits(4)}@example.com","phone":"+1-555-${pick.digits(3)}-${pick.digits(4)}",` +
    `"ssn":"9${pick.digits(2)}-${pick.digits(2)}-${pick.digits(4)}","city":"${pick.of(['Berlin', 'São Paulo', 'Austin'])}",` +
    `"device":"${pick.of(['ios', 'android', 'web'])}","balance":${pick.int(1, 9000)}.${pick.digits(2)},"at":"2026-03-01T00:00:00.${pick.digits(3)}Z"}`;
  return { key: Buffer.from(`user-${pick.digits(6)}`), value: Buffer.from(value) };
}

export function inputRecords(count = DISTINCT_RECORDS): InputRecord[] {
  const pick = picker(seededRng(SEED));
  return Array.from({ length: count }, (_, i) => inputRecord(pick, i));
}

interface BenchProducer {
  readonly native: NativeProducer;
  /** Serves the client's events; call it when its queue is full. */
  poll(): void;
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** A producer set as the sidecar's is. */
async function openProducer(bootstrap: string): Promise<BenchProducer> {
  const identity = { kafka: { 'bootstrap.servers': bootstrap }, clientId: 'bench-feed' };
  const limits = {
    recordBytesMax: RECORD_BYTES_MAX,
    queueBytesMax: QUEUE_BYTES_MAX,
    queueRecordsMax: QUEUE_RECORDS_MAX,
  };
  const producer = new RdKafka.Producer(producerConfig(identity, limits));
  await connected(producer);
  producer.setPollInterval(100);
  let failure: string | undefined;
  producer.on('delivery-report', (error) => {
    if (error) failure ??= error.message;
  });
  return {
    native: (producer as unknown as { getClient(): NativeProducer }).getClient(),
    poll: () => void producer.poll(),
    flush: async () => {
      await promise<void>((done) => void producer.flush(FLUSH_MS_MAX, done));
      if (failure !== undefined) throw new Error(`the input was not produced: ${failure}`);
    },
    close: () => disconnected(producer),
  };
}

/** Appends `count` records to a topic, placed by key. */
export async function feed(bootstrap: string, topic: string, count: number): Promise<void> {
  const records = inputRecords();
  const producer = await openProducer(bootstrap);
  try {
    for (let i = 0; i < count; i += 1) {
      const record = records[i % records.length];
      if (record === undefined) break;
      const produce = (): number =>
        producer.native.produce(topic, -1, record.value, record.key, undefined, undefined, undefined);
      let code = produce();
      while (code === RD.QUEUE_FULL) {
        await producer.flush();
        code = produce();
      }
      if (code !== 0) throw new Error(`the input was not produced: librdkafka error ${code}`);
    }
    await producer.flush();
  } finally {
    await producer.close();
  }
}
