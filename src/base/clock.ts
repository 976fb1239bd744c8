/** Time as a port, so that the data path runs in a simulation. */
export interface Clock {
  /** Monotonic, ms, fractional. */
  nowMs(): number;
  /** Wall clock, ms since the epoch. */
  wallMs(): number;
  /** Calls back once after `delayMs`; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve));
}

/** Does `work`, which never rejects, each time so long after it ended. @returns ends it: what is under way is the last */
export function repeat(clock: Clock, delayMs: number, work: () => Promise<void>): () => void {
  let isOver = false;
  let cancel = (): void => undefined;
  const wait = (): void => {
    if (!isOver) cancel = clock.after(delayMs, () => void work().then(wait));
  };
  wait();
  return () => {
    isOver = true;
    cancel();
  };
}

/** Waits for a promise, at most `boundMs`. Whether it came in time; a rejection passes through. */
export async function within(clock: Clock, boundMs: number, promise: Promise<unknown>): Promise<boolean> {
  let cancel = (): void => undefined;
  const bound = new Promise<boolean>((resolve) => {
    cancel = clock.after(boundMs, () => resolve(false));
  });
  try {
    return await Promise.race([promise.then(() => true), bound]);
  } finally {
    cancel();
  }
}
