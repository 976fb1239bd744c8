/** Where something that was started is to be ended: a test (node's TestContext is one), or a case of a program. */
export interface Scope {
  after(release: () => unknown): void;
}

/** A scope of one's own. */
export class OpenScope implements Scope {
  readonly #releases: (() => unknown)[] = [];

  after(release: () => unknown): void {
    this.#releases.push(release);
  }

  /** Ends everything, what came last first; throws the first thing that went wrong, after all was tried. */
  async close(): Promise<void> {
    const thrown: unknown[] = [];
    for (let release = this.#releases.pop(); release !== undefined; release = this.#releases.pop()) {
      try {
        await release();
      } catch (error) {
        thrown.push(error);
      }
    }
    if (thrown.length > 0) throw thrown[0];
  }
}
