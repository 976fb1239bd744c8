import type { Clock } from '../base/clock.ts';
import { StreamlineError, toStreamlineError } from '../base/error.ts';
import { fetchSchemas, type SchemaSource, type SchemaWish } from '../codec/schema.ts';
import type { PackedBatch } from '../pipeline/packed-batch.ts';
import type { Condemned, Executor, WorkResult } from '../pipeline/ports.ts';
import type { TraceOrder } from '../pipeline/tracing.ts';
import type { GuestSource } from './batch-runner.ts';
import { BufferPool, RESULT_BYTES_INITIAL } from './buffer-pool.ts';
import { GuestSlot, type SlotEvents, type Work } from './guest-slot.ts';
import { addTallies, RecordTotals, type GuestStats, type StageTally } from './guest-stats.ts';
import { GuestMetricTotals, tooManyMetrics } from './host-functions/guest-metrics.ts';
import type { GuestLog } from './host-functions/log-buffer.ts';
import { LostThreads } from './lost-threads.ts';

export interface PoolLimits {
  /** Threads, and with them instances, at most; one is kept, for what its guest has in memory, once it has seen a record. */
  readonly instances: number;
  /** A thread without work for so long is given up, unless it is the one that is kept. */
  readonly idleInstanceMs: number;
  /** A thread that makes no progress for so long is replaced, its record condemned. */
  readonly wallClockMs: number;
  /** The same while an instance is made. */
  readonly initWallClockMs: number;
  /** More threads than this stuck or dead within ten minutes fail the transform. */
  readonly stuckThreadsMax: number;
}

/** Lax on purpose: fuel is the deadline (DESIGN.md), and a machine under load is no reason to condemn a record. */
export function poolLimits({ config, following = [] }: GuestSource, instances: number): PoolLimits {
  const timeoutMs = following.reduce((sum, stage) => sum + stage.timeoutMs, config.timeoutMs);
  return {
    instances,
    idleInstanceMs: 30_000,
    wallClockMs: Math.max(20 * timeoutMs, 2000),
    initWallClockMs: Math.max(20 * config.limits.initTimeoutMs, 10_000) * (following.length + 1),
    stuckThreadsMax: 3,
  };
}

const WATCH_INTERVAL_MS = 50;
/** A batch whose threads die before they begin it is not tried for ever. */
const LOST_MAX = 3;
const CLOSE_WAIT_MS = 1000;

/**
 * Runs guests in worker threads: one from the start, more while there is work for them, each with at most one batch under
 * way and one behind it. A thread takes 11 MB: where no record comes, the first one goes too, and is made anew for the first record. I7: whatever a guest does, the main thread waits for nothing it does.
 */
export class ThreadedExecutor implements Executor {
  readonly parallelism: number;
  readonly #source: GuestSource;
  readonly #limits: PoolLimits;
  readonly #clock: Clock;
  readonly #onLog: (log: GuestLog) => void;
  readonly #buffers: BufferPool;
  readonly #schemas: SchemaSource | undefined;
  readonly #events: SlotEvents;
  /** In the order they were started; the first with room is used, so that the last ones fall idle. */
  #slots: GuestSlot[] = [];
  /** Retired or killed, and not gone yet. */
  readonly #leaving = new Set<GuestSlot>();
  readonly #lostThreads: LostThreads<GuestSlot>;
  #queue: Work[] = [];
  /** No guest has seen a record yet: there is nothing in its memory but what init() puts there again. */
  #untouched = true;
  #started: { readonly resolve: () => void; readonly reject: (error: StreamlineError) => void } | undefined;
  #failure: StreamlineError | undefined;
  #cancelWatch: (() => void) | undefined;
  #watchedMs = 0;
  #cancelReclaim: (() => void) | undefined;
  readonly #records = new RecordTotals();
  readonly #guestMetrics = new GuestMetricTotals((name) => this.#log(tooManyMetrics(name, this.#source.config.limits)));
  #stages: readonly StageTally[] = [];
  #logLinesDropped = 0;
  #threadRestarts = 0;
  #instanceRestarts = 0;

