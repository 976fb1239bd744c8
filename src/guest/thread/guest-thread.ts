import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../base/assert.ts';
import { BatchRunner } from '../batch-runner.ts';
import { ControlBlock } from './control-block.ts';
import type { ThreadData, ThreadInput } from './input.ts';
import { packError, type ThreadOutput } from './output.ts';

/*
 * The guest thread's entry. It makes one instance, says so, and answers batches one after the other until told to close or
 * until the instance cannot be replaced.
 */

// Traps are values here: their stack traces would only cost time.
Error.stackTraceLimit = 0;

const port = parentPort;
assert(port !== null, 'guest-thread is started as a worker');
const { source, control } = workerData as ThreadData;

const say = (output: ThreadOutput): void => port.postMessage(output);

const runner = new BatchRunner(source, new ControlBlock(control));

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

function runBatch(input: Extract<ThreadInput, { kind: 'batch' }>): void {
  try {
    const result = runner.run(input.id, input.batch, input.condemned, input.result);
    say({ kind: 'done', id: input.id, result, log: runner.log.take() });
  } catch (thrown) {
    say({ kind: 'failed', id: input.id, error: packError(thrown), log: runner.log.take() });
    port?.close();
  }
}

if (open()) {
  port.on('message', (input: ThreadInput) => {
    if (input.kind === 'batch') runBatch(input);
    else port.close();
  });
}
