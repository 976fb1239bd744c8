import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspectModule } from '../catalog/inspect-module.ts';
import { meterModule } from '../catalog/meter-module.ts';
import { FUEL_PER_MS } from '../catalog/prepared-module.ts';
import { buildModule, leb, type BuiltModule } from '../catalog/wasm-builder.ts';
import { InThreadExecutor } from './in-thread-executor.ts';
import { batchOf, gist, guestConfig } from './testing/fixture.ts';

const MIB = 1024 * 1024;
const TRANSFORM = { export: 'transform', params: ['i32', 'i32', 'i32'], results: ['i32'] } as const;

async function open(built: BuiltModule, maxMemoryMb: number): Promise<InThreadExecutor> {
  const bytes = buildModule(built);
  const { facts } = inspectModule(bytes);
  assert.ok(facts !== undefined);
  const metered = meterModule(bytes, { maxMemoryPages: maxMemoryMb * 16, initialFuel: FUEL_PER_MS });
  const config = guestConfig({ payload: 'value', limits: { outputBytesMax: MIB } });
  const module = { facts, module: new WebAssembly.Module(metered), maxMemoryMb };
  const executor = new InThreadExecutor({ config, module }, () => undefined);
  await executor.start();
  return executor;
}

void test('I7: many small records with the largest of outputs fill no more than their share of memory', async () => {
  const executor = await open({ functions: [{ ...TRANSFORM, code: [0x41, ...leb(MIB)] }] }, 8);
  const result = await executor.execute(batchOf(Array.from({ length: 400 }, () => 'x')));
  const failed = gist(result).filter((code) => code === 'guest.output_too_large').length;
  assert.ok(failed > 100 && failed < 200, `${failed} failed`);
  assert.ok(result.buffer.byteLength <= 512 * MIB);
});

void test('a guest with more than 2 GiB of memory gets its records and gives its outputs', async () => {
  const echo = [0x20, 2, 0x20, 0, 0x20, 1, 0xfc, 10, 0, 0, 0x20, 1];
  const executor = await open({ memory: [40_000], functions: [{ ...TRANSFORM, code: echo }] }, 4096);
  const values = ['hello 1', 'hello 22', 'a longer one, of some more words'];
  assert.deepEqual(gist(await executor.execute(batchOf(values))), values);
});

void test('I4: a guest that catches what a host function ends its call with fails all the same', async () => {
  const imports = [{ module: 'streamline', name: 'emit', params: ['i32', 'i32', 'i32', 'i32'], results: [] }] as const;
  const emit = (pointer: number): number[] => [0x41, ...leb(pointer), 0x41, 8, 0x41, 0, 0x41, 0, 0x10, 0];
  // try: emit from outside of the memory; catch_all: go on, emit a good one, answer 0. And without the bad one.
  const caught = [0x06, 0x40, ...emit(-1), 0x19, 0x0b, ...emit(0), 0x41, 0];
  const gists = await Promise.all(
    [caught, [...emit(0), 0x41, 0]].map(async (code) => {
      const executor = await open({ imports, functions: [{ ...TRANSFORM, code }] }, 2);
      return gist(await executor.execute(batchOf(['12345678', '12345678'])));
    }),
  );
  assert.deepEqual(gists, [
    ['guest.aborted', 'guest.aborted'],
    ['\0'.repeat(8), '\0'.repeat(8)],
  ]);
});
