import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import { deadLetter, sendDeadLetter, type DeadLetterContext, type Truncation } from './dead-letter.ts';
import { Assignment } from './assignment.ts';
import type { RecordFailure } from './failure-policy.ts';
import type { PlainRecord } from './packed-batch.ts';
import type { ProduceRecord, RecordSink } from './ports.ts';
import { simConfig } from './sim/sim-config.ts';

const token = new Assignment(3, 1);
const context: DeadLetterContext = { config: simConfig(), moduleSha256: 'ab12', workerId: 'w1' };
const failure: RecordFailure = { code: 'guest.trap', message: 'unreachable', fuelUsed: 42 };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function original(parts: Partial<PlainRecord> = {}): PlainRecord {
  const headers = [
    { name: 'trace', value: bytes('t1') },
    { name: 'trace', value: null },
  ];
  return { partition: 3, offset: 17, timestampMs: 1234, key: bytes('k'), value: bytes('value'), headers, ...parts };
}

function letter(record = original(), truncation: Truncation = 'none', failed = failure): ProduceRecord {
  return deadLetter(record, failed, context, truncation, 1000, token);
}

function texts(given: ProduceRecord): Record<string, string> {
  return Object.fromEntries(given.headers.map((h) => [h.name, Buffer.from(h.value ?? []).toString()]));
}

void test('a dead letter is the record as it was, with what Kafka Connect says about it and what we do', () => {
  const record = original();
  const given = letter(record);
  assert.equal(given.topic, 'sim.dlq');
  assert.deepEqual([given.key, given.value, given.timestampMs], [record.key, record.value, 1234]);
  assert.equal(given.assignment, token);
  assert.deepEqual(given.headers.slice(0, 2), record.headers, "the record's own headers come first, untouched");
  const context = Object.fromEntries(Object.entries(texts(given)).filter(([name]) => name !== 'trace'));
  assert.deepEqual(context, {
    '__connect.errors.topic': 'in',
    '__connect.errors.partition': '3',
    '__connect.errors.offset': '17',
    '__connect.errors.connector.name': 'sim',
    '__connect.errors.task.id': 'w1',
    '__connect.errors.stage': 'TRANSFORMATION',
    '__connect.errors.class.name': 'mask.wasm',
    '__connect.errors.exception.class.name': 'guest.trap',
    '__connect.errors.exception.message': 'unreachable',
    '__connect.errors.exception.stacktrace': 'guest.trap: unreachable',
    'streamline.error.code': 'guest.trap',
    'streamline.module.sha256': 'ab12',
    'streamline.config.sha256': 'cd34',
    'streamline.fuel.used': '42',
  });
});

void test('a record too large to produce failed at its output, not in the guest', () => {
  const tooLarge = { ...failure, code: 'record.too_large' } as const;
  assert.equal(texts(letter(original(), 'none', tooLarge))['__connect.errors.stage'], 'TASK_PUT');
});

void test("what a format refuses is told as Connect's converters tell it", () => {
  const stage = (code: RecordFailure['code'], message: string): string | undefined =>
    texts(letter(original(), 'none', { code, message, fuelUsed: 0 }))['__connect.errors.stage'];
  assert.equal(stage('record.not_framed', 'input key: it is too short'), 'KEY_CONVERTER');
  assert.equal(stage('schema.unknown_id', 'input value: there is no schema 7'), 'VALUE_CONVERTER');
  assert.equal(stage('record.schema_mismatch', 'output value: $.key: expected an int'), 'VALUE_CONVERTER');
  assert.equal(stage('guest.failed', 'input key: '), 'TRANSFORMATION');
});

void test('null key and value stay null', () => {
  for (const truncation of ['none', 'half', 'small'] as const) {
    const given = letter(original({ key: null, value: null }), truncation);
    assert.deepEqual([given.key, given.value], [null, null]);
  }
});

