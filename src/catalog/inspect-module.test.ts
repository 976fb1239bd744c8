import { test } from 'node:test';
import assert from 'node:assert/strict';
import { seededRng } from '../base/rng.ts';
import { describeModule } from './describe-module.ts';
import { inspectModule } from './inspect-module.ts';
import { buildModule, type BuiltFunction, type BuiltModule } from './wasm-builder.ts';
import { SECTION } from './wasm-module.ts';
import { WasmWriter } from './wasm-writer.ts';

const transform: BuiltFunction = {
  export: 'transform',
  params: ['i32', 'i32', 'i32'],
  results: ['i32'],
  code: [0x41, 0],
};
const good: BuiltModule = { functions: [transform] };

function codes(built: BuiltModule | Uint8Array, maxMemoryMb = 64): string[] {
  const inspection = inspectModule(built instanceof Uint8Array ? built : buildModule(built), { maxMemoryMb });
  return inspection.errors?.map((error) => error.code) ?? [];
}

const fn = (name: string, params: number, results: number, code: number[]): BuiltFunction => ({
  export: name,
  params: Array.from({ length: params }, () => 'i32' as const),
  results: Array.from({ length: results }, () => 'i32' as const),
  code,
});

test('facts of a good module', () => {
  const built: BuiltModule = {
    imports: [{ module: 'streamline', name: 'log', params: ['i32', 'i32', 'i32'], results: [] }],
    functions: [
      transform,
      fn('filter', 2, 1, [0x41, 1]),
      fn('init', 2, 1, [0x41, 1]),
      fn('route', 3, 1, [0x41, 0]),
      fn('alloc', 1, 1, [0x41, 0]),
      fn('_initialize', 0, 0, []),
    ],
    memory: [2, 9],
  };
  const { facts, errors } = inspectModule(buildModule(built));
  assert.equal(errors, undefined);
  assert.deepEqual(facts?.exports, { filter: true, route: true, init: true, alloc: true, initialize: true });
  assert.deepEqual(facts?.imports, ['streamline.log']);
  assert.deepEqual(facts?.memory, { minPages: 2, maxPages: 9 });
  assert.equal(facts?.type, 'route');
  assert.equal(inspectModule(buildModule(good)).facts?.type, 'map');
  assert.equal(
    inspectModule(buildModule({ functions: [transform, fn('filter', 2, 1, [0x41, 1])] })).facts?.type,
    'filter',
  );
});

test('what is not a module at all', () => {
  assert.deepEqual(codes(new Uint8Array(0)), ['module.invalid']);
  assert.deepEqual(codes(new TextEncoder().encode('(module)')), ['module.invalid']);
  const component = Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0);
  assert.deepEqual(codes(component), ['module.missing_export']);
  assert.deepEqual(inspectModule(buildModule(good), { moduleBytesMax: 10 }).errors?.[0].code, 'module.too_large');
  const broken = buildModule({ functions: [{ ...transform, code: [0x43, 0, 0, 0, 0] }] });
  const [error] = inspectModule(broken).errors ?? [];
  assert.equal(error?.code, 'module.invalid');
  assert.match(error?.message ?? '', /type error|expected i32/);
});

test('all reasons are given, not the first alone', () => {
  const built: BuiltModule = {
    imports: [
      { module: 'evil', name: 'exec', params: [], results: [] },
      { module: 'streamline', name: 'log', params: ['i32'], results: [] },
    ],
    functions: [fn('transform', 1, 1, [0x41, 0]), fn('filter', 0, 0, []), fn('streamline:fuel_set', 0, 0, [])],
    memory: [2000],
    exportMemoryAs: 'mem',
  };
  const found = codes(built);
  for (const code of [
    'module.unknown_import',
    'module.missing_export',
    'module.memory_limit',
    'module.reserved_name',
  ]) {
    assert.ok(found.includes(code), `${code} in ${found.join()}`);
  }
  assert.equal(found.filter((code) => code === 'module.bad_signature').length, 3);
  const memory = inspectModule(buildModule(built), { maxMemoryMb: 64 }).errors?.find(
    (e) => e.code === 'module.memory_limit',
  );
  assert.match(memory?.suggestion ?? '', /max_memory_mb: 125/);
});

test('a command is told to become a reactor', () => {
  const [error] = inspectModule(buildModule({ functions: [fn('_start', 0, 0, [])] })).errors ?? [];
  assert.equal(error?.code, 'module.missing_export');
  assert.match(error?.suggestion ?? '', /reactor/);
});

