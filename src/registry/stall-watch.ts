import { repeat, type Clock } from '../base/clock.ts';
import { StreamlineError, toStreamlineError } from '../base/error.ts';

export interface Progress {
  /** Records received so far. */
  readonly received: number;
  /** Of those, not settled: work under way, a record that retries, a queue that is full. */
  readonly inFlight: number;
  readonly partitions: readonly number[];
}

export interface StallWatchPorts {
  readonly clock: Clock;
  /** So long nothing may come although there is something; 0 = never mind. */
  readonly timeoutMs: number;
  readonly progress: () => Progress;
  /** Ends of the partitions as the cluster has them, asked by another connection than the consumer's. */
  readonly endOffsets: (partitions: readonly number[]) => Promise<ReadonlyMap<number, number>>;
  readonly stalled: (error: StreamlineError) => void;
  /** The question failed: for the log. */
  readonly unsure: (error: StreamlineError) => void;
}

interface Standstill {
  readonly progress: Progress;
  readonly sinceMs: number;
  readonly ends: ReadonlyMap<number, number>;
}

/** Looks so many times within the timeout. */
const LOOKS = 4;

/**
 * Notices a consumer that holds partitions and silently gets nothing, which clients are known to do (FACTS: #476): nothing was received and
 * nothing is under way for the whole timeout, and meanwhile the partitions have grown. That they hold records is not enough: what
 * lies behind the position may be transaction markers, which nobody ever receives.
 */
export class StallWatch {
  readonly #ports: StallWatchPorts;
  #standstill: Standstill | undefined;
  #endTimer: (() => void) | undefined;
  #over = false;

  constructor(ports: StallWatchPorts) {
    this.#ports = ports;
  }

  start(): void {
    const { clock, timeoutMs } = this.#ports;
    // The transform may have been taken down while its pipeline started.
    if (timeoutMs > 0 && !this.#over) this.#endTimer = repeat(clock, timeoutMs / LOOKS, () => this.#look());
  }

  stop(): void {
    this.#over = true;
    this.#endTimer?.();
  }

  async #look(): Promise<void> {
    const { clock, timeoutMs, progress, endOffsets, stalled, unsure } = this.#ports;
    const now = progress();
    const before = this.#standstill;
    if (now.inFlight > 0 || now.partitions.length === 0 || (before !== undefined && hasMoved(before.progress, now))) {
      this.#standstill = undefined;
      return;
    }
    const nowMs = clock.nowMs();
    if (before !== undefined && nowMs - before.sinceMs < timeoutMs) return;
    let ends: ReadonlyMap<number, number>;
    try {
      ends = await endOffsets(now.partitions);
    } catch (thrown) {
      // A cluster that does not answer gives a consumer nothing either: no reason to make a new one.
      this.#standstill = undefined;
      unsure(toStreamlineError(thrown));
      return;
    }
    if (this.#over || hasMoved(now, progress())) {
      this.#standstill = undefined;
      return;
    }
    if (before === undefined) {
      this.#standstill = { progress: now, sinceMs: nowMs, ends };
      return;
    }
    const grown = now.partitions.filter((p) => (ends.get(p) ?? 0) > (before.ends.get(p) ?? Number.POSITIVE_INFINITY));
    this.#standstill = { progress: now, sinceMs: nowMs, ends };
    if (grown.length === 0) return;
    stalled(
      new StreamlineError(
        'broker.stalled',
        `nothing came from partitions ${grown.join(', ')} for ${Math.round((nowMs - before.sinceMs) / 1000)} s although they grew`,
      ),
    );
  }
}

function hasMoved(before: Progress, now: Progress): boolean {
  return now.received !== before.received || now.inFlight > 0 || now.partitions.join() !== before.partitions.join();
}
