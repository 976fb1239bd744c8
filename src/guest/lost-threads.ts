const WINDOW_MS = 10 * 60_000;

/**
 * Threads that died by themselves or were killed because they stood still. One that was killed holds a core and memory until it
 * ends, if it ever does, and each costs a new thread and its batch done again: a transform that loses them again and again is
 * taken out of service.
 */
export class LostThreads<Thread> {
  readonly #max: number;
  readonly #notEnded = new Set<Thread>();
  #recent: { readonly thread: Thread; readonly atMs: number }[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /** Answers whether this one was too many: more than `max` within ten minutes, those that have not ended counted for ever. */
  add(thread: Thread, nowMs: number): boolean {
    this.#notEnded.add(thread);
    this.#recent = this.#recent.filter(({ thread: t, atMs }) => this.#notEnded.has(t) || nowMs - atMs < WINDOW_MS);
    this.#recent.push({ thread, atMs: nowMs });
    return this.#recent.length > this.#max;
  }

  ended(thread: Thread): void {
    this.#notEnded.delete(thread);
  }

  get notEnded(): number {
    return this.#notEnded.size;
  }
}