test('features the sandbox does not take', () => {
  assert.deepEqual(codes(section(SECTION.memory, new WasmWriter().u8(1, 3, 1, 2))), ['module.unsupported_feature']); // shared
  assert.deepEqual(codes(section(SECTION.memory, new WasmWriter().u8(1, 4, 1))), ['module.unsupported_feature']); // 64-bit
  assert.deepEqual(codes(section(SECTION.memory, new WasmWriter().u8(2, 0, 1, 0, 1))), ['module.unsupported_feature']); // two
  assert.deepEqual(codes({ functions: [{ ...transform, code: [0xfe, 0x03, 0, 0x41, 0] }] }), [
    'module.unsupported_feature',
  ]); // fence
  const relaxed = [0x41, 0, 0xfd, 0x0f, 0x41, 0, 0xfd, 0x0f, 0xfd, 0x80, 0x02, 0xfd, 0x15, 0];
  assert.deepEqual(codes({ functions: [{ ...transform, code: relaxed }] }), ['module.unsupported_feature']);
  const wideTable = new WasmWriter().u8(1, 0x70, 0).u32(100_001);
  assert.deepEqual(codes(section(SECTION.table, wideTable)), ['module.table_limit']);
  const tables = new WasmWriter().u8(9);
  for (let i = 0; i < 9; i += 1) tables.u8(0x70, 0, 1);
  assert.deepEqual(codes(section(SECTION.table, tables)), ['module.table_limit']);
});

test('memory, table and global imports are refused by name', () => {
  const imports = new WasmWriter().u8(2).name('env').name('memory').u8(2, 0, 1).name('env').name('base').u8(3, 0x7f, 0);
  const built: BuiltModule = { ...good, memory: undefined, sections: new Map([[SECTION.import, imports.bytes()]]) };
  const errors = inspectModule(buildModule(built)).errors ?? [];
  assert.deepEqual(
    errors.map((error) => error.code),
    ['module.missing_export', 'module.unknown_import', 'module.unknown_import'],
  );
  assert.match(errors[1]?.message ?? '', /env\.memory/);
});

test('functions too large to compile safely are refused', () => {
  assert.deepEqual(codes({ functions: [{ ...transform, locals: [[20_000, 'i32']] }] }), ['module.too_large']);
  const blocks = Array.from({ length: 4000 }, () => [0x02, 0x40, 0x0b]).flat();
  assert.deepEqual(codes({ functions: [{ ...transform, locals: [[9000, 'i32']], code: [...blocks, 0x41, 0] }] }), [
    'module.too_large',
  ]);
});

const section = (id: number, out: WasmWriter): BuiltModule => ({ ...good, sections: new Map([[id, out.bytes()]]) });

test('I7: modules that V8 answers by ending the process are refused before it sees them', () => {
  // More types than V8 keeps in a process, where they stay.
  const types = new WasmWriter(1 << 20).u32(1_000_000).u8(0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7f);
  for (let i = 1; i < 1_000_000; i += 1) {
    types.u8(0x60, 20);
    for (let bit = 0; bit < 20; bit += 1) types.u8((i >> bit) & 1 ? 0x7f : 0x7e);
    types.u8(0);
  }
  assert.deepEqual(codes(section(SECTION.type, types)), ['module.too_large']);
  const group = new WasmWriter(1 << 20).u32(1).u8(0x4e).u32(1_000_000);
  for (let i = 0; i < 1_000_000; i += 1) group.u8(0x60, 0, 0);
  assert.deepEqual(codes(section(SECTION.type, group)), ['module.unsupported_feature']);
  // 60,000 ways out of a block, each with 9,000 locals: one function needs more memory than V8 has for one. The function
  // behind it is invalid: V8 starts to compile before it finds out.
  const locals = 9000;
  const ways = Array.from({ length: 60_000 }, (_, i) => [0x20, 0, 0x21, ...uleb(3 + (i % locals)), 0x20, 1, 0x0d, 0]);
  const bomb: BuiltFunction = {
    ...transform,
    locals: [[locals, 'i32']],
    code: [0x02, 0x40, ...ways.flat(), 0x0b, 0x20, ...uleb(3 + locals - 1)],
  };
  assert.deepEqual(codes({ functions: [bomb] }), ['module.too_large']);
  assert.deepEqual(codes({ functions: [bomb, fn('invalid', 0, 1, [])] }), ['module.too_large']);
});

const uleb = (value: number): number[] => [...new WasmWriter(5).u32(value).bytes()];

test('what makes a function hard to compile is counted: branches, loops with values, try blocks', () => {
  const code = (times: number, piece: readonly number[]): number[] => Array.from({ length: times }, () => piece).flat();
  const locals: BuiltFunction['locals'] = [[9000, 'i32']];
  const table = [0x02, 0x40, 0x20, 0, 0x0e, ...uleb(4000), ...code(4001, [0]), 0x0b, 0x41, 0];
  assert.deepEqual(codes({ functions: [{ ...transform, locals, code: table }] }), ['module.too_large']);
  const many = Array.from({ length: 900 }, () => 'i32' as const);
  const wide: BuiltFunction = { params: many, results: many, code: code(900, [0x41, 0]) };
  const loops = [...code(900, [0x41, 0]), ...code(2000, [0x03, 1, 0x0b]), ...code(900, [0x1a]), 0x41, 0];
  assert.deepEqual(codes({ functions: [{ ...transform, code: loops }, wide] }), ['module.too_large']);
  const tries = [...code(10_001, [0x06, 0x40, 0x19, 0x0b]), 0x41, 0];
  assert.deepEqual(codes({ functions: [{ ...transform, code: tries }] }), ['module.too_large']);
});

