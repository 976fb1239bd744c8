import { parentPort, workerData } from 'node:worker_threads';
import { assert, unreachable } from '../../base/assert.ts';
import type { SchemaAnswer, SchemaWish } from '../../codec/schema.ts';
import type { WorkResult } from '../../pipeline/ports.ts';
import { BatchRunner, loadFormats, needsSchemas, type SchemasNeeded } from '../batch-runner.ts';
import { ControlBlock } from './control-block.ts';
import type { ThreadData, ThreadInput } from './input.ts';
import { packError, type ThreadOutput } from './output.ts';

/*
 * The guest thread's entry. It makes one instance, says so, and answers batches one after the other until told to close or
 * until the instance cannot be replaced.
 */

// Traps are values here: their stack traces would only cost time.
Error.stackTraceLimit = 0;

type BatchInput = Extract<ThreadInput, { kind: 'batch' }>;

const port = parentPort;
assert(port !== null, 'guest-thread is started as a worker');
const { source, control } = workerData as ThreadData;

const say = (output: ThreadOutput): void => port.postMessage(output);

const runner = new BatchRunner(source, new ControlBlock(control), await loadFormats(source));

function open(): boolean {
  try {
    runner.open();
    say({ kind: 'ready', log: runner.log.take() });
    return true;
  } catch (thrown) {
    say({ kind: 'refused', error: packError(thrown), log: runner.log.take() });
    return false;
  }
}

/** Batches that came while one before them waits for schemas. */
const queue: BatchInput[] = [];
let waiting: number | undefined;

/** Runs a batch, or goes on with the one that waits, and then what came behind it. */
function proceed(id: number, step: () => WorkResult | SchemasNeeded): void {
  try {
    const result = step();
    waiting = needsSchemas(result) ? id : undefined;
    if (needsSchemas(result)) {
      say({ kind: 'wishes', wishes: result.wishes });
      return;
    }
    say({ kind: 'done', id, result, log: runner.log.take(), counts: runner.takeCounts() });
  } catch (thrown) {
    say({ kind: 'failed', id, error: packError(thrown), log: runner.log.take() });
    port?.close();
    return;
  }
  const stale = runner.staleWishes().filter((wish) => !asked.has(wish));
  for (const wish of stale) asked.add(wish);
  if (stale.length > 0) say({ kind: 'wishes', wishes: stale });
  const next = queue.shift();
  if (next !== undefined) runBatch(next);
}

/** Asked for behind the records' back, and not answered yet. */
const asked = new Set<SchemaWish>();

function runBatch({ id, batch, condemned, result, trace }: BatchInput): void {
  proceed(id, () => runner.run(id, batch, condemned, result, trace));
}

function take(answers: readonly (readonly [SchemaWish, SchemaAnswer])[]): void {
  runner.supply(answers);
  asked.clear();
  if (waiting !== undefined) proceed(waiting, () => runner.resume());
}

if (open()) {
  port.on('message', (input: ThreadInput) => {
    switch (input.kind) {
      case 'batch':
        if (waiting === undefined) runBatch(input);
        else queue.push(input);
        break;
      case 'schemas':
        take(input.answers);
        break;
      case 'close':
        port.close();
        break;
      default:
        unreachable(input);
    }
  });
}
