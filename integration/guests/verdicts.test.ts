import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { framed } from '../../examples/guests/testing/guest-runner.ts';
import { DEPLOY_VERDICTS, PEEK_FILE, RECORD_VERDICTS, recordValue, type RecordVerdict } from './verdicts.ts';

/* Plain WebAssembly, no sidecar: do the guests misbehave as the verdicts assume? */

const MODULES = join(import.meta.dirname, 'modules');
const FAILED = 0xffffffff;
const CAPACITY = 65536;
const bytesOf = (file: string): Buffer<ArrayBuffer> => readFileSync(join(MODULES, file));

class Exit extends Error {}

interface Attempt {
  readonly filter: number;
  readonly transform: number;
  readonly route: number;
  readonly keyLength: number;
  readonly logged: number;
}

/** Runs one record on a fresh instance. */
function attempt(file: string, order: string): Attempt {
  const exit = (): never => {
    throw new Exit();
  };
  let logged = 0;
  const imports = {
    streamline: { log: () => void (logged += 1) },
    env: { abort: exit },
    wasi_snapshot_preview1: { proc_exit: exit },
  };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytesOf(file)), imports);
  const memory = exports['memory'] as WebAssembly.Memory;
  const call = (name: string, ...args: number[]): number | undefined =>
    typeof exports[name] === 'function' ? (exports[name] as (...args: number[]) => number)(...args) >>> 0 : undefined;
  const allocate = (): number => call('alloc', CAPACITY) ?? memory.grow(CAPACITY / 65536) * 65536;
  const [input, output] = [allocate(), allocate()];
  const record = framed('k', recordValue(order, 1, { n: 100 }));
  new Uint8Array(memory.buffer).set(record, input);
  const filter = call('filter', input, record.length) ?? 1;
  const transform = call('transform', input, record.length, output) ?? 0;
  const keyLength = new DataView(memory.buffer).getUint32(output, true);
  const route = call('route', input, record.length, output) ?? 0;
  return { filter, transform, route, keyLength, logged };
}

/** These never return, or take all memory there is: only an engine with limits can run them, and its tests do. */
const UNLIMITED = ['spin', 'spin_divide', 'fill', 'copy', 'log_for_ever', 'filter_spin', 'grow_trap', 'grow_hold'];

function assertVerdict({ file, order, outcome }: RecordVerdict): void {
  if (outcome === 'output' || outcome === 'filtered') {
    const result = attempt(file, order);
    assert.equal(result.filter === 0, outcome === 'filtered');
    assert.notEqual(result.transform, FAILED);
    assert.ok(result.transform <= CAPACITY);
    if (order === 'log_flood') assert.equal(result.logged, 10_000);
    return;
  }
  switch (outcome[0]) {
    case 'guest.trap':
      return assert.throws(() => attempt(file, order), WebAssembly.RuntimeError);
    case 'guest.stack_overflow':
      return assert.throws(() => attempt(file, order), RangeError);
    case 'guest.aborted':
      return assert.throws(() => attempt(file, order), Exit);
    case 'guest.failed':
      return assert.equal(attempt(file, order).transform, FAILED);
    case 'guest.abi_violation': {
      const { transform, route, keyLength } = attempt(file, order);
      const tooLong = transform > CAPACITY || route > CAPACITY;
      return assert.ok(
        tooLong || transform === 3 || keyLength > transform - 4,
        JSON.stringify({ transform, route, keyLength }),
      );
    }
    case 'route.invalid_topic':
      return assert.ok(attempt(file, order).route > 0);
    default:
      assert.fail(`no check for ${outcome.join()}`);
  }
}

for (const verdict of RECORD_VERDICTS.filter(({ order }) => !UNLIMITED.includes(order))) {
  test(`${verdict.file} does what ${verdict.order === '' ? 'no order' : verdict.order} says`, () =>
    assertVerdict(verdict));
}

test('every binary has a verdict, and every verdict a binary', () => {
  const files = readdirSync(MODULES).filter((file) => file.endsWith('.wasm'));
  const judged = new Set([...RECORD_VERDICTS, ...DEPLOY_VERDICTS].map(({ file }) => file).concat(PEEK_FILE));
  assert.deepEqual(files.toSorted(), [...judged].toSorted());
});

test('refused modules are refused for their reason only: V8 takes all but the broken ones', () => {
  const broken = ['empty.wasm', 'not_wasm.wasm', 'truncated.wasm', 'component.wasm'];
  for (const { file } of DEPLOY_VERDICTS)
    assert.equal(WebAssembly.validate(bytesOf(file)), !broken.includes(file), file);
});
