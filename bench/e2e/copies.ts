import { join } from 'node:path';
import { median, say, shown, type Row } from '../rows.ts';
import { connectJars, mirroredTopic, startConnect } from './connect.ts';
import type { E2eContext } from './e2e-bench.ts';
import { startSidecar } from './sidecar.ts';
import { steadyRate, watchCopy, type SteadyRate } from './steady.ts';
import { Subject } from './subject.ts';

export const MASK_CONFIG = { fields_to_mask: ['email', 'phone', 'ssn'] };

interface Contestant {
  readonly name: string;
  /** Where a run writes, and how it is started. */
  topicOf(run: string): string;
  start(context: E2eContext, run: string): Promise<Subject> | Subject;
}

const outputOf = (run: string): string => `bench-output-${run}`;

function sidecarContestant(name: string, module: string, config?: Readonly<Record<string, unknown>>): Contestant {
  return {
    name,
    topicOf: outputOf,
    start: ({ bootstrap, input, folder, profileDir }, run) =>
      startSidecar({
        ...{ bootstrap, input, folder, run, profileDir, start: 'earliest' },
        specs: [{ name: 'copy', module, ...(config === undefined ? {} : { config }), output: outputOf(run) }],
      }),
  };
}

const BARE_LOOP: Contestant = {
  name: 'bare_loop',
  topicOf: outputOf,
  start: ({ bootstrap, input }, run) =>
    new Subject(process.execPath, [
      join(import.meta.dirname, 'bare-loop.ts'),
      ...[bootstrap, input, outputOf(run), `bench-${run}`],
    ]),
};

async function contestants({ input }: E2eContext): Promise<Contestant[]> {
  const all = [
    BARE_LOOP,
    sidecarContestant('pass_through', 'pass_through.wasm'),
    sidecarContestant('mask', 'mask_pii.wasm', MASK_CONFIG),
  ];
  let jars: string;
  try {
    jars = await connectJars();
  } catch (error) {
    say(`  connect_copy is left out: ${error instanceof Error ? error.message : String(error)}`);
    return all;
  }
  all.push({
    name: 'connect_copy',
    topicOf: (run) => mirroredTopic(run, input),
    start: ({ bootstrap, folder }, run) => startConnect(jars, bootstrap, input, run, folder),
  });
  return all;
}

/** Each contestant in its own process, one after the other, round after round: what the machine does meanwhile hits them all. */
export async function copyFigures(context: E2eContext, rounds: number): Promise<Row[]> {
  const all = await contestants(context);
  const rates = new Map<string, SteadyRate[]>(all.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const contestant of all) {
      const rate = await copyOnce(context, contestant, `${contestant.name.replace('_', '-')}-${context.id}-${round}`);
      rates.get(contestant.name)?.push(rate);
      const figures = `${shown(rate.perSecond)} records/s, ${shown(rate.cpuSecondsPerMillion)} CPU s per million`;
      say(`  round ${round}/${rounds}  ${contestant.name.padEnd(12)}  ${figures}`);
    }
  }
  return rowsOf(rates);
}

async function copyOnce(context: E2eContext, contestant: Contestant, run: string): Promise<SteadyRate> {
  const { topics, partitions, records } = context;
  const topic = contestant.topicOf(run);
  await topics.create(topic, partitions);
  const subject = await contestant.start(context, run);
  try {
    return steadyRate(await watchCopy(topics, subject, { topic, partitions, records }), records);
  } finally {
    await subject.stop();
    await topics.delete(topic);
  }
}

function rowsOf(rates: ReadonlyMap<string, readonly SteadyRate[]>): Row[] {
  const rows: Row[] = [];
  const bare = rates.get('bare_loop') ?? [];
  for (const [name, own] of rates) {
    const prefix = `e2e.${name}`;
    rows.push({ name: `${prefix}.per_s`, value: median(own.map((rate) => rate.perSecond)), unit: 'records/s' });
    const cpu = median(own.map((rate) => rate.cpuSecondsPerMillion));
    rows.push({ name: `${prefix}.cpu_s_per_million`, value: cpu, unit: 'CPU s' });
  }
  for (const [name, own] of rates) {
    if (name === 'bare_loop') continue;
    // Round by round, for noise that comes and goes.
    const ratios = own.map((rate, i) => rate.perSecond / (bare[i]?.perSecond ?? NaN));
    rows.push({ name: `e2e.${name}.to_bare_loop`, value: median(ratios), unit: 'of bare_loop' });
  }
  return rows;
}
