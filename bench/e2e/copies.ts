import { median, say, shown, type Row } from '../rows.ts';
import type { Contestant } from './contestant.ts';
import type { BenchContext } from './on-cluster.ts';
import { steadyRate, watchCopy, type SteadyRate } from './steady.ts';

/** Of each contestant, round by round. */
export type Rates = ReadonlyMap<string, readonly SteadyRate[]>;

/**
 * Each contestant in its own process, one after the other, round after round: what the machine does meanwhile hits them all. One that
 * fails is out of the comparison, which is said: it does not cost the figures of the others.
 * @param together all of a round at once: for differences that are smaller than what the machine does from one minute to the next. They have
 *   it between them, so that their rates say nothing but how they compare.
 */
export async function copyRounds(
  context: BenchContext,
  contestants: readonly Contestant[],
  { together = false } = {},
): Promise<Rates> {
  const { rounds } = context;
  const width = Math.max(...contestants.map(({ name }) => name.length));
  const rates = new Map<string, SteadyRate[]>(contestants.map(({ name }) => [name, []]));
  const copy = async (contestant: Contestant, round: number): Promise<void> => {
    const { name } = contestant;
    const own = rates.get(name);
    if (own === undefined) return;
    try {
      const rate = await copyOnce(context, contestant, `${name.replace('_', '-')}-${context.id}-${round}`);
      own.push(rate);
      const figures = `${shown(rate.perSecond)} records/s, ${shown(rate.cpuSecondsPerMillion)} CPU s per million`;
      say(`  round ${round}/${rounds}  ${name.padEnd(width)}  ${figures}`);
    } catch (error) {
      rates.delete(name);
      say(`  round ${round}/${rounds}  ${name.padEnd(width)}  is out: ${String(error)}`);
    }
  };
  for (let round = 1; round <= rounds; round += 1) {
    if (together) await Promise.all(contestants.map((contestant) => copy(contestant, round)));
    else for (const contestant of contestants) await copy(contestant, round);
  }
  return rates;
}

async function copyOnce(context: BenchContext, contestant: Contestant, run: string): Promise<SteadyRate> {
  const { topics, partitions, records, input } = context;
  const topic = contestant.topicOf(run);
  await topics.create(topic, partitions);
  const subject = await contestant.start(context, run);
  try {
    const group = contestant.transactionalGroupOf?.(run);
    const transactional = group === undefined ? undefined : { group, input };
    return steadyRate(await watchCopy(topics, subject, { topic, partitions, records, transactional }), records);
  } finally {
    await subject.stop();
    await topics.delete(topic);
  }
}

export function rateRows(suite: string, rates: Rates): Row[] {
  return [...rates].flatMap(([name, own]) => [
    { name: `${suite}.${name}.per_s`, value: median(own.map((rate) => rate.perSecond)), unit: 'records/s' },
    {
      name: `${suite}.${name}.cpu_s_per_million`,
      value: median(own.map((rate) => rate.cpuSecondsPerMillion)),
      unit: 'CPU s',
    },
  ]);
}

const FIGURES = {
  to: (rate: SteadyRate): number => rate.perSecond,
  cpu_to: (rate: SteadyRate): number => rate.cpuSecondsPerMillion,
} as const;

/** How one contestant compares with another: round by round, for noise that comes and goes. Nothing when one was left out. */
export function ratioRow(
  suite: string,
  rates: Rates,
  name: string,
  other: string,
  figure: keyof typeof FIGURES = 'to',
): Row[] {
  const own = rates.get(name);
  const others = rates.get(other);
  if (own === undefined || others === undefined) return [];
  const of = FIGURES[figure];
  const ratios = own.flatMap((rate, round) => {
    const against = others[round];
    return against === undefined ? [] : [of(rate) / of(against)];
  });
  return [{ name: `${suite}.${name}.${figure}_${other}`, value: median(ratios), unit: `of ${other}` }];
}
