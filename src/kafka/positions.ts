import { StreamlineError } from '../base/error.ts';
import type { PartitionOffset } from '../pipeline/ports.ts';
import type { Segment } from '../pipeline/packed-batch.ts';
import type { TopicName } from '../spec/transformation-config.ts';

/** Lag of a partition as far as the client knows, without asking the broker. */
export interface PartitionLag {
  readonly partition: number;
  readonly lag: number;
}

/** How far a source has handed out each partition of its topic. */
export class Positions {
  readonly #topic: TopicName;
  /** Next offset to hand out, by partition. */
  readonly #next: (number | undefined)[] = [];

  constructor(topic: TopicName) {
    this.#topic = topic;
  }

  /** New assignments: where they begin is the broker's to say. */
  forget(partitions: readonly number[]): void {
    for (const partition of partitions) this.#next[partition] = undefined;
  }

  moveTo({ partition, offset }: PartitionOffset): void {
    this.#next[partition] = offset;
  }

  /**
   * A batch is handed out. Within one assignment librdkafka goes back only when the log did: nothing counted so far holds for what is there
   * now, which throws broker.client.
   */
  advance(segments: readonly Segment[]): void {
    for (const { partition, firstOffset, lastOffset } of segments) {
      const position = this.#next[partition];
      if (position !== undefined && firstOffset < position) {
        throw new StreamlineError(
          'broker.client',
          `the offsets of ${this.#topic} [${partition}] went back from ${position} to ${firstOffset}: the topic was made anew or cut off`,
        );
      }
      this.#next[partition] = lastOffset + 1;
    }
  }

  /** @param endOf the end of a partition as the client knows it; undefined = not yet: no number is better than a wrong one */
  lag(active: readonly boolean[], endOf: (partition: number) => number | undefined): PartitionLag[] {
    const lags: PartitionLag[] = [];
    for (const [partition, isActive] of active.entries()) {
      const position = this.#next[partition];
      if (isActive !== true || position === undefined) continue;
      const end = endOf(partition);
      if (end !== undefined) lags.push({ partition, lag: Math.max(0, end - position) });
    }
    return lags;
  }
}
