import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { StreamlineError } from '../../base/error.ts';
import { seededRng } from '../../base/rng.ts';
import { prepareArtefact } from '../../catalog/prepare-artefact.ts';
import { meterModule } from '../../catalog/meter-module.ts';
import { FUEL_PER_MS } from '../../catalog/prepared-module.ts';
import { buildModule } from '../../catalog/wasm-builder.ts';
import { readHeaders } from '../../pipeline/packed-batch.ts';
import { ResultReader } from '../../pipeline/packed-results.ts';
import type { WorkResult } from '../../pipeline/ports.ts';
import type { GuestSource } from '../batch-runner.ts';
import { CanonicalMemory } from '../host-functions/canonical-memory.ts';
import { componentFunctions, lowerHostFunction } from '../host-functions/component.ts';
import { GuestMetrics } from '../host-functions/guest-metrics.ts';
import { HostContext } from '../host-functions/host-context.ts';
import { LogBuffer, type GuestLog } from '../host-functions/log-buffer.ts';
import { InThreadExecutor } from '../in-thread-executor.ts';
import { RecordOutputs } from '../record-outputs.ts';
import { componentBytes, componentSource } from '../testing/component-fixture.ts';
import { batchOf, gist, guestConfig, outcomes, type TestRecord } from '../testing/fixture.ts';
import { poolLimits, ThreadedExecutor } from '../threaded-executor.ts';
import { ComponentInstance } from './component-instance.ts';

interface Ran {
  readonly result: WorkResult;
  readonly restarts: number;
  readonly log: string[];
  readonly metrics: ReadonlyMap<string, number>;
}

async function run(records: readonly (TestRecord | string)[], source: GuestSource = componentSource()): Promise<Ran> {
  const log: string[] = [];
  const onLog = (taken: GuestLog): void => void log.push(...taken.lines.map(({ level, text }) => `${level} ${text}`));
  const executor = new InThreadExecutor(source, onLog);
  await executor.start();
  const result = await executor.execute(batchOf(records));
  const stats = executor.stats();
  await executor.close();
  const { counters, gauges } = stats.guestMetrics;
  return { result, restarts: stats.instanceRestarts, log, metrics: new Map([...counters, ...gauges]) };
}

async function gistOf(...records: (TestRecord | string)[]): Promise<string[]> {
  return gist((await run(records)).result);
}

/** Headers of every entry, `name=value`. */
function headersOf({ buffer, segments }: WorkResult): string[][] {
  const reader = new ResultReader(buffer);
  const found: string[][] = [];
  for (const { startByte, endByte } of segments) {
    for (let at = startByte; at < endByte; at = reader.next(at)) {
      const start = at + 40 + Math.max(0, reader.keyLength(at)) + Math.max(0, reader.valueLength(at));
      const headers = readHeaders(reader.bytes, reader.view, start, reader.headersLength(at));
      found.push(
        headers.map(({ name, value }) => (value === null ? name : `${name}=${Buffer.from(value).toString()}`)),
      );
    }
  }
  return found;
}

void test('the whole record goes in, and comes out', async () => {
  const headers = [
    { name: 'a', value: Buffer.from('1') },
    { name: 'nöthing', value: null },
    { name: '', value: Buffer.alloc(0) },
  ];
  const shown = [
    { value: 'i', key: 'k', partition: 3, offset: 2 ** 40 + 5, timestampMs: 2 ** 41 + 7, headers },
    { value: 'i', timestampMs: -1, offset: 0 },
  ];
  const { result } = await run(shown);
  const values = outcomes(result).map(({ value, key, record }) => [record, key, value]);
  assert.deepEqual(values, [
    [0, 'k', `input/3/${2 ** 40 + 5}@${2 ** 41 + 7} a=1 nöthing! =`],
    [1, null, 'input/0/0@'],
  ]);
});