void test('a long message is cut: a guest cannot make its own dead letters unproducible', () => {
  const given = texts(letter(original(), 'none', { ...failure, message: 'é'.repeat(100_000) }));
  assert.equal(given['__connect.errors.exception.message'], 'é'.repeat(2000));
  assert.equal(given['__connect.errors.exception.stacktrace'], `guest.trap: ${'é'.repeat(2000)}`);
});

void test('each truncation keeps less, and says what was there', () => {
  const record = original({ value: new Uint8Array(100_000).fill(7) });
  const kept = (truncation: Truncation): number | undefined =>
    deadLetter(record, failure, context, truncation, 50_000, token).value?.length;
  assert.deepEqual(
    [kept('none'), kept('half'), kept('small'), kept('headers_only')],
    [100_000, 25_000, 4096, undefined],
  );
  const bare = letter(record, 'headers_only');
  assert.deepEqual([bare.key, bare.value], [null, null]);
  const said = texts(bare);
  assert.equal(said['trace'], undefined, 'no header of the record');
  assert.equal(said['streamline.truncated'], 'headers_only');
  assert.equal(said['streamline.original.key.bytes'], '1');
  assert.equal(said['streamline.original.value.bytes'], '100000');
  assert.equal(said['streamline.original.headers'], '2');
  assert.equal(texts(letter(record))['streamline.truncated'], undefined);
  assert.equal(texts(letter(original({ value: null }), 'small'))['streamline.original.value.bytes'], '-1');
});

/** Takes dead letters whose value and headers are at most so long. */
function sinkUpTo(bytesMax: number, taken: ProduceRecord[]): Pick<RecordSink, 'produceOne'> {
  return {
    produceOne: async (given) => {
      const headers = given.headers.reduce((sum, h) => sum + h.name.length + (h.value?.length ?? 0), 0);
      if ((given.key?.length ?? 0) + (given.value?.length ?? 0) + headers > bytesMax) {
        throw new StreamlineError('record.too_large', 'too large');
      }
      taken.push(given);
    },
  };
}

const send = (record: PlainRecord, bytesMax: number, taken: ProduceRecord[]): Promise<void> =>
  sendDeadLetter(sinkUpTo(bytesMax, taken) as RecordSink, record, failure, context, 60_000, token);

void test('a dead letter the broker finds too large is cut until it fits', async () => {
  for (const [bytesMax, truncation, valueBytes] of [
    [200_000, undefined, 100_000],
    [60_000, 'half', 30_000],
    [6000, 'small', 4096],
    [2000, 'headers_only', undefined],
  ] as const) {
    const taken: ProduceRecord[] = [];
    await send(original({ value: new Uint8Array(100_000) }), bytesMax, taken);
    assert.equal(taken.length, 1);
    assert.equal(taken[0]!.value?.length, valueBytes);
    assert.equal(texts(taken[0]!)['streamline.truncated'], truncation);
  }
});

void test('headers too large by themselves are dropped with the rest, so that the partition goes on', async () => {
  const taken: ProduceRecord[] = [];
  await send(original({ headers: [{ name: 'big', value: new Uint8Array(50_000) }] }), 10_000, taken);
  assert.equal(texts(taken[0]!)['streamline.truncated'], 'headers_only');
});

void test('a topic that takes nothing at all is an error with what to do about it', async () => {
  await assert.rejects(send(original(), 10, []), (thrown: StreamlineError) => {
    assert.equal(thrown.code, 'broker.produce_failed');
    assert.match(thrown.suggestion ?? '', /max\.message\.bytes of sim\.dlq/);
    return true;
  });
});

void test('any other failure of the sink is passed on at once', async () => {
  let tries = 0;
  const sink = { produceOne: async () => Promise.reject(new StreamlineError('broker.fatal', `${(tries += 1)}`)) };
  const sent = sendDeadLetter(sink as unknown as RecordSink, original(), failure, context, 1000, token);
  await assert.rejects(sent, { code: 'broker.fatal' });
  assert.equal(tries, 1);
});
