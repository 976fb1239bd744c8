import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KNOWN_IMPORTS, knownImportsOf } from '../../catalog/known-imports.ts';
import { BatchReader } from '../../pipeline/packed-batch.ts';
import { RESULT, ResultReader, ResultWriter } from '../../pipeline/packed-results.ts';
import type { PayloadAbi } from '../../spec/transformation-config.ts';
import { byteView } from '../byte-view.ts';
import { GuestFault } from '../guest-failure.ts';
import { GuestMemory } from '../guest-memory.ts';
import { RecordOutputs } from '../record-outputs.ts';
import { TopicTable } from '../topic-table.ts';
import { GuestMetrics } from './guest-metrics.ts';
import { batchOf, type TestRecord } from '../testing/fixture.ts';
import { GuestAbort } from './guest-abort.ts';
import { HostContext } from './host-context.ts';
import { hostImports } from './host-imports.ts';
import { LogBuffer } from './log-buffer.ts';

const LIMITS = { outputBytesMax: 1024, outputsMax: 3, initTimeoutMs: 1, logLinesPerSecond: 1, logLineBytesMax: 1 };

function contextOf(topic: string, log: LogBuffer, outputBytesMax = LIMITS.outputBytesMax): HostContext {
  return new HostContext(topic, log, new RecordOutputs({ ...LIMITS, outputBytesMax }), new GuestMetrics());
}

type HostFunction = (...args: (number | bigint)[]) => number | bigint | undefined;

type HostFunctionCall = (module: string, name: string, ...args: (number | bigint)[]) => ReturnType<HostFunction>;

function host(
  outputBytesMax?: number,
  payload?: PayloadAbi,
): {
  readonly context: HostContext;
  readonly memory: GuestMemory;
  readonly charged: () => number;
  readonly call: HostFunctionCall;
} {
  const context = contextOf('a-topic', new LogBuffer(100, 100), outputBytesMax);
  const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1, maximum: 2 }));
  let fuel = 1e9;
  const set = (units: number): void => {
    fuel = units;
  };
  context.attach(memory, { set, left: () => fuel });
  const imports: Record<string, Record<string, unknown>> = hostImports(context, payload);
  const call: HostFunctionCall = (module, name, ...args) => {
    const implementation = imports[module]?.[name];
    assert.ok(typeof implementation === 'function', `${module}.${name}`);
    return (implementation as HostFunction)(...args);
  };
  return { context, memory, charged: () => 1e9 - fuel, call };
}

/** A host whose record is under way, in transform(). */
function transforming(
  record: TestRecord,
  outputBytesMax?: number,
  payload?: PayloadAbi,
): ReturnType<typeof host> & { readonly results: () => ResultReader } {
  const own = host(outputBytesMax, payload);
  const { context } = own;
  const input = batchOf([record]).buffer;
  const reader = new BatchReader(input);
  const writer = new ResultWriter(new SharedArrayBuffer(1_000_000));
  const batch = { reader, input: byteView(input), writer, output: byteView(writer.buffer), topics: new TopicTable() };
  context.enter(batch, reader.recordAt(0));
  context.outputs.begin(batch, reader.recordAt(0), 0, -1);
  context.outputs.accepting = true;
  return { ...own, results: () => new ResultReader(writer.buffer) };
}

void test('I9: what is implemented is what the catalog lets in, no more and no less', () => {
  const imports = hostImports(contextOf('t', new LogBuffer(1, 1)));
  assert.deepEqual(Object.keys(imports).sort(), Object.keys(KNOWN_IMPORTS).sort());
  for (const [module, functions] of Object.entries(imports)) {
    assert.deepEqual(Object.keys(functions).sort(), [...knownImportsOf(module).keys()].sort());
  }
});

void test('no argument, however wrong, gets more than an errno or an abort out of a host function', () => {
  const extremes = [0, 1, -1, 4, 65_535, 65_536, 0x7fffffff, -0x80000000];
  for (const module of Object.keys(KNOWN_IMPORTS)) {
    for (const [name, { params, results }] of knownImportsOf(module)) {
      for (const extreme of extremes) {
        for (const other of extremes) {
          const { call } = host();
          const args = params.map((type, i) => {
            const value = i % 2 === 0 ? extreme : other;
            return type === 'i64' ? BigInt(value) : value;
          });
          try {
            const answer = call(module, name, ...args);
            assert.equal(answer === undefined, results.length === 0, name);
          } catch (thrown) {
            assert.ok(thrown instanceof GuestAbort, `${name}(${args.join()}): ${String(thrown)}`);
          }
        }
      }
    }
  }
});

