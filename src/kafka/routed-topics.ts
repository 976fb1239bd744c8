import type { Clock } from '../base/clock.ts';
import { systemClock } from '../base/clock.ts';
import type { ErrorCode } from '../base/error-code.ts';
import { toStreamlineError } from '../base/error.ts';
import type { TopicDirectory } from '../pipeline/ports.ts';
import { isTopicName } from '../spec/spec-name.ts';
import type { TopicAdmin } from './topic-check.ts';

export interface RoutedTopicsOptions {
  readonly inputTopic: string;
  /** topics.create: topics the guest names may be made, up to `topicsMax`. */
  readonly create: boolean;
  /** Of a topic that is created. */
  readonly partitions: number;
  /** output.partition: input needs as many partitions as the input has; 1 = any. */
  readonly partitionsMin: number;
  /** Different topics one transform may write to. */
  readonly topicsMax: number;
  readonly clock?: Clock;
}

type Verdict = { readonly code: ErrorCode; readonly message: string } | undefined;

/** A topic made by someone is found this long after it was missed. */
const MISSING_TTL_MS = 10_000;
/** A topic that was deleted is noticed this long after; until then its records fail at the broker. */
const PRESENT_TTL_MS = 300_000;
/** Answers "no" remembered: a guest may invent names without end. */
const REFUSED_MAX = 1_000;

/** undefined = a topic may have this name (Kafka's rule, and none of the brokers' own topics). */
export function topicNameFault(topic: string): string | undefined {
  const shown = JSON.stringify(topic.length > 60 ? `${topic.slice(0, 60)}…` : topic);
  if (!isTopicName(topic)) return `${shown} is no legal topic name`;
  if (topic.startsWith('__')) return `${shown} is a topic of the cluster itself`;
  return undefined;
}

/** Which topics a guest's route() may name. One per transform. */
export class RoutedTopics implements TopicDirectory {
  readonly #admin: TopicAdmin;
  readonly #options: RoutedTopicsOptions;
  readonly #clock: Clock;
  readonly #present = new Map<string, number>();
  readonly #refused = new Map<string, { untilMs: number; verdict: Verdict }>();
  readonly #asking = new Map<string, Promise<Verdict>>();

  constructor(admin: TopicAdmin, options: RoutedTopicsOptions) {
    this.#admin = admin;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  named(): readonly string[] {
    return [...this.#present.keys()];
  }

  known(topic: string): 'ok' | 'unknown' {
    const untilMs = this.#present.get(topic);
    return untilMs !== undefined && this.#clock.nowMs() < untilMs ? 'ok' : 'unknown';
  }

  check(topic: string): Promise<Verdict> {
    if (this.known(topic) === 'ok') return Promise.resolve(undefined);
    const fault = topicNameFault(topic);
    if (fault !== undefined) return Promise.resolve({ code: 'route.invalid_topic', message: `route: ${fault}` });
    if (topic === this.#options.inputTopic) {
      return Promise.resolve({ code: 'route.cycle', message: `route named the transform's own input ${topic}` });
    }
    const refused = this.#refused.get(topic);
    if (refused !== undefined && this.#clock.nowMs() < refused.untilMs) return Promise.resolve(refused.verdict);
    let asking = this.#asking.get(topic);
    if (asking === undefined) {
      asking = this.#ask(topic).finally(() => this.#asking.delete(topic));
      this.#asking.set(topic, asking);
    }
    return asking;
  }

  async #ask(topic: string): Promise<Verdict> {
    // Questions under way count: a guest that names hundreds at once must not have them all created.
    const others = this.#present.size + this.#asking.size - (this.#present.has(topic) ? 1 : 0);
    if (others >= this.#options.topicsMax) {
      const message = `route named more than ${this.#options.topicsMax} topics; the one too many is ${topic}`;
      return { code: 'route.too_many_topics', message };
    }
    try {
      const verdict = await this.#look(topic);
      if (verdict === undefined) {
        this.#present.set(topic, this.#clock.nowMs() + PRESENT_TTL_MS);
        this.#refused.delete(topic);
      } else {
        this.#present.delete(topic);
        this.#refuse(topic, verdict);
      }
      return verdict;
    } catch (thrown) {
      // The cluster's trouble, not the name's: asked again next time.
      const { code, message } = toStreamlineError(thrown);
      return { code, message };
    }
  }

  async #look(topic: string): Promise<Verdict> {
    let partitions = await this.#admin.partitionCount(topic);
    if (partitions === undefined) {
      if (!this.#options.create) {
        return { code: 'route.unknown_topic', message: `route named the topic ${topic}, which does not exist` };
      }
      await this.#admin.createTopic(topic, this.#options.partitions);
      partitions = (await this.#admin.partitionCount(topic)) ?? this.#options.partitions;
    }
    if (partitions >= this.#options.partitionsMin) return undefined;
    const message = `${topic} has ${partitions} partitions, output.partition: input needs ${this.#options.partitionsMin}`;
    return { code: 'broker.partition_mismatch', message };
  }

  #refuse(topic: string, verdict: Verdict): void {
    if (this.#refused.size >= REFUSED_MAX) {
      const [oldest] = this.#refused.keys();
      if (oldest !== undefined) this.#refused.delete(oldest);
    }
    this.#refused.set(topic, { untilMs: this.#clock.nowMs() + MISSING_TTL_MS, verdict });
  }
}
