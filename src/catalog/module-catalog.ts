import { RefusedError, StreamlineError, toStreamlineError } from '../base/error.ts';
import { fromPlainError, type CatalogReply, type RefusedReply } from './catalog-messages.ts';
import { CatalogWorker } from './catalog-worker.ts';
import { MODULE_BYTES_MAX } from './inspect-module.ts';
import { readModuleFile } from './module-file.ts';
import { FUEL_PER_MS, type PreparedModule } from './prepared-module.ts';

export interface CatalogOptions {
  readonly modulesDir: string;
  /** Where metered artefacts are kept; undefined: nowhere. */
  readonly cacheDir?: string | undefined;
  /** Called at most once per kind of trouble. */
  readonly warn: (message: string) => void;
  readonly moduleBytesMax?: number;
  /** A module that takes longer than this to prepare is refused. */
  readonly prepareTimeoutMs?: number;
  /** One that takes longer than this no longer holds up the next. */
  readonly heavyMs?: number;
}

const PREPARE_TIMEOUT_MS = 120_000;
/** Ten times what a module of 1 MB takes. */
const HEAVY_MS = 2000;
const IDLE_MS = 10_000;
/** One for the module that is heavy, one for the others: more would take the guests' cores (I7). */
const THREADS_MAX = 2;

export interface PrepareRequest {
  /** Relative to the modules directory; how errors name it. */
  readonly modulePath: string;
  readonly maxMemoryMb: number;
  /** Budget of start and `_initialize`, which run before the host can set one. */
  readonly initTimeoutMs: number;
}

interface Waiting {
  readonly request: PrepareRequest;
  /** Not before its turn: what waits holds no module of 64 MiB. */
  readonly bytes: () => Promise<Uint8Array<ArrayBuffer>>;
  readonly resolve: (module: PreparedModule) => void;
  readonly reject: (error: StreamlineError) => void;
}

/**
 * Turns module files into modules that are checked, capped, metered and compiled. All of that happens in a worker thread, started
 * on demand, one module at a time: the main thread only reads the file (I7). While one module turns out to be heavy, a second
 * thread takes the others.
 */
export class ModuleCatalog {
  readonly #options: CatalogOptions;
  readonly #queue: Waiting[] = [];
  #workers: CatalogWorker[] = [];
  #warnedOfCache = false;
  #closed = false;

  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  /** Rejects with StreamlineError: spec.module_missing, module.* (RefusedError when the bytes are at fault). */
  prepare(request: PrepareRequest): Promise<PreparedModule> {
    const { modulesDir, moduleBytesMax = MODULE_BYTES_MAX } = this.#options;
    return this.#enqueue(request, () => readModuleFile(modulesDir, request.modulePath, moduleBytesMax));
  }

  /** The same of bytes that are in no file yet. */
  prepareBytes(bytes: Uint8Array<ArrayBuffer>, request: PrepareRequest): Promise<PreparedModule> {
    return this.#enqueue(request, async () => bytes);
  }

  #enqueue(request: PrepareRequest, bytes: Waiting['bytes']): Promise<PreparedModule> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, bytes, resolve, reject });
      this.#next();
    });
  }

  /** Refuses what waits and ends the threads. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#next();
    await Promise.all(this.#workers.map((worker) => worker.close(closedError())));
  }

  #next(): void {
    if (this.#closed) {
      for (const waiting of this.#queue.splice(0)) waiting.reject(closedError());
      return;
    }
    for (let waiting = this.#queue[0]; waiting !== undefined; waiting = this.#queue[0]) {
      const worker = this.#freeWorker();
      if (worker === undefined) return;
      this.#queue.shift();
      worker.take();
      void this.#prepare(worker, waiting);
    }
  }

  #freeWorker(): CatalogWorker | undefined {
    this.#workers = this.#workers.filter(({ state }) => state !== 'gone');
    const idle = this.#workers.find(({ state }) => state === 'idle');
    if (idle !== undefined) return idle;
    const allHeavy = this.#workers.every(({ state }) => state === 'heavy');
    if (!allHeavy || this.#workers.length >= THREADS_MAX) return undefined;
    const { prepareTimeoutMs = PREPARE_TIMEOUT_MS, heavyMs = HEAVY_MS } = this.#options;
    const worker = new CatalogWorker({ prepareTimeoutMs, heavyMs, idleMs: IDLE_MS }, () => this.#next());
    this.#workers.push(worker);
    return worker;
  }

  async #prepare(worker: CatalogWorker, waiting: Waiting): Promise<void> {
    const { request, resolve, reject } = waiting;
    const { maxMemoryMb, initTimeoutMs, modulePath } = request;
    const initialFuel = initTimeoutMs * FUEL_PER_MS;
    try {
      const bytes = await waiting.bytes();
      // Closed meanwhile, or its thread has ended.
      if (worker.state === 'gone') {
        this.#queue.unshift(waiting);
        this.#next();
        return;
      }
      const order = { bytes, maxMemoryMb, initialFuel, cacheDir: this.#options.cacheDir };
      resolve(this.#prepared(await worker.prepare(order, modulePath), request));
    } catch (thrown) {
      reject(toStreamlineError(thrown));
      worker.giveBack();
    }
    this.#next();
  }

  #prepared(reply: CatalogReply, { modulePath, maxMemoryMb }: PrepareRequest): PreparedModule {
    if (reply.kind === 'refused') throw refusal(reply, modulePath);
    if (reply.cacheTrouble !== undefined && !this.#warnedOfCache) {
      this.#warnedOfCache = true;
      this.#options.warn(`metered modules are not cached in ${this.#options.cacheDir}: ${reply.cacheTrouble}`);
    }
    return { facts: reply.facts, module: reply.module, component: reply.component, maxMemoryMb };
  }
}

function closedError(): StreamlineError {
  return new StreamlineError('module.unreadable', 'the module catalog is closed');
}

function refusal(reply: RefusedReply, place: string): StreamlineError {
  const [first, ...rest] = reply.errors;
  const error = fromPlainError(first, place);
  return new RefusedError([error, ...rest.map((plain) => fromPlainError(plain, place))]);
}
