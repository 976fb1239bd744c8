import { test } from 'node:test';
import assert from 'node:assert/strict';
import { seededRng, type Rng } from '../base/rng.ts';
import { meterModule, TABLE_ELEMENTS_MAX } from './meter-module.ts';
import { FUEL_LEFT, FUEL_SET } from './prepared-module.ts';
import { buildModule, leb, type BuiltFunction, type BuiltModule } from './wasm-builder.ts';
import { decodeModule, SECTION } from './wasm-module.ts';
import { WasmWriter } from './wasm-writer.ts';

type Numeric = (...args: number[]) => number;
interface Guest {
  readonly run: Numeric;
  readonly setFuel: Numeric;
  readonly fuelLeft: () => number;
  readonly memory: WebAssembly.Memory;
  readonly exports: Record<string, unknown>;
}

const INITIAL_FUEL = 10_000_000;

function instantiate(bytes: Uint8Array, imports: Record<string, Record<string, unknown>> = {}): Guest {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
  return {
    run: exports['run'] as Numeric,
    setFuel: exports[FUEL_SET] as Numeric,
    fuelLeft: exports[FUEL_LEFT] as () => number,
    memory: exports['memory'] as WebAssembly.Memory,
    exports,
  };
}

function meter(bytes: Uint8Array, maxMemoryPages = 16): Uint8Array {
  const metered = meterModule(bytes, { maxMemoryPages, initialFuel: INITIAL_FUEL });
  assert.ok(WebAssembly.validate(metered), 'metered module must validate');
  return metered;
}

function runFunction(code: readonly number[], rest: Partial<BuiltFunction> = {}): BuiltModule {
  return { functions: [{ export: 'run', params: ['i32'], results: ['i32'], code, ...rest }] };
}

function assertOutOfFuel(built: BuiltModule, label: string, argument = 0): Guest {
  const bytes = buildModule(built);
  assert.ok(WebAssembly.validate(bytes), `${label}: the test's own module must validate`);
  const guest = instantiate(meter(bytes));
  guest.setFuel(2_000_000);
  assert.throws(() => guest.run(argument), WebAssembly.RuntimeError, label);
  assert.ok(guest.fuelLeft() < 0, `${label}: stopped by fuel, ${guest.fuelLeft()} left`);
  return guest;
}

const SPIN = [0x03, 0x40, 0x0c, 0x00, 0x0b]; // loop br 0 end
const RETURN_0 = [0x41, 0];

test('every way to spin is stopped by fuel', () => {
  assertOutOfFuel(runFunction([...SPIN, ...RETURN_0]), 'empty loop');
  // block loop br_if 0 br 1 end end
  assertOutOfFuel(runFunction([0x02, 0x40, 0x03, 0x40, 0x41, 1, 0x0d, 0, 0x0c, 1, 0x0b, 0x0b, ...RETURN_0]), 'br_if');
  // loop i32.const 0 br_table 0 0 0 end
  assertOutOfFuel(runFunction([0x03, 0x40, 0x41, 0, 0x0e, 2, 0, 0, 0, 0x0b, ...RETURN_0]), 'br_table');
  assertOutOfFuel(runFunction([0x20, 0, 0x12, 0]), 'tail call to itself');
  assertOutOfFuel({ ...runFunction([0x20, 0, 0x41, 0, 0x13, 0, 0]), table: [0] }, 'indirect tail call to itself');
  // A binary tree of calls, 30 deep: n = 0 ? 1 : run(n - 1) + run(n - 1)
  const tree = [0x20, 0, 0x45, 0x04, 0x40, 0x41, 1, 0x0f, 0x0b, 0x20, 0, 0x41, 1, 0x6b, 0x10, 0];
  assertOutOfFuel(runFunction([...tree, 0x20, 0, 0x41, 1, 0x6b, 0x10, 0, 0x6a]), 'recursion', 30);
  // loop memory.fill(0, 0, 65536) br 0
  const fill = [0x03, 0x40, 0x41, 0, 0x41, 0, 0x41, ...leb(65536), 0xfc, 11, 0, 0x0c, 0, 0x0b];
  assertOutOfFuel(runFunction([...fill, ...RETURN_0]), 'memory.fill');
  // loop memory.grow(1) drop br 0
  assertOutOfFuel(runFunction([0x03, 0x40, 0x41, 1, 0x40, 0, 0x1a, 0x0c, 0, 0x0b, ...RETURN_0]), 'memory.grow');
  // loop table.grow(ref.null, 1000) drop br 0
  const tableGrow = [0x03, 0x40, 0xd0, 0x70, 0x41, ...leb(1000), 0xfc, 15, 0, 0x1a, 0x0c, 0, 0x0b, ...RETURN_0];
  assertOutOfFuel({ ...runFunction(tableGrow), table: [0] }, 'table.grow');
});