void test('every host call takes fuel', () => {
  for (const module of Object.keys(KNOWN_IMPORTS)) {
    for (const [name, { params }] of knownImportsOf(module)) {
      const { call, charged } = host();
      try {
        call(module, name, ...params.map((type) => (type === 'i64' ? 8n : 8)));
      } catch (thrown) {
        // A guest may catch this and ask again: ending a call takes more than answering it.
        assert.ok(thrown instanceof GuestAbort && charged() >= 20_000, name);
      }
      assert.ok(charged() > 0, name);
    }
  }
});

void test('what a call lists, writes or asks of the system is paid for, and before it is done', () => {
  const wasi = 'wasi_snapshot_preview1';
  const cost = (name: string, ...args: number[]): number => {
    const { call, charged, memory } = host();
    // 64 buffers, each all of the first page, full of line feeds.
    memory.view.bytes.fill(10, 0, 60_000);
    for (let i = 0; i < 64; i += 1) {
      memory.view.bytes.writeUInt32LE(0, 60_000 + i * 8);
      memory.view.bytes.writeUInt32LE(60_000, 60_000 + i * 8 + 4);
    }
    call(wasi, name, ...args);
    return charged();
  };
  assert.ok(cost('poll_oneoff', 0, 10_000, 64, 20_000) > 64 * 2000);
  assert.ok(cost('fd_write', 1, 60_000, 64, 65_000) > 64 * 100 * 2000);
  assert.ok(cost('random_get', 0, 1) > 20_000);

  const context = contextOf('t', new LogBuffer(100, 100));
  const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1 }));
  const outOfFuel = new Error('the trap of the meter');
  const set = (units: number): void => {
    if (units < 0) throw outOfFuel;
  };
  context.attach(memory, { set, left: () => 10_000 });
  const randomGet = hostImports(context).wasi_snapshot_preview1['random_get'] as HostFunction;
  assert.throws(() => randomGet(0, 64), outOfFuel);
  assert.ok(memory.view.bytes.subarray(0, 64).every((byte) => byte === 0));
});

void test('bytes that a call about headers decodes, compares or copies are paid for', () => {
  const name = 'n'.repeat(30_000);
  const value = Buffer.alloc(60_000, 1);
  const cost = (of: string, ...args: number[]): number => {
    const nine = Array.from({ length: 9 }, () => ({ name, value: null }));
    const { call, charged, memory } = transforming({ value: 'x', headers: [{ name, value }, ...nine] }, 1_000_000);
    memory.view.bytes.fill(255, 0, 4);
    memory.view.bytes.write(name, 4);
    // Decoded by now.
    call('streamline', 'header_count');
    if (of === 'emit') call('streamline', 'header_add', 4, 1, 4, 0);
    const before = charged();
    call('streamline', of, ...args);
    return charged() - before;
  };
  assert.ok(cost('header_name', 0, 0, 65_536) > 2 * 30_000);
  assert.ok(cost('header_value', 0, 0, 65_536) > 60_000 / 16);
  assert.ok(cost('header_value', 0, 0, 100) < 1000, 'what is not handed over is not');
  assert.ok(cost('header_find', 4, 30_000) > 2 * 30_000 + (10 * 30_000) / 16);
  assert.ok(cost('header_set', 4, 1, 4, 60_000) > 60_000 / 4);
  assert.ok(cost('emit', 0, 8, 0, 0) > 2000 + 11 * 200);
});

void test('an output that has no room names no topic, however often a guest asks', () => {
  const { call, context, memory } = transforming({ value: 'x' });
  memory.view.bytes.fill(255, 0, 4);
  memory.view.bytes.write('abcd', 4);
  for (let i = 0; i < 3; i += 1) call('streamline', 'emit', 0, 4, 4 + i, 1);
  assert.throws(() => call('streamline', 'emit', 0, 4, 7, 1), GuestFault);
  assert.throws(() => call('streamline', 'emit_tombstone', 0, 4, 7, 1), GuestFault);
  assert.deepEqual(context.topics?.names, ['a', 'b', 'c']);
});