void test('nulls, empty parts and tombstones', async () => {
  const { result } = await run([
    { key: '', value: '' },
    { key: 'k', value: 'n' },
    { key: 'k', value: 'k' },
    { value: null },
  ]);
  assert.deepEqual(
    outcomes(result).map(({ key, value }) => [key, value]),
    [
      ['', ''],
      ['k', null],
      [null, 'k'],
      ['input', 'input'],
    ],
  );
  const shown = await run([{ value: null }, 'y'], componentSource({ tombstones: 'transform' }));
  assert.deepEqual(gist(shown.result), ['was a tombstone', 'y']);
  const dropped = await run([{ value: null }, 'y'], componentSource({ tombstones: 'drop' }));
  assert.deepEqual(gist(dropped.result), ['filtered', 'y']);
});

void test('no output drops the record; several stand next to each other, each with its topic and headers', async () => {
  const input = [{ name: 'in', value: Buffer.from('x') }];
  const { result } = await run([
    '-',
    { value: '2', key: 'k' },
    { value: 'h', headers: input },
    { value: 'H', headers: input },
  ]);
  const found = outcomes(result);
  assert.deepEqual(
    found.map(({ record, kind, topic, value, headers }) => [record, kind, topic, value, headers]),
    [
      [0, 'filtered', undefined, undefined, undefined],
      [1, 'output', 'one', '2', 'input'],
      [1, 'output', 'two', 'second', 'input'],
      [2, 'output', undefined, 'h', 'input'],
      [2, 'output', undefined, 'h', 'own'],
      [3, 'output', undefined, 'H', 'own'],
    ],
  );
  assert.deepEqual(headersOf(result), [[], [], [], [], ['a=1', 'b'], []]);
  const [segment] = result.segments;
  assert.deepEqual([segment?.outputs, segment?.filtered, segment?.failed], [3, 1, 0]);
});

void test('an error of the guest carries its message and whether to try again, and costs no instance', async () => {
  const { result, restarts } = await run(['f', 'F', 'v']);
  const found = outcomes(result);
  assert.deepEqual(
    found.map(({ code, message, value }) => [code, message, value]),
    [
      ['guest.failed', 'try again', undefined],
      ['guest.rejected', 'never again', undefined],
      [undefined, undefined, '3'],
    ],
  );
  assert.equal(restarts, 0);
});

void test('I2: a guest that misbehaves fails its own record with the code a core guest would have', async () => {
  for (const [bad, code] of [
    ['t', 'guest.trap'],
    ['s', 'guest.out_of_fuel'],
    ['g', 'guest.trap'],
    ['d', 'guest.stack_overflow'],
    ['L', 'guest.out_of_fuel'],
    ['M', 'guest.aborted'],
    ['x', 'guest.abi_violation'],
    ['X', 'guest.abi_violation'],
    ['b', 'guest.abi_violation'],
    ['q', 'guest.abi_violation'],
    ['Q', 'guest.abi_violation'],
    ['T', 'guest.abi_violation'],
    ['N', 'guest.abi_violation'],
  ] as const) {
    const { result, restarts } = await run(['v', bad, 'v', 'v']);
    assert.deepEqual(gist(result), ['1', code, '1', '2'], bad);
    assert.equal(restarts, 1, bad);
  }
});

void test('I7: what one record may answer is bounded, and what is beyond fails it alone', async () => {
  for (const bad of ['B', 'o', 'O', 'a', 'A']) {
    const { result, restarts } = await run(['v', bad, 'v']);
    assert.deepEqual(gist(result), ['1', 'guest.output_too_large', '3'], bad);
    assert.equal(restarts, 0, bad);
    assert.ok(result.buffer.byteLength < 4 << 20, `${bad}: ${result.buffer.byteLength} bytes`);
  }
  const { result } = await run(['e', 'v']);
  assert.deepEqual(gist(result), ['route.invalid_topic', '2']);
});