test('bulk operations are charged by length, even in straight code', () => {
  const once = [0x41, 0, 0x41, 0, 0x20, 0, 0xfc, 11, 0];
  const guest = instantiate(meter(buildModule({ ...runFunction([...once, ...RETURN_0]), memory: [16] })));
  const used = (length: number): number => {
    guest.setFuel(1e9);
    guest.run(length);
    return 1e9 - guest.fuelLeft();
  };
  assert.ok(used(1 << 20) - used(0) >= (1 << 20) / 16);
});

test('a guest with exception handlers cannot catch running out of fuel', () => {
  // loop try <spin> catch_all end br 0 end
  const code = [0x03, 0x40, 0x06, 0x40, ...SPIN, 0x19, 0x0b, 0x0c, 0, 0x0b, ...RETURN_0];
  assertOutOfFuel(runFunction(code), 'catch_all around a spin');
  // The spin in a callee, whose loop keeps fuel in a local.
  const caller = { export: 'run', params: ['i32'], results: ['i32'] } as const;
  const built: BuiltModule = {
    functions: [
      { ...caller, code: [0x03, 0x40, 0x06, 0x40, 0x20, 0, 0x10, 1, 0x1a, 0x19, 0x0b, 0x0c, 0, 0x0b, ...RETURN_0] },
      { params: ['i32'], results: ['i32'], code: [...SPIN, ...RETURN_0] },
    ],
  };
  assertOutOfFuel(built, 'catch_all around a call that spins');
  // Unbounded recursion, its stack overflow caught (or not) again and again.
  const deep: BuiltModule = {
    functions: [
      { ...caller, code: built.functions[0]!.code },
      { params: ['i32'], results: ['i32'], code: [0x20, 0, 0x10, 1, 0x41, 1, 0x6a] },
    ],
  };
  const guest = instantiate(meter(buildModule(deep)));
  guest.setFuel(50_000_000);
  assert.throws(() => guest.run(0));
});

test('an exception thrown by the host and caught by the guest does not refund fuel', () => {
  // loop try call host catch_all end br 0 end
  const built: BuiltModule = {
    imports: [{ module: 'env', name: 'host', params: [], results: [] }],
    ...runFunction([0x03, 0x40, 0x06, 0x40, 0x10, 0, 0x19, 0x0b, 0x0c, 0, 0x0b, ...RETURN_0]),
  };
  let calls = 0;
  const host = (): void => {
    calls += 1;
    throw new Error('from the host');
  };
  const guest = instantiate(meter(buildModule(built)), { env: { host } });
  guest.setFuel(1_000_000);
  assert.throws(() => guest.run(0), WebAssembly.RuntimeError);
  assert.ok(guest.fuelLeft() < 0);
  assert.ok(calls > 1 && calls < 10_000, `${calls} calls`);
});

test('a start function is bounded by the initial budget', () => {
  const built: BuiltModule = {
    functions: [{ params: [], results: [], code: SPIN }],
    sections: new Map([[8, Uint8Array.of(0)]]),
  };
  const bytes = meter(buildModule(built));
  assert.throws(() => instantiate(bytes), WebAssembly.RuntimeError);
});

test('the host sets and reads fuel, and the guest sees neither', () => {
  const bytes = buildModule(runFunction([0x20, 0]));
  const metered = meter(bytes);
  const guest = instantiate(metered);
  assert.equal(guest.fuelLeft(), INITIAL_FUEL);
  guest.setFuel(60_000 * 5_000_000);
  assert.equal(guest.fuelLeft(), 60_000 * 5_000_000);
  const kinds = WebAssembly.Module.exports(new WebAssembly.Module(metered)).map(({ name, kind }) => `${name} ${kind}`);
  assert.deepEqual(
    kinds.sort(),
    ['memory memory', 'run function', `${FUEL_LEFT} function`, `${FUEL_SET} function`].sort(),
  );
});

