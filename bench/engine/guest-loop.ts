import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { PackedBatch } from '../../src/pipeline/packed-batch.ts';
import type { LoopData, LoopOrder, LoopReport } from './loop-messages.ts';
import type { BatchRunnerSource } from './source.ts';

/** One guest in one thread that runs a hot loop on request. */
export class GuestLoop {
  readonly #worker: Worker;

  constructor(source: BatchRunnerSource, batches: readonly PackedBatch[]) {
    const data: LoopData = { source, batches: batches.map(({ buffer }) => buffer) };
    this.#worker = new Worker(new URL('./loop-thread.ts', import.meta.url), { workerData: data });
  }

  /** One call at a time. Rejects when a record failed or the thread did. */
  async run(durationMs: number): Promise<LoopReport> {
    const order: LoopOrder = { durationMs };
    this.#worker.postMessage(order);
    const [report] = (await once(this.#worker, 'message')) as [LoopReport];
    if (report.failed > 0) throw new Error(`${report.failed} records did not come out of the guest`);
    return report;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