void test("limits.output_bytes: the input's headers count from the second output on that keeps them", async () => {
  const headers = [{ name: 'big', value: Buffer.alloc(1989) }]; // 2000 bytes as they are packed
  const of = async (value: string, outputBytesMax: number): Promise<string[]> =>
    gist((await run([{ value, headers }], componentSource({ limits: { outputBytesMax } }))).result);
  const tooLarge = ['guest.output_too_large'];
  assert.deepEqual(await of('=', 1024), ['=']);
  assert.deepEqual(await of('2', 2007), ['2', 'second']);
  assert.deepEqual(await of('2', 2006), tooLarge);
  // The first keeps them, the second has 18 bytes of its own.
  assert.deepEqual(await of('h', 1024), ['h', 'h']);
});

void test('what a guest has answered stands, though it traps when told that it was read', async () => {
  const { result, restarts } = await run(['v', 'p', 'v']);
  assert.deepEqual(gist(result), ['1', 'p', '1']);
  assert.equal(restarts, 1);
});

void test('a record that cannot fit into the memory fails by itself', async () => {
  const large = `=${'x'.repeat(3 << 20)}`;
  assert.deepEqual(await gistOf('v', large, 'v'), ['1', 'record.too_large', '2']);
  const nearly = `=${'x'.repeat(2_090_000)}`;
  assert.deepEqual(await gistOf('v', nearly, 'v'), ['1', 'guest.trap', '1']);
});

void test('fuel is used by the record, the same each time, and more by more', async () => {
  const { result } = await run(['v', 'v', `v${'x'.repeat(1000)}`]);
  const [first, second, long] = outcomes(result).map(({ fuelUsed }) => fuelUsed);
  assert.ok(first !== undefined && second !== undefined && long !== undefined);
  assert.ok(first > 0);
  const again = outcomes((await run(['v', 'v', `v${'x'.repeat(1000)}`])).result).map(({ fuelUsed }) => fuelUsed);
  assert.deepEqual(again, [first, second, long]);
});

void test('log, metrics and the clock', async () => {
  const before = Date.now();
  const { result, log, metrics } = await run(['l says\nthis', 'm', 'm', 'c']);
  assert.deepEqual(log, ['info l says this']);
  assert.equal(metrics.get('seen'), 4);
  assert.equal(metrics.get('level'), 0.5);
  const now = Number(gist(result)[3]);
  assert.ok(now >= before && now <= Date.now());
});

void test('a config that init does not accept, or chokes on, keeps the transform from starting', async () => {
  for (const [configJson, code, text] of [
    ['{"reject":1}', 'guest.init_rejected', /does not accept the config: no such field/],
    ['{"spin":1}', 'guest.init_failed', /ran out of fuel/],
    ['{"trap":1}', 'guest.init_failed', /init\(\): unreachable/],
    ['{"grow":1}', 'guest.init_failed', /init\(\): unreachable/],
  ] as const) {
    const executor = new InThreadExecutor(componentSource({ configJson }), () => {});
    await assert.rejects(executor.start(), (error: unknown) => {
      assert.ok(error instanceof StreamlineError);
      assert.equal(error.code, code);
      assert.match(error.message, text);
      return true;
    });
  }
});

void test('I9: behind WASI there is a process without environment, files, input or time of its own', async () => {
  const { result, log, restarts } = await run(['e', 'f', 't', 'i', 'o', '?'], componentSource({}, 'wasi'));
  assert.deepEqual(gist(result), ['none none', 'closed closed', '1700000000 100', '-1', 'printed', '?']);
  assert.deepEqual(log, ['info to stdout 1', 'warn to stderr', 'info and on']);
  assert.equal(restarts, 0);
});

void test('WASI: random bytes are random, exit and abort end the call', async () => {
  const { result, restarts } = await run(['r', 'r', 'x', 'a', '?'], componentSource({}, 'wasi'));
  const [first, second, ...rest] = gist(result);
  assert.match(first ?? '', /^[0-9a-f]{16}$/);
  assert.notEqual(first, second);
  assert.deepEqual(rest, ['guest.aborted', 'guest.trap', '?']);
  assert.equal(restarts, 2);
});

void test('masking in C', async () => {
  const { result } = await run(
    ['{"email": "a@b.c", "x": "email", "y": ["ssn", {"ssn":"1\\"2"}]}', '"'],
    componentSource({}, 'mask'),
  );
  assert.deepEqual(gist(result), ['{"email": "***", "x": "email", "y": ["ssn", {"ssn":"***"}]}', 'guest.rejected']);
});

