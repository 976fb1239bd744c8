import { Worker } from 'node:worker_threads';
import { StreamlineError } from '../base/error.ts';
import { fromPlainError, type CatalogReply, type PrepareOrder, type RefusedReply } from './catalog-messages.ts';
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
  /** The thread ends after this long without work. */
  readonly idleMs?: number;
}

export interface PrepareRequest {
  /** Relative to the modules directory. */
  readonly modulePath: string;
  readonly maxMemoryMb: number;
  /** Budget of start and `_initialize`, which run before the host can set one. */
  readonly initTimeoutMs: number;
}

/** A module refused for one or more reasons: code and message are the first one's, `reasons` has them all. */
export class ModuleRefusedError extends StreamlineError {
  readonly reasons: readonly StreamlineError[];

  constructor(first: StreamlineError, reasons: readonly StreamlineError[]) {
    const more =
      reasons.length > 1
        ? ` (and ${reasons.length - 1} more: ${reasons
            .slice(1, 4)
            .map((r) => r.message)
            .join('; ')})`
        : '';
    const { place, configPath, suggestion } = first;
    super(first.code, first.message + more, { place, configPath, suggestion });
    this.reasons = reasons;
  }

  override toJSON(): Record<string, unknown> {
    return {
      ...super.toJSON(),
      ...(this.reasons.length > 1 ? { reasons: this.reasons.map((reason) => reason.toJSON()) } : {}),
    };
  }
}

interface Waiting {
  readonly request: PrepareRequest;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly resolve: (module: PreparedModule) => void;
  readonly reject: (error: StreamlineError) => void;
}

/**
 * Turns module files into modules that are checked, capped, metered and compiled. All of that happens in one worker thread,
 * started on demand, one module at a time: the main thread only reads the file (I7). A module that a compiler chokes on costs
 * the thread, not the sidecar: past its time it is refused, and the thread is abandoned.
 */
export class ModuleCatalog {
  readonly #options: CatalogOptions;
  readonly #queue: Waiting[] = [];
  #current: (Waiting & { readonly id: number }) | undefined;
  #worker: Worker | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastId = 0;
  #warnedOfCache = false;
  #closed = false;

  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  /** Rejects with StreamlineError: spec.module_missing, module.* (ModuleRefusedError when the bytes are at fault). */
  async prepare(request: PrepareRequest): Promise<PreparedModule> {
    const bytesMax = this.#options.moduleBytesMax ?? MODULE_BYTES_MAX;
    const bytes = await readModuleFile(this.#options.modulesDir, request.modulePath, bytesMax);
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, bytes, resolve, reject });
      this.#next();
    });
  }

  /** Refuses what waits and ends the thread. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#drop(new StreamlineError('module.unreadable', 'the module catalog is closed'));
    this.#next();
    await worker?.terminate();
  }

  #next(): void {
    if (this.#closed) {
      for (const waiting of this.#queue.splice(0)) {
        waiting.reject(new StreamlineError('module.unreadable', 'the module catalog is closed'));
      }
      return;
    }
    if (this.#current !== undefined) return;
    const waiting = this.#queue.shift();
    if (waiting === undefined) return this.#idle();
    this.#lastId += 1;
    this.#current = { ...waiting, id: this.#lastId };
    const worker = (this.#worker ??= this.#start());
    worker.ref();
    const order: PrepareOrder = {
      kind: 'prepare',
      id: this.#lastId,
      bytes: waiting.bytes,
      maxMemoryMb: waiting.request.maxMemoryMb,
      initialFuel: waiting.request.initTimeoutMs * FUEL_PER_MS,
      cacheDir: this.#options.cacheDir,
    };
    clearTimeout(this.#timer);
    const timeoutMs = this.#options.prepareTimeoutMs ?? 120_000;
    this.#timer = setTimeout(() => {
      const text = `${waiting.request.modulePath} took longer than ${timeoutMs} ms to compile`;
      this.#drop(new StreamlineError('module.too_large', text, { suggestion: 'build a smaller module' }));
      this.#next();
    }, timeoutMs);
    worker.postMessage(order, [waiting.bytes.buffer]);
  }

  #start(): Worker {
    const url = new URL(
      import.meta.url.endsWith('.ts') ? './catalog-thread.ts' : './catalog-thread.js',
      import.meta.url,
    );
    const worker = new Worker(url, { name: 'catalog', stdin: false, env: {} });
    const lost = (reason: string): void => {
      if (this.#worker !== worker) return; // replaced already
      this.#drop(new StreamlineError('bug.unexpected', `the catalog thread ended: ${reason}`));
      this.#next();
    };
    worker.on('message', (reply: CatalogReply) => this.#answered(worker, reply));
    worker.on('error', (error) => lost(error.message));
    worker.on('exit', (code) => lost(`exit code ${code}`));
    return worker;
  }

  /** Rejects the work in hand and forgets the thread, without waiting for it: it may be deep in a compiler. */
  #drop(error: StreamlineError): void {
    clearTimeout(this.#timer);
    const worker = this.#worker;
    const current = this.#current;
    this.#worker = undefined;
    this.#current = undefined;
    worker?.unref();
    void worker?.terminate();
    current?.reject(error);
  }

  #answered(worker: Worker, reply: CatalogReply): void {
    const current = this.#current;
    if (worker !== this.#worker || current === undefined || current.id !== reply.id) return;
    clearTimeout(this.#timer);
    this.#current = undefined;
    if (reply.kind === 'refused') {
      current.reject(refusal(reply, current.request.modulePath));
    } else {
      if (reply.cacheTrouble !== undefined && !this.#warnedOfCache) {
        this.#warnedOfCache = true;
        this.#options.warn(`metered modules are not cached in ${this.#options.cacheDir}: ${reply.cacheTrouble}`);
      }
      current.resolve({ facts: reply.facts, module: reply.module, maxMemoryMb: current.request.maxMemoryMb });
    }
    this.#next();
  }

  /** An idle thread keeps no process alive, and its memory only for a while. */
  #idle(): void {
    const worker = this.#worker;
    if (worker === undefined) return;
    worker.unref();
    this.#timer = setTimeout(() => {
      if (this.#worker !== worker || this.#current !== undefined) return;
      this.#worker = undefined;
      void worker.terminate();
    }, this.#options.idleMs ?? 10_000);
    this.#timer.unref();
  }
}

function refusal(reply: RefusedReply, place: string): StreamlineError {
  const [first, ...rest] = reply.errors;
  const error = fromPlainError(first, place);
  return new ModuleRefusedError(error, [error, ...rest.map((plain) => fromPlainError(plain, place))]);
}