  /**
   * @param buffers results are written to; versions of one transform share them, as one let go is slow to be collected
   * @param schemas for formats that need them
   */
  constructor(
    source: GuestSource,
    limits: PoolLimits,
    clock: Clock,
    onLog: (log: GuestLog) => void,
    buffers = new BufferPool(RESULT_BYTES_INITIAL),
    schemas?: SchemaSource,
  ) {
    this.#schemas = schemas;
    this.#source = source;
    this.#limits = limits;
    this.#clock = clock;
    this.#onLog = onLog;
    this.parallelism = limits.instances + 1;
    this.#buffers = buffers;
    this.#lostThreads = new LostThreads(limits.stuckThreadsMax);
    this.#events = {
      ready: (slot) => this.#ready(slot),
      done: (slot, work, result) => this.#done(slot, work, result),
      wishes: (slot, wishes) => void this.#fetch(slot, wishes),
      log: (log) => this.#log(log),
      counts: ({ metrics, stages = [] }) => {
        this.#guestMetrics.absorb(metrics);
        this.#stages = addTallies(this.#stages, stages);
      },
      failed: (_slot, error) => this.#fail(error),
      died: (slot, reason) => this.#died(slot, reason),
      exited: (slot) => this.#exited(slot),
    };
  }

  /** Resolves when one guest is warm. Rejects with guest.init_failed or guest.init_rejected; the executor is closed then. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#started = { resolve, reject };
      this.#addSlot();
    });
  }

  execute(batch: PackedBatch, trace?: TraceOrder): Promise<WorkResult> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#queue.push({ batch, trace, condemned: [], lost: 0, resolve, reject });
      this.#dispatch();
    });
  }

  release(result: WorkResult): void {
    this.#buffers.give(result.buffer);
  }

  /** Drops what is under way (guest.closed). Waits for the threads to end, but not for ones that are stuck. Idempotent. */
  async close(): Promise<void> {
    this.#fail(new StreamlineError('guest.closed', 'the executor was closed'));
    let cancel: (() => void) | undefined;
    const patience = new Promise<void>((resolve) => {
      cancel = this.#clock.after(CLOSE_WAIT_MS, resolve);
    });
    const gone = [...this.#leaving].map((slot) => slot.exited);
    await Promise.race([Promise.all(gone), patience]);
    cancel?.();
    for (const slot of this.#leaving) slot.forget();
  }

  stats(): GuestStats {
    let instanceRestarts = this.#instanceRestarts;
    for (const slot of this.#slots) {
      slot.countInto(this.#records);
      instanceRestarts += slot.restarts;
    }
    const starting = this.#slots.filter((slot) => slot.state === 'starting').length;
    const busy = this.#slots.filter((slot) => slot.outstanding > 0).length;
    return {
      ...this.#records.view(),
      logLinesDropped: this.#logLinesDropped,
      guestMetrics: this.#guestMetrics,
      stages: this.#stages,
      instances: { starting, busy, idle: this.#slots.length - starting - busy },
      instanceRestarts,
      threadRestarts: this.#threadRestarts,
      stuckThreads: this.#lostThreads.notEnded,
    };
  }

  // ---- work ----------------------------------------------------------------------------------------------------

  #dispatch(): void {
    for (let work = this.#queue[0]; work !== undefined; work = this.#queue[0]) {
      const idle = this.#slots.find((slot) => slot.hasRoom && slot.outstanding === 0);
      if (idle === undefined) this.#growIfNeeded();
      const slot = idle ?? this.#leastLoaded();
      if (slot === undefined) break;
      this.#queue.shift();
      this.#untouched = false;
      slot.post(work, this.#buffers.take());
    }
    this.#watch();
  }

  #leastLoaded(): GuestSlot | undefined {
    let best: GuestSlot | undefined;
    for (const slot of this.#slots) {
      if (slot.hasRoom && (best === undefined || slot.remainingRecords < best.remainingRecords)) best = slot;
    }
    return best;
  }

  #growIfNeeded(): void {
    const starting = this.#slots.some((slot) => slot.state === 'starting');
    if (!starting && this.#slots.length < this.#limits.instances) this.#addSlot();
  }

  #done(slot: GuestSlot, work: Work, result: WorkResult): void {
    // At every batch, so that 32-bit counts cannot wrap twice unseen.
    slot.countInto(this.#records);
    work.resolve(result);
    if (slot.outstanding === 0) {
      slot.idleSinceMs = this.#clock.nowMs();
      this.#scheduleReclaim();
    }
    this.#dispatch();
  }

  /** One thread waits, the others go on; a registry that does not answer holds up only those that need it. */
  async #fetch(slot: GuestSlot, wishes: readonly SchemaWish[]): Promise<void> {
    try {
      slot.supply(await fetchSchemas(this.#schemas, wishes));
    } catch (thrown) {
      this.#fail(toStreamlineError(thrown));
    }
  }

  #log(log: GuestLog): void {
    this.#logLinesDropped += log.dropped;
    this.#onLog(log);
  }

  // ---- slots ---------------------------------------------------------------------------------------------------

  #addSlot(): void {
    this.#slots.push(new GuestSlot(this.#source, this.#events));
    this.#watch();
  }

  #ready(slot: GuestSlot): void {
    slot.idleSinceMs = this.#clock.nowMs();
    this.#started?.resolve();
    this.#started = undefined;
    this.#scheduleReclaim();
    this.#dispatch();
  }

  /** Takes a slot out of service and gives back its unanswered work. */
  #remove(slot: GuestSlot): Work[] {
    slot.countInto(this.#records);
    this.#instanceRestarts += slot.restarts;
    this.#slots = this.#slots.filter((other) => other !== slot);
    if (slot.state !== 'gone') this.#leaving.add(slot);
    return slot.abandon();
  }

  #exited(slot: GuestSlot): void {
    this.#leaving.delete(slot);
    this.#lostThreads.ended(slot);
  }

  /** The thread ended by itself: out of JavaScript heap, a crash of V8's. */
  #died(slot: GuestSlot, reason: string): void {
    if (this.#failure !== undefined) return;
    if (slot.initialising) {
      this.#remove(slot).forEach((work) => this.#queue.unshift(work));
      this.#fail(
        new StreamlineError('guest.init_failed', `the guest thread ended while it made an instance: ${reason}`),
      );
      return;
    }
    this.#lose(slot, { code: 'guest.trap', message: `the guest thread ended: ${reason}` });
  }

  /** Puts another slot in this one's place, unless too many were lost; its work is done again, without the record it was at. */
  #lose(slot: GuestSlot, sentence: Omit<Condemned, 'recordIndex'>): void {
    if (this.#lostThreads.add(slot, this.#clock.nowMs())) {
      const most = String(this.#limits.stuckThreadsMax);
      const text = `more than ${most} guest threads got stuck or died within ten minutes; the last: ${sentence.message}`;
      this.#fail(new StreamlineError('guest.stuck', text));
      return;
    }
    const recordIndex = slot.currentRecord;
    const works = this.#remove(slot);
    const head = works[0];
    if (head !== undefined) {
      if (recordIndex !== undefined) head.condemned.push({ recordIndex, ...sentence });
      else head.lost += 1;
      if (head.lost > LOST_MAX) {
        this.#queue.unshift(...works);
        this.#fail(new StreamlineError('guest.stuck', `guest threads end before they begin: ${sentence.message}`));
        return;
      }
    }
    this.#threadRestarts += 1;
    this.#queue.unshift(...works);
    if (this.#slots.length === 0) this.#addSlot();
    this.#dispatch();
  }

  /** The end of this executor, on purpose or not: everything under way is rejected, every thread told to end. */
  #fail(error: StreamlineError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#schemas?.close();
    this.#cancelWatch?.();
    this.#cancelReclaim?.();
    const works = this.#queue;
    this.#queue = [];
    for (const slot of this.#slots) {
      works.push(...this.#remove(slot));
      slot.kill();
    }
    this.#started?.reject(error);
    this.#started = undefined;
    for (const work of works) work.reject(error);
  }

  // ---- time ----------------------------------------------------------------------------------------------------

  /** Looks at the threads while any has something to do. */
  #watch(): void {
    const busy = this.#slots.some((slot) => slot.state === 'starting' || slot.outstanding > 0);
    if (this.#cancelWatch !== undefined || !busy || this.#failure !== undefined) return;
    this.#watchedMs = this.#clock.nowMs();
    this.#cancelWatch = this.#clock.after(WATCH_INTERVAL_MS, () => {
      this.#cancelWatch = undefined;
      // A look that comes late says that this process was held up, and its threads perhaps with it.
      const elapsedMs = Math.min(this.#clock.nowMs() - this.#watchedMs, 2 * WATCH_INTERVAL_MS);
      for (const slot of [...this.#slots]) this.#look(slot, elapsedMs);
      this.#watch();
    });
  }

  #look(slot: GuestSlot, elapsedMs: number): void {
    const standingMs = slot.standingStill(elapsedMs);
    if (slot.initialising) {
      if (standingMs <= this.#limits.initWallClockMs) return;
      const text = `an instance was not ready after ${String(this.#limits.initWallClockMs)} ms`;
      this.#fail(new StreamlineError('guest.init_failed', text));
      return;
    }
    if (standingMs <= this.#limits.wallClockMs) return;
    const message = `the guest made no progress for ${String(this.#limits.wallClockMs)} ms and its thread was replaced`;
    this.#lose(slot, { code: 'guest.timeout', message });
    slot.kill();
  }

  get #kept(): number {
    return this.#untouched ? 0 : 1;
  }

  #scheduleReclaim(): void {
    if (this.#cancelReclaim !== undefined || this.#slots.length <= this.#kept || this.#failure !== undefined) return;
    this.#cancelReclaim = this.#clock.after(this.#limits.idleInstanceMs, () => {
      this.#cancelReclaim = undefined;
      this.#reclaim();
      this.#scheduleReclaim();
    });
  }

  #reclaim(): void {
    const longAgoMs = this.#clock.nowMs() - this.#limits.idleInstanceMs;
    for (const slot of this.#slots.slice(this.#kept).reverse()) {
      if (slot.state !== 'ready' || slot.outstanding > 0 || slot.idleSinceMs > longAgoMs) continue;
      this.#remove(slot);
      slot.retire();
    }
  }
}
