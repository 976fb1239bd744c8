import { test } from 'node:test';
import assert from 'node:assert/strict';
import { inspectModule } from './inspect-module.ts';
import { meterModule } from './meter-module.ts';
import { FUEL_LEFT, FUEL_SET } from './prepared-module.ts';
import { buildModule, leb, type BuiltModule } from './wasm-builder.ts';
import { SECTION } from './wasm-module.ts';
import { WasmWriter } from './wasm-writer.ts';

/*
 * Programs that once ran longer than they had paid for. Each test is named for what was missing. Time is not measured: a
 * program is stopped if it ends with little more fuel used than it had.
 */

const BUDGET = 2_000_000;
/** What one function may use between two checks. */
const OVERDRAFT_MAX = 1_000_000;
const GUEST = { export: 'transform', params: ['i32', 'i32', 'i32'], results: ['i32'] } as const;
const RETURN_0 = [0x41, 0];
const STORE = [0x41, 0, 0x41, 1, 0x36, 2, 0];

function repeat(times: number, code: readonly number[]): number[] {
  return Array.from({ length: times }, () => code).flat();
}

function loop(code: readonly number[]): number[] {
  return [0x03, 0x40, ...code, 0x0c, 0, 0x0b, ...RETURN_0];
}

function open(built: BuiltModule, imports: Record<string, Record<string, unknown>> = {}) {
  const bytes = buildModule(built);
  assert.deepEqual(inspectModule(bytes).errors, undefined);
  const metered = meterModule(bytes, { maxMemoryPages: 16, initialFuel: 0 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(metered), imports);
  const run = exports['transform'] as (...args: number[]) => number;
  const setFuel = exports[FUEL_SET] as (units: number) => void;
  const fuelLeft = exports[FUEL_LEFT] as () => number;
  return {
    setFuel,
    fuelLeft,
    run,
    used(...args: number[]): number {
      setFuel(1e9);
      run(...args);
      return 1e9 - fuelLeft();
    },
  };
}

function assertStopped(built: BuiltModule, imports?: Record<string, Record<string, unknown>>): void {
  const guest = open(built, imports);
  guest.setFuel(BUDGET);
  assert.throws(() => guest.run(0, 0, 0), WebAssembly.RuntimeError);
  assert.ok(guest.fuelLeft() < 0 && guest.fuelLeft() > -OVERDRAFT_MAX, `${guest.fuelLeft()} left`);
}

const tagOfType = (type: number): ReadonlyMap<number, Uint8Array> =>
  new Map([[SECTION.tag, new WasmWriter().u8(1, 0).u32(type).bytes()]]);

void test('the type of a block is read whole: the rest of a typed reference is no `unreachable` that hides what follows', () => {
  // try catch_all end, block (ref null 0), a spin, ref.null 0, end. Read as one byte, the type leaves a 0x00 behind.
  const code = [0x06, 0x40, 0x19, 0x0b, 0x02, 0x63, 0x00, 0x03, 0x40, 0x0c, 0, 0x0b, 0xd0, 0, 0x0b, 0x1a, ...RETURN_0];
  const bytes = buildModule({ functions: [{ ...GUEST, code }] });
  assert.ok(WebAssembly.validate(bytes));
  assert.deepEqual(
    inspectModule(bytes).errors?.map((error) => error.code),
    ['module.unsupported_feature'],
  );
});

void test('straight code that calls straight code is stopped, though neither has a loop', () => {
  const callee = { params: [], results: [], code: repeat(20_000, STORE) };
  assertStopped({ functions: [{ ...GUEST, code: [...repeat(20_000, [0x10, 1]), ...RETURN_0] }, callee] });
  // The callee's cost behind a branch, in small pieces.
  const pieces = { params: [], results: [], code: repeat(4000, [0x41, 0, 0x0d, 0, ...STORE]) };
  assertStopped({ functions: [{ ...GUEST, code: [...repeat(20_000, [0x10, 1]), ...RETURN_0] }, pieces] });
});

void test('straight code that throws and catches is stopped', () => {
  const nothing = { params: [], results: [], code: [] };
  const thrown = [0x06, 0x40, 0x08, 0, 0x19, 0x0b];
  assertStopped({
    functions: [{ ...GUEST, code: [...repeat(5000, thrown), ...RETURN_0] }, nothing],
    sections: tagOfType(1),
  });
  const thrower = { params: [], results: [], code: [0x08, 0] };
  // block try_table (catch_all 0) call end end
  const caught = [0x02, 0x40, 0x1f, 0x40, 1, 2, 0, 0x10, 2, 0x0b, 0x0b];
  const functions = [{ ...GUEST, code: [...repeat(5000, caught), ...RETURN_0] }, nothing, thrower];
  assertStopped({ functions, sections: tagOfType(1) });
});

void test('a function that calls a leaf is paid for, whichever of the two comes first', () => {
  const i32 = 'i32' as const;
  const middle = (leaf: number) => ({ params: [i32], results: [i32], code: [0x20, 0, 0x10, leaf] });
  const leaf = { params: [i32], results: [i32], code: [0x20, 0, 0x41, 7, 0x77] };
  // loop: call middle; n -= 1; br_if 0
  const caller = (index: number) => ({
    ...GUEST,
    code: [0x03, 0x40, 0x20, 1, 0x10, index, 0x21, 1, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, ...RETURN_0],
  });
  const leafLast = open({ functions: [caller(1), middle(2), leaf] }).used(1000, 0, 0);
  const leafFirst = open({ functions: [caller(2), leaf, middle(1)] }).used(1000, 0, 0);
  assert.equal(leafLast, leafFirst);
  // A leaf that is called by the way pays nothing itself, so a tail call pays for it.
  const stores = { params: [], results: [], code: STORE };
  const tail = (code: number[]) =>
    open({ functions: [{ ...GUEST, code: [0x10, 1, ...RETURN_0] }, { ...stores, code }, stores] });
  assert.ok(tail([0x12, 2]).used() >= tail([]).used() + 5);
});

void test('the values a block or a loop carries are paid for', () => {
  // A loop of 500 values, shifted by one each round: moved, though reading them is free.
  const count = 500;
  const values = Array.from({ length: count }, (_, i) => [0x41, ...leb(i)]).flat();
  const code = [
    ...values,
    0x03,
    1,
    0x20,
    0,
    0x41,
    1,
    0x6b,
    0x22,
    0,
    0x20,
    0,
    0x0d,
    0,
    ...repeat(count, [0x6a]),
    0x0f,
    0x0b,
  ];
  const type = {
    params: Array.from({ length: count }, () => 'i32' as const),
    results: ['i32'] as const,
    code: [0x41, 0],
  };
  const guest = open({ functions: [{ ...GUEST, code }, type] });
  assert.ok(guest.used(1000, 0, 0) > 1000 * count);
});

void test('a host call that takes more than is left ends the call, and no handler catches that', () => {
  const host = { module: 'wasi_snapshot_preview1', name: 'proc_exit', params: ['i32'], results: [] } as const;
  const caught = [0x06, 0x40, 0x41, 0, 0x10, 0, 0x19, 0x0b];
  for (const code of [loop(caught), [...repeat(5000, caught), ...RETURN_0]]) {
    let calls = 0;
    const proc_exit = (): void => {
      calls += 1;
      guest.setFuel(guest.fuelLeft() - 400_000);
      throw new Error('exit');
    };
    const guest = open({ imports: [host], functions: [{ ...GUEST, code }] }, { wasi_snapshot_preview1: { proc_exit } });
    guest.setFuel(3_000_000);
    assert.throws(() => guest.run(0, 0, 0), WebAssembly.RuntimeError);
    assert.ok(guest.fuelLeft() < 0);
    assert.ok(calls > 1 && calls < 10, `${calls} calls`);
  }
});
