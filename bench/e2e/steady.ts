import type { TopicClient } from './client.ts';
import { cpuSeconds } from './process-usage.ts';
import type { Subject } from './subject.ts';

const SAMPLE_MS = 100;
const STALL_MS_MAX = 60_000;
/** What is before and after is starting and ending: joining a group, compilers (the JVM's most of all), the last flush. */
const STEADY_FROM = 0.3;
const STEADY_TO = 0.9;

export interface Sample {
  readonly atMs: number;
  readonly records: number;
  readonly cpuS: number;
}

export interface CopyTarget {
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
  /** The group of a subject that writes in transactions, whose markers take a few offsets of the topic too. */
  readonly transactional: { readonly group: string; readonly input: string } | undefined;
}

export interface SteadyRate {
  readonly perSecond: number;
  readonly cpuSecondsPerMillion: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/**
 * Watches the end of an output topic until it has `records`, beside what the process that writes it has used. From outside, so that
 * every contestant is measured the same way. Throws when it stalls, ends, or writes more than there is.
 */
export async function watchCopy(
  topics: TopicClient,
  subject: Subject,
  { topic, partitions, records, transactional }: CopyTarget,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  let movedAtMs = performance.now();
  for (;;) {
    subject.assertAlive();
    const copied = await topics.endOffset(topic, partitions);
    const sample = { atMs: performance.now(), records: copied, cpuS: cpuSeconds(subject.pid) };
    if (copied > (samples.at(-1)?.records ?? 0)) movedAtMs = sample.atMs;
    samples.push(sample);
    if (transactional === undefined) {
      if (copied > records) throw new Error(`${topic} has ${copied} records, more than the ${records} of the input`);
      if (copied === records) return samples;
    } else if (copied >= records) {
      const { group, input } = transactional;
      if ((await topics.committedOffset(group, input, partitions)) === records) return samples;
    }
    if (sample.atMs - movedAtMs > STALL_MS_MAX) {
      throw new Error(`${topic} stands still at ${copied} of ${records} records:\n${subject.output}`);
    }
    await pause(SAMPLE_MS);
  }
}

/** Pure: the rate between three and nine tenths of the records. */
export function steadyRate(samples: readonly Sample[], records: number): SteadyRate {
  const from = at(samples, records * STEADY_FROM);
  const to = at(samples, records * STEADY_TO);
  const copied = to.records - from.records;
  return {
    perSecond: (copied / (to.atMs - from.atMs)) * 1000,
    cpuSecondsPerMillion: ((to.cpuS - from.cpuS) / copied) * 1e6,
  };
}

/** When the topic had so many records: a straight line between two looks. */
function at(samples: readonly Sample[], records: number): Sample {
  const index = samples.findIndex((sample) => sample.records >= records);
  const after = samples[index];
  if (after === undefined) throw new Error('the topic never had that many records');
  const before = samples[index - 1] ?? after;
  const span = after.records - before.records;
  const share = span === 0 ? 0 : (records - before.records) / span;
  const between = (a: number, b: number): number => a + (b - a) * share;
  return { atMs: between(before.atMs, after.atMs), records, cpuS: between(before.cpuS, after.cpuS) };
}