test('memory grows to the limit and no further, and a refused growth is cheap', () => {
  const guest = instantiate(meter(buildModule(runFunction([0x20, 0, 0x40, 0])), 3));
  guest.setFuel(1e9);
  assert.equal(guest.run(0), 1);
  assert.equal(guest.run(1), 1);
  assert.equal(guest.run(1), 2);
  const before = guest.fuelLeft();
  assert.equal(guest.run(1), -1);
  assert.equal(guest.run(65_000), -1);
  assert.ok(before - guest.fuelLeft() < 10_000);
  assert.equal(guest.memory.buffer.byteLength, 3 * 65536);
});

test('a declared maximum below the limit stays, tables are capped', () => {
  const built = { ...runFunction([0x20, 0]), memory: [1, 2] as const, table: [0] };
  const metered = decodeModule(meter(buildModule(built)));
  assert.deepEqual(
    metered.memories.map((memory) => memory.max),
    [2],
  );
  assert.deepEqual(
    metered.tables.map((table) => table.limits.max),
    [TABLE_ELEMENTS_MAX],
  );
});

test('debug sections are dropped and the name section kept', () => {
  const custom = new Map([[0, new WasmWriter().name('.debug_info').raw(new Uint8Array(1000)).bytes()]]);
  const withDebug = meter(buildModule({ ...runFunction([0x20, 0]), sections: custom }));
  assert.deepEqual(decodeModule(withDebug).customSections, []);
  const names = new Map([[0, new WasmWriter().name('name').u8(0, 2).name('m').bytes()]]);
  const withNames = meter(buildModule({ ...runFunction([0x20, 0]), sections: names }));
  assert.deepEqual(
    decodeModule(withNames).customSections.map((section) => section.name),
    ['name'],
  );
});

test('functions with several results return through the write-back', () => {
  // Two results out of a loop by `return`: caller adds them.
  const built: BuiltModule = {
    functions: [
      { export: 'run', params: ['i32'], results: ['i32'], code: [0x20, 0, 0x10, 1, 0x6a] },
      {
        params: ['i32'],
        results: ['i32', 'i32'],
        // loop (n -= 1) br_if 0 ; return n+7, 35 ; end ; unreachable
        code: [
          0x03, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x20, 0, 0x41, 7, 0x6a, 0x41, 35, 0x0f, 0x0b, 0x00,
        ],
      },
    ],
  };
  const plain = instantiate(buildModule(built));
  const guest = instantiate(meter(buildModule(built)));
  assert.equal(plain.run(1000), 42);
  assert.equal(guest.run(1000), 42);
  assert.ok(INITIAL_FUEL - guest.fuelLeft() >= 1000, 'the loop was charged');
});

/** Random structured programs over four i32 locals: always valid, ends after at most `local 3` loop rounds. */
class ProgramWriter {
  readonly #rng: Rng;
  #left: number;

  constructor(rng: Rng, statements: number) {
    this.#rng = rng;
    this.#left = statements;
  }

  #below(n: number): number {
    return Math.floor(this.#rng() * n);
  }