void test('the key that an output keeps counts from the second output on, at the edge', () => {
  const { call } = transforming({ key: 'k'.repeat(500), value: 'v' }, 1024, 'value');
  // 10 + (10 + 500) + (4 + 500) = 1024.
  call('streamline', 'emit', 0, 10, 0, 0);
  call('streamline', 'emit', 0, 10, 0, 0);
  assert.throws(() => call('streamline', 'emit', 0, 5, 0, 0), { code: 'guest.output_too_large' });
  call('streamline', 'emit', 0, 4, 0, 0);
});

void test('a null key lies nowhere: its pointer is not looked at', () => {
  const { call, results } = transforming({ value: 'v' });
  for (const pointer of [-1, 65_537, 0x7fffffff]) call('streamline', 'emit_tombstone', pointer, -1, 0, 0);
  assert.deepEqual([results().keyLength(0), results().valueLength(0)], [-1, -1]);
  assert.throws(() => call('streamline', 'emit_tombstone', 65_537, 0, 0, 0), GuestAbort);
});

void test('value_is_null tells a tombstone from an empty value', () => {
  const { call, charged } = host();
  assert.equal(call('streamline', 'value_is_null'), 0, 'outside of a record');
  assert.equal(charged(), 400);
  for (const [value, wanted] of [
    [null, 1],
    ['', 0],
    ['v', 0],
  ] as const) {
    assert.equal(transforming({ value }).call('streamline', 'value_is_null'), wanted);
  }
});

void test('names of headers that are no UTF-8 are shown with U+FFFD, and leave as they came when another is changed', () => {
  const [good, bad] = [Buffer.from('ä\ufffd'), Buffer.from([0x61, 0xff, 0xfe])];
  const headers = [
    { name: 'ä\ufffd', value: Buffer.from('1') },
    { name: bad.toString(), rawName: bad, value: Buffer.from('2') },
    { name: bad.toString(), rawName: bad, value: null },
    { name: 'x', value: null },
  ];
  const { call, memory, results, context } = transforming({ value: 'v', headers });
  assert.equal(call('streamline', 'header_name', 1, 0, 100), 7);
  assert.equal(memory.view.bytes.toString('utf8', 0, 7), 'a\ufffd\ufffd');
  memory.view.bytes.write('x', 0);
  call('streamline', 'header_set', 0, 1, 0, 1);
  context.outputs.pass(0xffff);
  const reader = results();
  const packed = Buffer.from(reader.bytes.slice(RESULT.key, RESULT.key + reader.headersLength(0)));
  const entry = (name: Uint8Array, value: string | undefined): Buffer => {
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32LE(name.length, 0);
    lengths.writeInt32LE(value?.length ?? -1, 4);
    return Buffer.concat([lengths.subarray(0, 4), name, lengths.subarray(4), Buffer.from(value ?? '')]);
  };
  assert.deepEqual(
    packed,
    Buffer.concat([entry(good, '1'), entry(bad, '2'), entry(bad, undefined), entry(Buffer.from('x'), 'x')]),
  );
  // By the name it is shown.
  memory.view.bytes.write('a\ufffd\ufffd', 0);
  assert.equal(call('streamline', 'header_remove', 0, 7), 2);
});

void test('a write of nothing but line feeds looks at so many and counts the rest as dropped', () => {
  const log = new LogBuffer(1000, 100);
  const bytes = Buffer.alloc(100_000, 'x\n');
  assert.equal(log.write('info', bytes, 0, bytes.length), 100);
  const { lines, dropped } = log.take();
  assert.equal(lines.length, 100);
  assert.equal(dropped, 1);
});

void test('between two instances a host function finds nothing of the one that is gone', () => {
  const { call, context } = host();
  const reader = new BatchReader(batchOf(['x']).buffer);
  context.enter({ reader, topics: new TopicTable() }, reader.recordAt(0));
  assert.equal(call('streamline', 'metadata_offset'), 100n);
  context.detach();
  assert.equal(call('streamline', 'metadata_offset'), -1n);
  assert.throws(() => call('wasi_snapshot_preview1', 'random_get', 0, 8), GuestAbort);
});

void test('metadata without a record, as in init, is -1', () => {
  const { call } = host();
  assert.equal(call('streamline', 'metadata_partition'), -1);
  assert.equal(call('streamline', 'metadata_offset'), -1n);
  assert.equal(call('streamline', 'metadata_timestamp_ms'), -1n);
});

