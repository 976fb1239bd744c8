import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KNOWN_IMPORTS, knownImportsOf } from '../../catalog/known-imports.ts';
import { BatchReader } from '../../pipeline/packed-batch.ts';
import { GuestMemory } from '../guest-memory.ts';
import { batchOf } from '../testing/fixture.ts';
import { GuestAbort } from './guest-abort.ts';
import { HostContext } from './host-context.ts';
import { hostImports } from './host-imports.ts';
import { LogBuffer } from './log-buffer.ts';

type HostFunction = (...args: (number | bigint)[]) => number | bigint | undefined;

type HostFunctionCall = (module: string, name: string, ...args: (number | bigint)[]) => ReturnType<HostFunction>;

function host(): {
  readonly context: HostContext;
  readonly memory: GuestMemory;
  readonly charged: () => number;
  readonly call: HostFunctionCall;
} {
  const context = new HostContext('a-topic', new LogBuffer(100, 100));
  const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1, maximum: 2 }));
  let fuel = 1e9;
  const set = (units: number): void => {
    fuel = units;
  };
  context.attach(memory, { set, left: () => fuel });
  const imports: Record<string, Record<string, unknown>> = hostImports(context);
  const call: HostFunctionCall = (module, name, ...args) => {
    const implementation = imports[module]?.[name];
    assert.ok(typeof implementation === 'function', `${module}.${name}`);
    return (implementation as HostFunction)(...args);
  };
  return { context, memory, charged: () => 1e9 - fuel, call };
}

void test('I9: what is implemented is what the catalog lets in, no more and no less', () => {
  const imports = hostImports(new HostContext('t', new LogBuffer(1, 1)));
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
  for (const module of ['streamline', 'wasi_snapshot_preview1']) {
    for (const [name, { params }] of knownImportsOf(module)) {
      if (name === 'proc_exit') continue;
      const { call, charged } = host();
      call(module, name, ...params.map((type) => (type === 'i64' ? 8n : 8)));
      assert.ok(charged() > 0, name);
    }
  }
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
  context.enter(reader, reader.recordAt(0));
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
