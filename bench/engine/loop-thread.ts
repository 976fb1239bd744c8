import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../src/base/assert.ts';
import { BatchRunner, loadFormats, needsSchemas } from '../../src/guest/batch-runner.ts';
import { ControlBlock } from '../../src/guest/thread/control-block.ts';
import type { LoopData, LoopOrder, LoopReport } from './loop-messages.ts';

/*
 * A guest thread that need not wait for work: the engine's own BatchRunner over batches that are there already. What it takes for
 * a record is what a guest thread of a sidecar takes, without the messages in between.
 */

Error.stackTraceLimit = 0;

const port = parentPort;
assert(port !== null, 'loop-thread is started as a worker');
const { source, batches } = workerData as LoopData;

const control = new ControlBlock();
const runner = new BatchRunner(source, control, await loadFormats(source));
runner.open();
let result = new SharedArrayBuffer(1024 * 1024);
let batchId = 0;

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function loop({ durationMs }: LoopOrder): LoopReport {
  const before = control.latencies.slice();
  const cpuBefore = threadCpuMs();
  const began = performance.now();
  const deadline = began + durationMs;
  let records = 0;
  let failed = 0;
  let outputBytes = 0;
  do {
    for (const batch of batches) {
      batchId += 1;
      const work = runner.run(batchId, batch, [], result);
      assert(!needsSchemas(work), 'the schemas of a benchmark are known from the start');
      result = work.buffer;
      for (const segment of work.segments) {
        records += segment.outputs;
        failed += segment.failed + segment.filtered;
        outputBytes += segment.endByte - segment.startByte;
      }
    }
  } while (performance.now() < deadline);
  const elapsedMs = performance.now() - began;
  const cpuMs = threadCpuMs() - cpuBefore;
  runner.log.take();
  const latencies = control.latencies.map((count, i) => count - (before[i] ?? 0));
  return { records, failed, elapsedMs, cpuMs, outputBytes, latencies };
}

port.on('message', (order: LoopOrder) => port.postMessage(loop(order)));
