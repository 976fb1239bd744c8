import { test } from 'node:test';
import assert from 'node:assert/strict';
import { seededRng, type Rng } from '../base/rng.ts';
import { inspectModule } from './inspect-module.ts';
import type { ValueType } from './known-imports.ts';
import { meterModule } from './meter-module.ts';
import { FUEL_LEFT, FUEL_SET } from './prepared-module.ts';
import { buildModule, leb, type BuiltFunction } from './wasm-builder.ts';
import { SECTION } from './wasm-module.ts';
import { WasmWriter } from './wasm-writer.ts';

type Scalar = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';
const SCALARS: readonly Scalar[] = ['i32', 'i64', 'f32', 'f64', 'v128'];
/** Function types that blocks use: what they take and what they yield. */
const BLOCKS: readonly { readonly params: readonly Scalar[]; readonly results: readonly Scalar[] }[] = [
  { params: [], results: ['i32', 'i64'] },
  { params: ['i32'], results: ['i32'] },
  { params: ['f64', 'i32'], results: ['i32', 'f64'] },
  { params: ['v128', 'i64', 'f32'], results: ['f32'] },
  { params: ['i64'], results: [] },
];
/** Indices of functions: 0 is `run`. */
const LEAF = 1;
const PAIR = 2;
const THROWER = 3;
const SPINNER = 4;
/** Blocks' types come after those of the functions above; so do the functions that only hold them. */
const BLOCK_TYPE_FIRST = 5;
/** Parameters of `run`: two numbers and how many loop rounds there may be. Then two locals of each type. */
const ROUNDS = 2;
const LOCAL_FIRST = 3;
const localsOf = (type: Scalar, rng: Rng): number => LOCAL_FIRST + SCALARS.indexOf(type) * 2 + (rng() < 0.5 ? 0 : 1);

interface Label {
  readonly values: readonly Scalar[];
}

/** Random valid programs of every construct the meter edits: nested blocks with values, branches with values, exceptions, calls. */
class ProgramWriter {
  readonly #rng: Rng;
  #left: number;
  readonly #labels: Label[] = [];
  readonly #legacyExceptions: boolean;

  constructor(rng: Rng, statements: number) {
    this.#rng = rng;
    this.#left = statements;
    this.#legacyExceptions = rng() < 0.5; // the engine takes one kind a module
  }

  #below(n: number): number {
    return Math.floor(this.#rng() * n);
  }