test('what an instance costs before any of its code runs is limited', () => {
  const repeated = (out: WasmWriter, times: number, bytes: readonly number[]): WasmWriter => {
    for (let i = 0; i < times; i += 1) out.u8(...bytes);
    return out;
  };
  const imports = new WasmWriter().u32(1001);
  for (let i = 0; i < 1001; i += 1) imports.name('wasi_snapshot_preview1').name('sched_yield').u8(0).u32(0);
  const exports = new WasmWriter().u32(10_001);
  for (let i = 0; i < 10_001; i += 1) exports.name(`e${i}`).u8(0).u32(0);
  const wide = 1 << 20;
  const tooLarge = new Map<number, WasmWriter>([
    [SECTION.import, imports],
    [SECTION.export, exports],
    [SECTION.tag, repeated(new WasmWriter().u32(1001), 1001, [0, 0])],
    // A sum of half a million numbers, worked out for each instance.
    [SECTION.global, repeated(new WasmWriter(wide).u8(1, 0x7f, 0, 0x41, 0), 500_000, [0x41, 1, 0x6a]).u8(0x0b)],
    [SECTION.data, repeated(new WasmWriter(wide).u8(1, 0, 0x41, 0), 500_000, [0x41, 1, 0x6a]).u8(0x0b, 0)],
    [SECTION.element, repeated(new WasmWriter(wide).u8(1, 0, 0x41, 0, 0x0b).u32(2_000_000), 2_000_000, [0])],
    [SECTION.function, repeated(new WasmWriter(wide).u32(200_001), 200_001, [0])],
  ]);
  for (const [id, out] of tooLarge) {
    assert.deepEqual(codes({ ...section(id, out), table: [0] }), ['module.too_large'], `section ${id}`);
  }
  const customs = repeated(new WasmWriter().raw(buildModule(good)), 1001, [0, 1, 0]).bytes();
  assert.deepEqual(codes(customs), ['module.too_large']);
});

test('a byte order mark is part of a name: what the engine will not find is not taken for it', () => {
  const named = (name: string): BuiltModule => ({ functions: [{ ...transform, export: name }] });
  assert.deepEqual(codes(named('\ufefftransform')), ['module.missing_export']);
  const imports = [{ module: '\ufeffenv', name: 'abort', params: ['i32', 'i32', 'i32', 'i32'] as const, results: [] }];
  assert.deepEqual(codes({ ...good, imports }), ['module.unknown_import']);
  // The real transform takes an i64, the other one looks right.
  const both = [
    { ...transform, export: '\ufefftransform' },
    { ...transform, params: ['i64' as const] },
  ];
  assert.deepEqual(codes({ functions: both }), ['module.bad_signature']);
});

test('nesting as deep as a body allows neither overflows a stack nor takes long', () => {
  const depth = 200_000;
  const code = [
    ...Array<number>(depth * 2)
      .fill(0)
      .map((_, i) => (i % 2 === 0 ? 0x02 : 0x40)),
    ...Array<number>(depth).fill(0x0b),
    0x41,
    0,
  ];
  assert.deepEqual(codes({ functions: [{ ...transform, code }] }), []);
});

test('cut and flipped bytes give an error value or facts, never an exception', () => {
  const bytes = buildModule({
    imports: [{ module: 'env', name: 'abort', params: ['i32', 'i32', 'i32', 'i32'], results: [] }],
    functions: [transform, fn('filter', 2, 1, [0x03, 0x40, 0x20, 0, 0x0d, 0, 0x0b, 0x41, 1])],
    table: [1],
  });
  for (let length = 0; length < bytes.length; length += 1) inspectModule(bytes.subarray(0, length));
  const rng = seededRng(7);
  let accepted = 0;
  for (let i = 0; i < 5000; i += 1) {
    const mutant = bytes.slice();
    for (let n = 1 + Math.floor(rng() * 3); n > 0; n -= 1)
      mutant[Math.floor(rng() * mutant.length)] = Math.floor(rng() * 256);
    if (inspectModule(mutant, { maxMemoryMb: 64 }).errors === undefined) accepted += 1;
    describeModule(mutant);
  }
  assert.ok(accepted > 0 && accepted < 5000);
});

test('a description names what the module can do and why it is refused', () => {
  const log = { module: 'streamline', name: 'log', params: ['i32', 'i32', 'i32'], results: [] } as const;
  const fine = describeModule(buildModule({ ...good, imports: [log] }));
  assert.equal(fine.valid, true);
  assert.ok(fine.exports.some((entry) => entry.name === 'transform' && entry.signature === '(i32, i32, i32) -> i32'));
  assert.ok(
    fine.lines.some(
      (line) => line.includes('it can') && line.includes('write log lines') && line.endsWith('nothing else'),
    ),
  );
  const refused = describeModule(
    buildModule({ ...good, imports: [{ module: 'a\u001b[31m', name: 'x', params: [], results: [] }] }),
  );
  assert.equal(refused.valid, false);
  assert.ok(refused.lines.some((line) => line.startsWith('refused') && line.includes('module.unknown_import')));
  assert.ok(!refused.lines.join('').includes('\u001b'), 'no control characters for a terminal');
});