void test('metadata_topic tells the length and writes nothing when the buffer is too small', () => {
  const { call, memory } = host();
  assert.equal(call('streamline', 'metadata_topic', 16, 3), 7);
  assert.equal(memory.view.bytes.toString('utf8', 16, 23), '\0'.repeat(7));
  assert.equal(call('streamline', 'metadata_topic', 16, 7), 7);
  assert.equal(memory.view.bytes.toString('utf8', 16, 23), 'a-topic');
});

void test("the wall clock stands at the record's timestamp; the monotonic clock moves by being looked at, and by sleeping", () => {
  const { call, context, memory } = host();
  const wasi = 'wasi_snapshot_preview1';
  const time = (id: number): bigint => {
    assert.equal(call(wasi, 'clock_time_get', id, 0n, 8), 0);
    return memory.view.bytes.readBigUInt64LE(8);
  };
  assert.equal(time(0), 0n);
  const reader = new BatchReader(batchOf([{ value: 'x', timestampMs: 1234 }]).buffer);
  context.enter({ reader, topics: new TopicTable() }, reader.recordAt(0));
  assert.equal(time(0), 1_234_000_000n);
  const before = time(1);
  assert.equal(time(1), before + 1000n);
  memory.view.bytes.fill(0, 100, 200);
  memory.view.bytes.writeBigUInt64LE(77n, 100);
  memory.view.bytes.writeBigUInt64LE(5_000_000n, 124);
  assert.equal(call(wasi, 'poll_oneoff', 100, 200, 1, 300), 0);
  assert.equal(time(1), before + 5_002_000n);
  assert.equal(memory.view.bytes.readBigUInt64LE(200), 77n);
  assert.equal(memory.view.bytes.readUInt32LE(300), 1);
});

void test('a line written in pieces is one line; what is left unfinished comes with the batch', () => {
  const { call, context, memory } = host();
  const write = (text: string): void => {
    memory.view.bytes.write(text, 1000);
    memory.view.bytes.writeUInt32LE(1000, 8);
    memory.view.bytes.writeUInt32LE(Buffer.byteLength(text), 12);
    assert.equal(call('wasi_snapshot_preview1', 'fd_write', 2, 8, 1, 16), 0);
  };
  for (const piece of ['panic: ', 'as asked', '\n\nat ', 'main\nunfinis', 'hed']) write(piece);
  assert.deepEqual(context.log.take(), {
    lines: ['panic: as asked', 'at main', 'unfinished'].map((text) => ({ level: 'warn', text })),
    dropped: 0,
  });
  assert.deepEqual(context.log.take(), { lines: [], dropped: 0 });
});

void test('the log rate is per second of the time it is told', () => {
  const log = new LogBuffer(2, 10);
  const flood = (): number => [1, 2, 3, 4].filter(() => log.admit()).length;
  assert.deepEqual([flood(), flood()], [2, 0]);
  log.nowMs = 1001;
  assert.equal(flood(), 2);
  assert.equal(log.take().dropped, 8);
});

test('whichever way a guest takes to the log, it makes one line and drives no terminal', () => {
  const { call, context, memory } = host();
  const text = 'a\u001b[31mb\u001b]0;t\u0007\r\n{"level":"error"}\u202ec\u2066d\u0085e';
  const shown = 'ab {"level":"error"} c d e';
  const bytes = Buffer.from(text);
  memory.view.bytes.set(bytes, 1024);
  call('streamline', 'log', 2, 1024, bytes.length);
  for (const descriptor of [1, 2]) {
    // Without its line feed, which ends a line there.
    const written = Buffer.from(text.replace('\n', '\t'));
    memory.view.bytes.set(written, 4096);
    memory.view.bytes.writeUInt32LE(4096, 8);
    memory.view.bytes.writeUInt32LE(written.length, 12);
    assert.equal(call('wasi_snapshot_preview1', 'fd_write', descriptor, 8, 1, 16), 0);
  }
  assert.deepEqual(
    context.log.take().lines.map((line) => [line.level, line.text]),
    [
      ['info', shown],
      ['info', shown],
      ['warn', shown],
    ],
  );
  const utf16 = Buffer.from(text, 'utf16le');
  memory.view.bytes.writeUInt32LE(utf16.length, 8188);
  memory.view.bytes.set(utf16, 8192);
  assert.throws(
    () => call('env', 'abort', 8192, 0, 1, 2),
    (thrown) => thrown instanceof GuestAbort && thrown.message === `abort: ${shown}`,
  );
});
