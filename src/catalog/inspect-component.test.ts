import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { seededRng } from '../base/rng.ts';
import { linkComponent } from './component-linker.ts';
import { WORLD_EXPORTS } from './component-world.ts';
import { describeModule } from './describe-module.ts';
import { inspectModule } from './inspect-module.ts';
import { prepareArtefact } from './prepare-artefact.ts';
import { buildModule } from './wasm-builder.ts';
import { WasmWriter } from './wasm-writer.ts';

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../guest/testing/component/${name}.wasm`, import.meta.url));
const chameleon = fixture('chameleon');
const wasi = fixture('wasi');

/** Every occurrence, or the first alone; of the same length, so that the rest stays as it is. */
function patched(bytes: Buffer, from: string, to: string, first = false): Buffer {
  assert.equal(from.length, to.length);
  const copy = Buffer.from(bytes);
  let count = 0;
  for (let at = copy.indexOf(from); at >= 0 && !(first && count > 0); at = copy.indexOf(from, at + from.length)) {
    copy.write(to, at, 'latin1');
    count += 1;
  }
  assert.ok(count > 0, `no ${from}`);
  return copy;
}

function refusal(bytes: Uint8Array, maxMemoryMb = 64): string[] {
  return inspectModule(bytes, { maxMemoryMb }).errors?.map((error) => error.describe().replace('\n ', '')) ?? [];
}

function component(
  ...sections: readonly (readonly [id: number, payload: Uint8Array | readonly number[]])[]
): Uint8Array {
  const out = new WasmWriter().u8(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0);
  for (const [id, payload] of sections) out.section(id, Uint8Array.from(payload));
  return out.bytes();
}

test('facts of a component', () => {
  const { facts, errors } = inspectModule(chameleon);
  assert.equal(errors, undefined);
  assert.equal(facts?.abi, 'component');
  assert.equal(facts?.exports.init, true);
  assert.equal(facts?.type, 'map');
  assert.deepEqual(facts?.imports, [
    'streamline:transform/clock.now-ms',
    'streamline:transform/log.log',
    'streamline:transform/metric.add',
    'streamline:transform/metric.set',
    'streamline:transform/schemas.key-schema',
    'streamline:transform/schemas.value-schema',
  ]);
  assert.equal(inspectModule(fixture('mask')).facts?.exports.init, false);
  assert.equal(inspectModule(wasi).errors, undefined);
});

test('the types of the world are those of wit/', () => {
  const { exports } = linkComponent(chameleon);
  for (const { interface: name, name: func, type } of Object.values(WORLD_EXPORTS)) {
    const instance = exports.get(`streamline:transform/${name}@0.1.0`);
    const found = instance?.sort === 'instance' ? instance.exports.get(func) : undefined;
    assert.equal(found?.sort === 'func' && found.func.kind === 'lifted' ? found.func.type : undefined, type);
  }
});

test('a component that does not fit says what to do', () => {
  const cases: [Uint8Array, RegExp][] = [
    [
      component(),
      /exports nothing, and not streamline:transform\/transform@0.1.0 .*missing_export.*wit\/transform.wit/,
    ],
    [
      patched(chameleon, '@0.1.0', '@0.0.9'),
      /imports "streamline:transform\/log@0.0.9": this sidecar has version 0.1.0 .*rebuild it with wit\//,
    ],
    [patched(fixture('mask'), '@0.1.0', '@9.1.0'), /transform@9.1.0": this sidecar has version 0.1.0 .*missing_export/],
    [
      patched(chameleon, 'streamline:transform/transform@', 'streamline:transform/transmute@'),
      /exports .*"streamline:transform\/transmute@0.1.0", and not/,
    ],
    [patched(chameleon, 'partition', 'portition'), /transform is func\(.*portition.*not func\(.*bad_signature/],
    [
      patched(chameleon, 'transform/clock', 'transform/chalk'),
      /imports "streamline:transform\/chalk.now-ms", which the host/,
    ],
    [patched(wasi, 'wasi:random/random@0.2', 'wasi:random/random@0.3'), /only version 0.2 of WASI/],
    [patched(wasi, 'wasi:io/poll', 'wasi:io/pill'), /imports "wasi:io\/pill/],
    [patched(chameleon, 'cabi_realloc', 'cabi_realloX', true), /transform is not what its type says/],
    [patched(chameleon, 'streamline:transform/log@', '";process.exit(7);//log@/'), /process.exit/],
  ];
  for (const [bytes, wanted] of cases) assert.match(refusal(bytes).join(' | '), wanted);
  assert.match(refusal(fixture('mask').subarray(0, 400)).join(), /module.invalid/);
  assert.match(refusal(wasi, 1).join() || 'fits', /fits/);
  assert.match(inspectModule(chameleon, { moduleBytesMax: 100 }).errors?.[0].code ?? '', /too_large/);
  const old = Buffer.from(chameleon);
  old[4] = 0x0a;
  assert.match(refusal(old).join(), /version 10 of the binary format/);
});

test('the inside of a component is no module, and its error says so', () => {
  const name = 'streamline:transform/transform@0.1.0#transform';
  const core = buildModule({ functions: [{ export: name, params: [], results: [], code: [] }] });
  assert.match(refusal(core).join(), /missing_export.*wasm-tools component new/);
});

test('what a component is, for a person', () => {
  const { lines, valid } = describeModule(wasi);
  const text = lines.join('\n');
  assert.equal(valid, true);
  assert.match(text, /abi +component/);
  assert.match(text, /exports +streamline:transform\/transform@0.1.0/);
  assert.match(text, /wasi:random\/random.get-random-bytes: read random bytes/);
  assert.match(text, /it can .*read its record and config.*read random bytes.*nothing else/);
  assert.match(describeModule(patched(wasi, 'wasi:io/poll', 'wasi:io/pill')).lines.join('\n'), /pill.*: refused/);
});

test('I7: components that would take for ever to look at are refused', () => {
  const nested: [number, Uint8Array | number[]][] = [[4, component()]];
  for (let i = 0; i < 40; i += 1) {
    // Twice the one before.
    nested.push([4, component([6, [1, 4, 2, 1, i]], [5, [2, 0, 0, 0, 0, 0, 0]])]);
  }
  assert.match(refusal(component(...nested, [5, [1, 0, 40, 0]])).join(), /too_large/);
  const types = [0x70, 0x7d];
  for (let i = 0; i < 60; i += 1) types.push(0x6f, 2, i, i);
  assert.match(refusal(component([7, [61, ...types]])).join(), /a type that is too large/);
  let deep: Uint8Array = component();
  for (let i = 0; i < 200; i += 1) deep = component([4, deep], [5, [1, 0, 0, 0]]);
  assert.match(refusal(deep).join(), /nested more than/);
  const instances = [...Array.from({ length: 40 }, () => [0x42, 1, 1]).flat()];
  assert.match(refusal(component([7, [1, ...instances, 0x7f]])).join(), /nested more than/);
});

test('what an engine keeps, or makes anew after each trap, is counted over all modules of a component', () => {
  const functions = Array.from({ length: 6000 }, (_, i) => ({
    params: Array.from({ length: 13 }, (__, bit) => (((i >> bit) & 1) === 0 ? ('i32' as const) : ('i64' as const))),
    results: [],
    code: [],
  }));
  const core = buildModule({ functions, memory: undefined });
  assert.match(refusal(component([1, core])).join(), /missing_export/);
  assert.match(refusal(component([1, core], [1, core])).join(), /has 12000 types, at most 10000.*too_large/);
  const small = buildModule({ functions: [] });
  const instances = Array.from({ length: 101 }, () => [0, 0, 0]).flat();
  assert.match(refusal(component([1, small], [2, [101, ...instances]])).join(), /more than 100 core instances/);
  assert.match(refusal(component([1, small], [2, [2, 0, 0, 0, 0, 0, 0]])).join(), /more than one memory/);
});

test('a component is metered and capped, kept, and taken from the cache as it was', (t) => {
  const cacheDir = mkdtempSync(join(tmpdir(), 'component-cache-'));
  t.after(() => rmSync(cacheDir, { recursive: true }));
  const request = { bytes: new Uint8Array(wasi), maxMemoryMb: 3, initialFuel: 1e9, cacheDir };
  const [first, second] = [prepareArtefact(request), prepareArtefact(request)];
  assert.ok(!('errors' in first) && !('errors' in second));
  assert.equal(first.cached, false);
  assert.equal(second.cached, true);
  assert.equal(JSON.stringify(second.facts), JSON.stringify(first.facts));
  assert.equal(JSON.stringify(second.component?.plan), JSON.stringify(first.component?.plan));
  assert.equal(second.component?.modules.length, 4);
  for (const module of second.component?.modules ?? []) {
    const names = WebAssembly.Module.exports(module).map(({ name }) => name);
    assert.ok(names.includes('streamline:fuel_set') && names.includes('streamline:fuel_left'));
  }
  assert.match(refusal(wasi, 0).join(), /memory_limit.*max_memory_mb/);
});

test('bytes changed at random are refused or taken, and nothing else', () => {
  const seed = Number(process.env['SEED'] ?? Date.now());
  const random = seededRng(seed);
  const below = (n: number): number => Math.floor(random() * n);
  let taken = 0;
  for (let i = 0; i < 400; i += 1) {
    const bytes = Buffer.from(chameleon);
    for (let n = below(4); n >= 0; n -= 1) bytes[8 + below(bytes.length - 8)] = below(256);
    try {
      if (inspectModule(bytes, { maxMemoryMb: 2 }).errors === undefined) taken += 1;
    } catch (error) {
      assert.fail(`seed ${seed}, change ${i}: ${String(error)}`);
    }
  }
  assert.ok(taken < 400);
});