void test('a guest in JavaScript: redacts, refuses, and ends as others do when it misbehaves', async () => {
  const patterns = [
    { name: 'email', regex: String.raw`\w+@\w+` },
    { name: 'spin', regex: '(?:s+)+!' },
    { name: 'hoard', regex: 'h', replacement: 'y'.repeat(1 << 20) },
  ];
  const configJson = JSON.stringify({ patterns });
  const source = componentSource({ timeoutMs: 100, configJson, tombstones: 'transform' }, 'javascript', 64);
  const { result, restarts, metrics } = await run(
    [
      '{"email":"a@b", "x":"ä", "n":1.50}',
      '{',
      { key: 'k', value: null },
      `["${'s'.repeat(100)}"]`,
      `["${'h'.repeat(100)}"]`,
      '{"email":"a@b a@b"}',
    ],
    source,
  );
  const found = outcomes(result).map(({ code, key, value }) => [code, key, value]);
  assert.deepEqual(found, [
    [undefined, null, '{"email":"[email]", "x":"ä", "n":1.50}'],
    ['guest.rejected', undefined, undefined],
    [undefined, 'k', null],
    ['guest.out_of_fuel', undefined, undefined],
    // More than its memory: the engine throws, and goes on.
    ['guest.rejected', undefined, undefined],
    [undefined, null, '{"email":"[email] [email]"}'],
  ]);
  assert.equal(outcomes(result)[1]?.message, 'the value is no JSON');
  assert.match(outcomes(result)[4]?.message ?? '', /out of memory/);
  assert.equal(restarts, 1);
  assert.equal(metrics.get('redacted_email'), 3);
  const bad = JSON.stringify({ patterns: [{ name: 'x', regex: '(' }] });
  const rejected = componentSource({ timeoutMs: 100, configJson: bad }, 'javascript', 64);
  await assert.rejects(new InThreadExecutor(rejected, () => {}).start(), /patterns\[0\]\.regex is none: /);
});

void test('components in a chain, with their own instances', async () => {
  const { module } = componentSource();
  const following = [{ builtin: undefined, configJson: '{}', timeoutMs: 10, module }];
  const source = { ...componentSource({}, 'mask'), following };
  const { result, restarts } = await run(['{"email":"a"}', '"', 't', 'v', '2'], source);
  assert.deepEqual(gist(result), ['{"email":"***"}', 'guest.rejected', 'guest.trap', '1', '2', 'second']);
  assert.equal(restarts, 1);
});

void test('guest threads share one compiled component', async () => {
  const source = componentSource();
  const executor = new ThreadedExecutor(source, poolLimits(source, 2), systemClock, () => undefined);
  await executor.start();
  const batches = [batchOf(['v', 't', 'v']), batchOf(['v', 's', 'v'])];
  const results = await Promise.all(batches.map((batch) => executor.execute(batch)));
  assert.deepEqual(
    results.map((result) => gist(result)[1]),
    ['guest.trap', 'guest.out_of_fuel'],
  );
  await executor.close();
});