  #value(): number[] {
    const pick = this.#below(4);
    if (pick === 0) return [0x41, ...leb(this.#below(200) - 100)];
    if (pick === 1) return [0x20, this.#below(3)];
    const op = [0x6a, 0x6b, 0x6c, 0x71, 0x73, 0x74, 0x48, 0x4a][this.#below(8)] ?? 0x6a;
    return [0x20, this.#below(3), 0x41, ...leb(this.#below(64)), op];
  }

  body(depth: number): number[] {
    const code: number[] = [];
    for (let n = 1 + this.#below(4); n > 0 && this.#left > 0; n -= 1) code.push(...this.#statement(depth));
    return code;
  }

  #statement(depth: number): number[] {
    this.#left -= 1;
    const pick = depth > 8 ? this.#below(3) : this.#below(12);
    switch (pick) {
      case 3:
        return [0x02, 0x40, ...this.body(depth + 1), 0x0b];
      case 4:
      case 5: // loop: if (--budget < 0) return local 0; body; br_if 0; end
        return [
          ...[0x03, 0x40, 0x20, 3, 0x41, 1, 0x6b, 0x22, 3, 0x41, 0, 0x48, 0x04, 0x40, 0x20, 0, 0x0f, 0x0b],
          ...this.body(depth + 1),
          ...[...this.#value(), 0x0d, 0, 0x0b],
        ];
      case 6:
        return [...this.#value(), 0x04, 0x40, ...this.body(depth + 1), 0x0b];
      case 7:
        return [...this.#value(), 0x04, 0x40, ...this.body(depth + 1), 0x05, ...this.body(depth + 1), 0x0b];
      case 8: // br_if out of anything but a loop may turn backwards: loops bound themselves by their budget
        return [...this.#value(), 0x0d, this.#below(depth + 1)];
      case 9: {
        const targets = Array.from({ length: 3 }, () => this.#below(depth + 1));
        return [0x02, 0x40, ...this.#value(), 0x0e, 2, ...targets.slice(0, 2), 0, 0x0b];
      }
      case 10:
        return [0x20, 0, 0x10, 1, 0x21, 1]; // call leaf
      case 11: // store and load
        return [
          0x20,
          0,
          0x41,
          ...leb(0xfff),
          0x71,
          0x20,
          1,
          0x36,
          2,
          0,
          0x20,
          2,
          0x41,
          ...leb(0xfff),
          0x71,
          0x28,
          2,
          0,
          0x21,
          2,
        ];
      default:
        return [...this.#value(), 0x21, this.#below(3)];
    }
  }
}

function randomModule(seed: number): Uint8Array {
  const writer = new ProgramWriter(seededRng(seed), 60);
  // Everything inside one block, so that depth 0 is never the function itself (whose label takes a value).
  const code = [0x02, 0x40, ...writer.body(0), 0x0b, 0x20, 0, 0x20, 1, 0x6a, 0x20, 2, 0x73];
  return buildModule({
    functions: [
      { export: 'run', params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'], code },
      {
        params: ['i32'],
        results: ['i32'],
        code: seed % 2 === 0 ? [0x20, 0, 0x41, 3, 0x6c] : [0x20, 0, 0x67],
      },
    ],
  });
}

test('metered programs compute what unmetered ones do, and a short budget only ever traps', () => {
  let looped = 0;
  for (let seed = 1; seed <= 300; seed += 1) {
    const bytes = randomModule(seed);
    assert.ok(WebAssembly.validate(bytes), `seed ${seed}: the generator must write valid programs`);
    const plain = instantiate(bytes);
    const metered = instantiate(meter(bytes));
    for (const args of [
      [0, 0, 0, 50],
      [1, -7, 99, 400],
      [-1, 12345, 3, 1000],
    ]) {
      const memoryBefore = new Uint8Array(plain.memory.buffer).slice();
      const expected = plain.run(...args);
      metered.setFuel(1e9);
      assert.equal(metered.run(...args), expected, `seed ${seed}`);
      assert.deepEqual(
        new Uint8Array(metered.memory.buffer),
        new Uint8Array(plain.memory.buffer),
        `seed ${seed}: memory`,
      );
      const used = 1e9 - metered.fuelLeft();
      if (used > 1000) looped += 1;
      const again = instantiate(meter(bytes));
      new Uint8Array(again.memory.buffer).set(memoryBefore);
      again.setFuel(Math.floor(used / 2));
      try {
        again.run(...args);
      } catch {
        assert.ok(again.fuelLeft() < 0, `seed ${seed}: trapped for want of fuel`);
        continue;
      }
      // Charges between two checks may overdraw once: only a program without a later check gets away with it.
      assert.ok(used < 5000, `seed ${seed}: ${used} units on half the fuel`);
    }
  }
  assert.ok(looped > 50, `the generator must write loops that run: ${looped}`);
});

test('inside a component: with memory and globals of another module, the fuel is still its own, and growth is charged', () => {
  const imports = new WasmWriter().u8(2).name('e').name('memory').u8(2, 0, 1).name('e').name('global').u8(3, 0x7e, 0);
  // memory.grow(argument) + global 0
  const code = [0x20, 0, 0x40, 0, 0x23, 0, 0xa7, 0x6a];
  const sections = new Map([[SECTION.import as number, imports.bytes()]]);
  const bytes = buildModule({ ...runFunction(code), memory: undefined, sections });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 3 });
  const global = new WebAssembly.Global({ value: 'i64' }, 1000n);
  const guest = instantiate(meter(bytes), { e: { memory, global } });
  guest.setFuel(10_000_000);
  assert.equal(guest.run(2), 1001);
  assert.equal(memory.buffer.byteLength, 3 * 65536);
  const used = 10_000_000 - guest.fuelLeft();
  assert.ok(used > 1000, `${used} units`);
  assert.equal(guest.run(1), 999, 'refused');
  guest.setFuel(10);
  assert.throws(() => guest.run(0), WebAssembly.RuntimeError);
  assert.equal(global.value, 1000n);
});
