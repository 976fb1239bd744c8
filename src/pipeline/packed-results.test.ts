import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERROR_CODES, type ErrorCode } from '../base/error-code.ts';
import { seededRng } from '../base/rng.ts';
import {
  ALL_FROM_INPUT,
  DEFAULT_TOPIC,
  HEADERS_FROM_INPUT,
  KIND_FAILED,
  KIND_FILTERED,
  KIND_OUTPUT,
  RESULT,
  ResultReader,
  ResultWriter,
} from './packed-results.ts';

const bug = { code: 'bug.assertion' };

void test('an entry without a body says all it has to', () => {
  const writer = new ResultWriter(new SharedArrayBuffer(256));
  writer.plain(7, KIND_OUTPUT, ALL_FROM_INPUT, 3, 5, 1.5e12);
  const reader = new ResultReader(writer.buffer);
  assert.deepEqual(
    [reader.recordIndex(0), reader.kind(0), reader.flags(0), reader.topic(0), reader.partition(0), reader.fuelUsed(0)],
    [7, KIND_OUTPUT, ALL_FROM_INPUT, 3, 5, 1.5e12],
  );
  assert.deepEqual([reader.keyLength(0), reader.valueLength(0), reader.headersLength(0)], [0, 0, 0]);
  assert.equal(reader.next(0), writer.byteLength);
});

void test('the writer grows as it must and keeps what it has, over seeds', () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const rng = seededRng(seed);
    const writer = new ResultWriter(new SharedArrayBuffer(48));
    const bodies: Uint8Array[] = [];
    for (let i = 0; i < 40; i += 1) {
      const body = Uint8Array.from({ length: Math.floor(rng() * 300) }, () => Math.floor(rng() * 256));
      // More is reserved than used, as a guest's output is only known afterwards.
      const at = writer.begin(
        i,
        KIND_OUTPUT,
        HEADERS_FROM_INPUT,
        DEFAULT_TOPIC,
        -1,
        i,
        body.length + Math.floor(rng() * 500),
      );
      writer.bytes.set(body, at);
      const keyLength = Math.floor(rng() * body.length);
      writer.end(keyLength, body.length - keyLength, 0);
      bodies.push(body);
    }
    const reader = new ResultReader(writer.buffer);
    let at = 0;
    for (const [i, body] of bodies.entries()) {
      assert.equal(at % 8, 0);
      assert.equal(reader.recordIndex(at), i);
      const length = reader.keyLength(at) + reader.valueLength(at);
      assert.deepEqual(reader.bytes.slice(at + RESULT.key, at + RESULT.key + length), body, `seed ${seed}, entry ${i}`);
      at = reader.next(at);
    }
    assert.equal(at, writer.byteLength);
  }
});

void test('null key and value are told from empty ones', () => {
  const writer = new ResultWriter(new SharedArrayBuffer(64));
  writer.begin(0, KIND_OUTPUT, 0, DEFAULT_TOPIC, -1, 0, 0);
  writer.end(-1, -1, 0);
  const second = writer.byteLength;
  writer.begin(1, KIND_OUTPUT, 0, DEFAULT_TOPIC, -1, 0, 0);
  writer.end(0, 0, 0);
  const reader = new ResultReader(writer.buffer);
  assert.deepEqual([reader.keyLength(0), reader.valueLength(0)], [-1, -1]);
  assert.deepEqual([reader.keyLength(second), reader.valueLength(second)], [0, 0]);
});

void test('a reused writer starts over, in the same buffer or another', () => {
  const writer = new ResultWriter(new SharedArrayBuffer(64));
  writer.failed(0, 'guest.trap', 'x'.repeat(500), 1);
  const other = new SharedArrayBuffer(128);
  writer.reset(other);
  assert.equal(writer.byteLength, 0);
  writer.plain(9, KIND_FILTERED, 0, DEFAULT_TOPIC, -1, 0);
  assert.equal(writer.buffer, other);
  assert.equal(new ResultReader(other).recordIndex(0), 9);
});

void test('a body longer than what was reserved is a bug, found before the next entry overwrites it', () => {
  const writer = new ResultWriter(new SharedArrayBuffer(4096));
  writer.begin(0, KIND_OUTPUT, 0, DEFAULT_TOPIC, -1, 0, 10);
  assert.throws(() => writer.end(5, 6, 0), bug);
});

void test('each error code survives the trip, with its message and fuel', () => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    const writer = new ResultWriter(new SharedArrayBuffer(64));
    writer.failed(4, code, `grüße von ${code}`, 77);
    const failure = new ResultReader(writer.buffer).failure(0);
    assert.deepEqual(failure, { recordIndex: 4, code, message: `grüße von ${code}`, fuelUsed: 77, stage: 0 });
  }
});

void test('an unknown code number is a bug of ours, and says so', () => {
  const writer = new ResultWriter(new SharedArrayBuffer(256));
  writer.failed(0, 'guest.trap', '', 0);
  writer.view.setUint16(RESULT.topic, 60_000, true);
  assert.equal(new ResultReader(writer.buffer).failure(0).code, 'bug.unexpected');
});

void test('a long message is cut', () => {
  const writer = new ResultWriter(new SharedArrayBuffer(64));
  writer.failed(0, 'guest.trap', 'm'.repeat(1_000_000), 0);
  assert.equal(new ResultReader(writer.buffer).failure(0).message.length, 4000);
  assert.ok(writer.buffer.byteLength < 10_000);
});

void test('entries that lie are found out', () => {
  const writer = new ResultWriter(new SharedArrayBuffer(512));
  writer.failed(0, 'guest.trap', 'short', 0);
  const reader = new ResultReader(writer.buffer);
  for (const length of [100, 500_000, 0x7fffffff, -1]) {
    writer.view.setInt32(RESULT.valueLength, length, true);
    assert.throws(() => reader.failure(0), bug, `message of ${length}`);
  }
  for (const length of [0, 39, 41, 520, 0xfffffff8]) {
    writer.view.setUint32(RESULT.entryLength, length, true);
    assert.throws(() => reader.next(0), bug, `entry of ${length}`);
  }
  writer.view.setUint8(RESULT.kind, KIND_OUTPUT);
  assert.throws(() => reader.failure(0), bug);
  assert.notEqual(KIND_OUTPUT, KIND_FAILED);
});