void test('bytes changed at random: whatever the catalog takes fails records at most, never the host', async () => {
  const seed = Number(process.env['SEED'] ?? Date.now());
  const random = seededRng(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const original = componentBytes('chameleon');
  let ran = 0;
  for (let i = 0; i < 150; i += 1) {
    const bytes = original.slice();
    for (let n = below(3); n >= 0; n -= 1) bytes[8 + below(bytes.length - 8)] = below(256);
    const artefact = prepareArtefact({ bytes, maxMemoryMb: 2, initialFuel: FUEL_PER_MS, cacheDir: undefined });
    if ('errors' in artefact) continue;
    const module = { ...artefact, maxMemoryMb: 2 };
    const executor = new InThreadExecutor({ config: guestConfig(), module }, () => {});
    try {
      await executor.start();
      const result = await executor.execute(batchOf(['=', 'h', 'i', 'l', 'f', { value: '2', key: 'k' }]));
      for (const { code } of outcomes(result)) assert.ok(!(code ?? '').startsWith('bug.'));
      ran += 1;
    } catch (error) {
      const fine = error instanceof StreamlineError && error.origin === 'guest';
      assert.ok(fine, `seed ${seed}, change ${i}: ${String(error)}`);
    }
  }
  assert.ok(ran > 0, `seed ${seed}: some were taken`);
});

void test('the core modules of a component share one budget', () => {
  const loop = [0x03, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b];
  const spin = { export: 'spin', params: ['i32'] as const, results: [], code: loop };
  const options = { maxMemoryPages: 1, initialFuel: 1000 };
  const module = new WebAssembly.Module(meterModule(buildModule({ functions: [spin] }), options));
  const steps = [
    { module: 0, imports: [] },
    { module: 0, imports: [] },
  ];
  const of = (step: number, name: string) => ({ step, name });
  const lifted = (step: number) => {
    return { call: of(step, 'spin'), memory: of(0, 'memory'), realloc: of(0, 'spin'), postReturn: undefined };
  };
  const { limits } = guestConfig();
  const host = new HostContext('input', new LogBuffer(1, 1), new RecordOutputs(limits), new GuestMetrics());
  const plan = { steps, transform: lifted(0), init: undefined };
  const instance = new ComponentInstance({ plan, modules: [module] }, host, componentFunctions(host), 1e6);
  const [first, second] = [0, 1].map((step) => instance.lifted<(times: number) => void>(lifted(step)).call);
  instance.setFuel(10_000);
  first?.(1000);
  const left = instance.fuelLeft(10_000);
  assert.ok(left > 0 && left < 5000, String(left));
  second?.(1000);
  assert.ok(instance.fuelLeft(10_000) < 0);
  instance.setFuel(10_000);
  assert.equal(instance.fuelLeft(10_000), 10_000);
  assert.throws(() => second?.(1_000_000), WebAssembly.RuntimeError);
});

void test('I9: names that a component chooses are only names', () => {
  const functions = [{ export: '__proto__', params: [], results: ['i32'] as const, code: [0x41, 7] }];
  const first = new WebAssembly.Module(buildModule({ functions }));
  const imports = [
    { module: '__proto__', name: '__proto__', params: [], results: ['i32'] as const },
    { module: 'constructor', name: 'toString', params: [], results: ['i32'] as const },
  ];
  const call = [{ export: 'both', params: [], results: ['i32'] as const, code: [0x10, 0, 0x10, 1, 0x6a] }];
  const second = new WebAssembly.Module(buildModule({ imports, functions: call }));
  const from = { step: 0, name: '__proto__' };
  const steps = [
    { module: 0, imports: [] },
    { module: 1, imports: imports.map(({ module, name }) => ({ module, name, item: { from } })) },
  ];
  const lifted = { call: { step: 1, name: 'both' }, memory: { step: 1, name: 'memory' }, postReturn: undefined };
  const transform = { ...lifted, realloc: { step: 1, name: 'both' } };
  const log = new LogBuffer(1, 1);
  const { limits } = guestConfig();
  const host = new HostContext('input', log, new RecordOutputs(limits), new GuestMetrics());
  const prepared = { plan: { steps, transform, init: undefined }, modules: [first, second] };
  const instance = new ComponentInstance(prepared, host, componentFunctions(host), 1e6);
  assert.equal(instance.lifted<() => number>(transform).call(), 14);
  // Neither an export nor a host function is found on a prototype.
  const missing = { ...transform, realloc: { step: 0, name: 'toString' } };
  assert.throws(() => instance.lifted(missing), /no such function/);
  const hosted = { module: 'toString', name: 'call', memory: undefined, realloc: undefined };
  const denied = lowerHostFunction(
    componentFunctions(host),
    host,
    hosted,
    new CanonicalMemory(host, () => {
      return { memory: undefined, realloc: undefined };
    }),
  );
  assert.throws(() => denied(), /toString.call was called, which is denied/);
});
