import { Worker } from 'node:worker_threads';
import { StreamlineError } from '../base/error.ts';
import type { CatalogReply, PrepareOrder } from './catalog-messages.ts';

export interface WorkerTimes {
  /** A module that takes longer than this to prepare is refused. */
  readonly prepareTimeoutMs: number;
  /** One that takes longer than this is heavy. */
  readonly heavyMs: number;
  /** The thread ends after this long without work. */
  readonly idleMs: number;
}

/** .ts from the sources, .js from the build: the name is not rewritten there. */
const THREAD_URL = new URL(`./catalog-thread${import.meta.url.slice(-3)}`, import.meta.url);

/**
 * One catalog thread and the module it has, seen from the main thread. A module that a compiler chokes on costs the thread, not
 * the sidecar: past its time it is refused, and the thread is abandoned.
 */
export class CatalogWorker {
  readonly #worker: Worker;
  readonly #times: WorkerTimes;
  readonly #onHeavy: () => void;
  #current: PromiseWithResolvers<CatalogReply> | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;
  state: 'idle' | 'busy' | 'heavy' | 'gone' = 'idle';

  /** @param onHeavy the module under way turned out to be heavy */
  constructor(times: WorkerTimes, onHeavy: () => void) {
    this.#times = times;
    this.#onHeavy = onHeavy;
    this.#worker = new Worker(THREAD_URL, { name: 'catalog', stdin: false, env: {} });
    this.#worker.on('message', (reply: CatalogReply) => this.#answered(reply));
    this.#worker.on('error', (error) => this.#lost(error.message));
    this.#worker.on('exit', (code) => this.#lost(`exit code ${code}`));
  }

  /** Only while idle: the next module is this one's, and is being read. */
  take(): void {
    clearTimeout(this.#deadline);
    this.state = 'busy';
  }

  /** There was nothing to prepare after all. */
  giveBack(): void {
    if (this.state !== 'busy') return;
    this.state = 'idle';
    this.#idle();
  }

  /** Only when taken. Rejects with StreamlineError when there will be no answer: the thread is gone then. */
  prepare(order: PrepareOrder, modulePath: string): Promise<CatalogReply> {
    const current = Promise.withResolvers<CatalogReply>();
    this.#current = current;
    this.#worker.ref();
    clearTimeout(this.#deadline);
    const { prepareTimeoutMs, heavyMs } = this.#times;
    this.#deadline = setTimeout(() => {
      const text = `${modulePath} took longer than ${prepareTimeoutMs} ms to compile`;
      this.#drop(new StreamlineError('module.too_large', text, { suggestion: 'build a smaller module' }));
    }, prepareTimeoutMs);
    this.#watch = setTimeout(() => {
      this.state = 'heavy';
      this.#onHeavy();
    }, heavyMs);
    this.#worker.postMessage(order, [order.bytes.buffer]);
    return current.promise;
  }

  /** Ends the thread and rejects what it has in hand with `error`. */
  async close(error: StreamlineError): Promise<void> {
    this.#drop(error);
    await this.#worker.terminate();
  }

  #answered(reply: CatalogReply): void {
    const current = this.#current;
    if (current === undefined) return; // given up already
    this.#clear();
    this.state = 'idle';
    this.#idle();
    current.resolve(reply);
  }

  #lost(reason: string): void {
    this.#drop(new StreamlineError('bug.unexpected', `the catalog thread ended: ${reason}`));
  }

  /** Forgets the thread without waiting for it: it may be deep in a compiler. */
  #drop(error: StreamlineError): void {
    if (this.state === 'gone') return;
    const current = this.#current;
    this.#clear();
    this.state = 'gone';
    this.#worker.unref();
    void this.#worker.terminate();
    current?.reject(error);
  }

  /** An idle thread keeps no process alive, and its memory only for a while. */
  #idle(): void {
    this.#worker.unref();
    this.#deadline = setTimeout(() => {
      this.state = 'gone';
      void this.#worker.terminate();
    }, this.#times.idleMs);
    this.#deadline.unref();
  }

  #clear(): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#watch);
    this.#current = undefined;
  }
}
