import { GuestFault } from './guest-failure.ts';
import { DEFAULT_TOPIC } from '../pipeline/packed-results.ts';

/** Indexes are u16 with 0xFFFF taken; below it with room to spare. */
export const TOPICS_PER_BATCH_MAX = 65_000;

/** Kafka's own limit on a topic name. */
export const TOPIC_BYTES_MAX = 249;

/** Throws GuestFault route.invalid_topic. */
export function checkTopicLength(bytes: number, call: string): void {
  if (bytes <= TOPIC_BYTES_MAX) return;
  const text = `${call}() named a topic of ${String(bytes)} bytes: Kafka takes ${String(TOPIC_BYTES_MAX)}`;
  throw new GuestFault('route.invalid_topic', text);
}

/** The topic names of one batch's results: each name travels once, its entries carry its index. */
export class TopicTable {
  readonly #indexes = new Map<string, number>();
  #names: string[] = [];

  reset(): void {
    if (this.#names.length === 0) return;
    this.#indexes.clear();
    this.#names = [];
  }

  /** DEFAULT_TOPIC when the table is full. */
  intern(name: string): number {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    const index = this.#names.length;
    if (index >= TOPICS_PER_BATCH_MAX) return DEFAULT_TOPIC;
    this.#names.push(name);
    this.#indexes.set(name, index);
    return index;
  }

  /** As intern, of a name that a guest gave. Throws GuestFault route.too_many_topics, for the record to fail. */
  named(name: string, who: string): number {
    const topic = this.intern(name);
    if (topic !== DEFAULT_TOPIC) return topic;
    throw new GuestFault('route.too_many_topics', `${who} named more topics in one batch than results can carry`);
  }

  /** Forgets all but the first `count`: what a record named that has come to nothing. */
  rewind(count: number): void {
    for (const name of this.#names.splice(count)) this.#indexes.delete(name);
  }

  get names(): readonly string[] {
    return this.#names;
  }
}