  #get(type: Scalar): number[] {
    return [0x20, localsOf(type, this.#rng)];
  }

  /** Code that leaves one value. Floats stay whole numbers: the bits of a NaN are the engine's choice. */
  value(type: Scalar, depth = 0): number[] {
    const simple = depth > 3 || this.#rng() < 0.4;
    const of = (t: Scalar): number[] => this.value(t, depth + 1);
    const pick = <T>(options: readonly T[]): T => options[this.#below(options.length)] as T;
    switch (type) {
      case 'i32':
        if (simple) return pick([[0x41, ...leb(this.#below(400) - 200)], this.#get('i32'), [0x20, this.#below(2)]]);
        return pick([
          () => [...of('i32'), ...of('i32'), pick([0x6a, 0x6b, 0x6c, 0x71, 0x73, 0x74, 0x76, 0x48, 0x4d])],
          () => [...of('i64'), pick([0xa7, 0x50])],
          () => [...of('f64'), 0xfc, 2],
          () => [...of('i32'), 0x10, LEAF],
          () => [...of('i32'), 0x41, ...leb(0xff8), 0x71, 0x28, 2, 0],
          () => [...of('i32'), 0x41, 0, 0x11, LEAF, 0],
          () => [...of('v128'), 0xfd, 27, this.#below(4)],
          () => [...of('i32'), ...of('i32'), ...of('i32'), 0x1b],
        ])();
      case 'i64':
        if (simple) return pick([[0x42, ...leb(this.#below(4000) - 2000)], this.#get('i64')]);
        return pick([
          () => [...of('i64'), ...of('i64'), pick([0x7c, 0x7d, 0x7e, 0x83, 0x85, 0x86, 0x88])],
          () => [...of('i32'), pick([0xac, 0xad])],
          () => [...of('i64'), 0x42, 7, 0x84, 0x42, ...leb(1000), 0x82],
        ])();
      case 'f32':
        return simple ? this.#get('f32') : [...of('i32'), 0xb2];
      case 'f64':
        if (simple) return this.#get('f64');
        return [...of('f64'), ...of('f64'), pick([0xa0, 0xa1, 0xa2, 0xa4]), 0xfc, 2, 0xb7];
      default:
        if (simple) return this.#get('v128');
        return pick([
          () => [...of('i32'), 0xfd, 17],
          () => [...of('v128'), ...of('v128'), 0xfd, ...pick([[0xae, 1], [0x51], [0xb5, 1], [0x4e]])],
        ])();
    }
  }

  #values(types: readonly Scalar[]): number[] {
    return types.flatMap((type) => this.value(type, 2));
  }

  /** Takes the values off the stack, last first. */
  #keep(types: readonly Scalar[]): number[] {
    return types.toReversed().flatMap((type) => [0x21, localsOf(type, this.#rng)]);
  }

  #inside(label: Label, write: () => number[]): number[] {
    this.#labels.push(label);
    const code = write();
    this.#labels.pop();
    return code;
  }

  body(depth: number): number[] {
    const code: number[] = [];
    for (let n = 1 + this.#below(4); n > 0 && this.#left > 0; n -= 1) code.push(...this.#statement(depth));
    return code;
  }

  /** What a block with these results ends with: its values, perhaps after code that left it, or could have. */
  #end(results: readonly Scalar[], depth: number): number[] {
    return [...this.body(depth + 1), ...this.#values(results)];
  }

  #branch(): { readonly depth: number; readonly values: readonly Scalar[] } {
    const depth = this.#below(this.#labels.length);
    return { depth, values: this.#labels[this.#labels.length - 1 - depth]?.values ?? [] };
  }

  #statement(depth: number): number[] {
    this.#left -= 1;
    const block = this.#below(BLOCKS.length);
    const { params, results } = BLOCKS[block] ?? { params: [], results: [] };
    const type = BLOCK_TYPE_FIRST + block;
    switch (depth > 7 ? this.#below(6) : this.#below(16)) {
      case 0: // store
        return [...this.value('i32'), 0x41, ...leb(0xff8), 0x71, ...this.value('i64'), 0x37, 3, 0];
      case 1: // two results
        return [...this.value('i64'), 0x10, PAIR, ...this.#keep(['i32', 'i64'])];
      case 2: // a callee that spins, on its own rounds
        return [...this.value('i32', 3), 0x41, 31, 0x71, 0x10, SPINNER, ...this.#keep(['i32'])];
      case 3: // memory.fill and memory.copy
        return [0x41, ...leb(3000), ...this.value('i32', 3), 0x41, 60, 0xfc, 11, 0].concat([
          0x41,
          ...leb(2000),
          0x41,
          ...leb(2500),
          0x41,
          ...leb(600),
          0xfc,
          10,
          0,
          0,
        ]);
      case 4: // memory.grow: refused, or by nothing
        return [0x41, this.#below(2) === 0 ? 0 : 50, 0x40, 0, ...this.#keep(['i32'])];
      case 5:
        return this.#breakIf();
      case 6:
      case 7: // a block that takes and yields values
        return [
          ...this.#values(params),
          ...[0x02, type, ...this.#keep(params)],
          ...this.#inside({ values: results }, () => this.#end(results, depth)),
          ...[0x0b, ...this.#keep(results)],
        ];
      case 8:
      case 9:
      case 10: // a loop with parameters; branches to it carry them. Rounds run out by return.
        return [
          ...this.#values(params),
          ...[0x03, type, 0x20, ROUNDS, 0x41, 1, 0x6b, 0x22, ROUNDS, 0x41, 0, 0x48, 0x04, 0x40, 0x41, 9, 0x0f, 0x0b],
          ...this.#keep(params),
          ...this.#inside({ values: params }, () => this.#end(results, depth)),
          ...[0x0b, ...this.#keep(results)],
        ];
      case 11:
      case 12: {
        const arm = (): number[] => [...this.#keep(params), ...this.#end(results, depth)];
        const arms = this.#inside({ values: results }, () => [...arm(), 0x05, ...arm()]);
        return [...this.#values(params), ...this.value('i32'), 0x04, type, ...arms, 0x0b, ...this.#keep(results)];
      }
      case 13:
        return this.#table();
      case 14:
        return this.#legacyExceptions ? this.#try(depth) : this.#tryTable(depth);
      default:
        return [...this.value('i32'), 0x04, 0x40, ...this.value('i32'), 0x0f, 0x0b];
    }
  }

  #breakIf(): number[] {
    const { depth, values } = this.#branch();
    return [...this.#values(values), ...this.value('i32'), 0x0d, depth, ...this.#keep(values)];
  }

  /** br_table out of a block of its own, so that code after it is reached on some ways. */
  #table(): number[] {
    const own: Label = { values: [] };
    return this.#inside(own, () => {
      const fit = this.#labels.flatMap(({ values }, i) => (values.length === 0 ? [this.#labels.length - 1 - i] : []));
      const target = (): number => fit[this.#below(fit.length)] ?? 0;
      return [0x02, 0x40, ...this.value('i32'), 0x0e, 3, target(), target(), target(), 0, 0x0b];
    });
  }

  #try(depth: number): number[] {
    const inner = this.#inside({ values: [] }, () => [
      ...[0x06, 0x40, ...this.body(depth + 1), ...this.value('i32', 3), 0x10, THROWER, ...this.#keep(['i32'])],
      ...[0x07, 0, ...this.#keep(['i64', 'i32'].toReversed() as Scalar[]), ...this.body(depth + 1)],
      ...[0x19, ...this.body(depth + 1), 0x0b],
    ]);
    return inner;
  }

  #tryTable(depth: number): number[] {
    // block (result i32 i64): try_table (catch 0 0): body, call; end; consts; end
    const body = this.#inside({ values: ['i32', 'i64'] }, () =>
      this.#inside({ values: [] }, () => [
        ...this.body(depth + 2),
        ...[...this.value('i32', 3), 0x10, THROWER, ...this.#keep(['i32'])],
      ]),
    );
    return [
      ...[0x02, BLOCK_TYPE_FIRST, 0x1f, 0x40, 1, 0, 0, 0, ...body, 0x0b],
      ...[...this.#values(['i32', 'i64']), 0x0b, ...this.#keep(['i32', 'i64'])],
    ];
  }
}

/** Stores every local, so that what a program computed shows in memory. */
function storeLocals(): number[] {
  const stores: Record<Scalar, readonly number[]> = {
    i32: [0x36, 2],
    i64: [0x37, 3],
    f32: [0x38, 2],
    f64: [0x39, 3],
    v128: [0xfd, 11, 4],
  };
  return SCALARS.flatMap((type, t) =>
    [0, 1].flatMap((n) => [0x41, ...leb(4096 + (t * 2 + n) * 16), 0x20, LOCAL_FIRST + t * 2 + n, ...stores[type], 0]),
  );
}

function randomModule(seed: number): Uint8Array {
  const rng = seededRng(seed);
  const writer = new ProgramWriter(rng, 50);
  const i32 = 'i32' as const;
  const code = [0x02, 0x40, ...writer.body(0), 0x0b, ...storeLocals(), 0x20, 0];
  const functions: BuiltFunction[] = [
    { export: 'run', params: [i32, i32, i32], results: [i32], locals: SCALARS.map((type) => [2, type] as const), code },
    { params: [i32], results: [i32], code: [0x20, 0, 0x41, 3, 0x6c] },
    { params: ['i64'], results: [i32, 'i64'], code: [0x20, 0, 0xa7, 0x20, 0, 0x42, 1, 0x7c] },
    // Throws (n, n) for every third n, else answers n.
    {
      params: [i32],
      results: [i32],
      code: [0x20, 0, 0x41, 3, 0x70, 0x45, 0x04, 0x40, 0x20, 0, 0x20, 0, 0xac, 0x08, 0, 0x0b, 0x20, 0],
    },
    // n rounds of a loop, left by return or br_if.
    {
      params: [i32],
      results: [i32],
      locals: [[1, i32]],
      code: [
        0x03, 0x40, 0x20, 1, 0x41, 7, 0x46, 0x04, 0x40, 0x20, 1, 0x0f, 0x0b, 0x20, 1, 0x41, 1, 0x6a, 0x22, 1, 0x20, 0,
        0x48, 0x0d, 0, 0x0b, 0x20, 0,
      ],
    },
  ];
  for (const { params, results } of BLOCKS) functions.push({ params, results, code: [0x00] });
  functions.push({ params: [i32, 'i64'] satisfies ValueType[], results: [], code: [] });
  const tag = new WasmWriter().u8(1, 0).u32(BLOCK_TYPE_FIRST + BLOCKS.length);
  return buildModule({ functions, memory: [1, 16], table: [LEAF], sections: new Map([[SECTION.tag, tag.bytes()]]) });
}

interface Run {
  readonly answer: unknown;
  readonly memory: Uint8Array;
}

function runOf(exports: Record<string, unknown>, args: readonly number[]): Run {
  let answer: unknown;
  try {
    answer = (exports['run'] as (...args: readonly number[]) => number)(...args);
  } catch (thrown) {
    answer = thrown instanceof Error ? thrown.message : String(thrown);
  }
  return { answer, memory: new Uint8Array((exports['memory'] as WebAssembly.Memory).buffer) };
}

void test('metered programs with values on branches, SIMD and exceptions compute what unmetered ones do', () => {
  let used = 0;
  for (let seed = 1; seed <= 400; seed += 1) {
    const bytes = randomModule(seed);
    assert.ok(WebAssembly.validate(bytes), `seed ${seed}: the generator must write valid programs`);
    if (seed % 20 === 0) assert.doesNotThrow(() => inspectModule(bytes), `seed ${seed}`);
    const metered = meterModule(bytes, { maxMemoryPages: 16, initialFuel: 0 });
    assert.ok(WebAssembly.validate(metered), `seed ${seed}: metered`);
    const plain = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
    const guest = new WebAssembly.Instance(new WebAssembly.Module(metered)).exports;
    for (const args of [
      [0, 0, 20],
      [1, -7, 300],
    ]) {
      const expected = runOf(plain, args);
      (guest[FUEL_SET] as (units: number) => void)(1e9);
      const found = runOf(guest, args);
      used += 1e9 - (guest[FUEL_LEFT] as () => number)();
      assert.deepEqual(found.answer, expected.answer, `seed ${seed} ${args.join()}`);
      assert.equal(Buffer.compare(found.memory, expected.memory), 0, `seed ${seed} ${args.join()}: memory`);
    }
  }
  assert.ok(used > 100_000, `the programs must do something: ${used} units`);
});
