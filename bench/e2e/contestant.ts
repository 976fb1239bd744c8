import { join } from 'node:path';
import { say } from '../rows.ts';
import { compileParseJson, connectJars, mirroredTopic, startConnect } from './connect.ts';
import type { BenchContext } from './on-cluster.ts';
import { startSidecar, type BenchSpec, type KafkaSettings } from './sidecar.ts';
import { Subject } from './subject.ts';

/** What copies the input into a topic of its own, as a process of its own. */
export interface Contestant {
  readonly name: string;
  /** Where a run writes, and how it is started. */
  topicOf(run: string): string;
  start(context: BenchContext, run: string): Promise<Subject> | Subject;
  /** The group of one that writes in transactions: their markers take offsets too, so it is done when all of the input is committed. */
  transactionalGroupOf?(run: string): string;
}

export const outputOf = (run: string): string => `bench-output-${run}`;

/** The sidecar with one transform. */
export function sidecarContestant(
  name: string,
  spec: Omit<BenchSpec, 'name' | 'output'>,
  kafka: KafkaSettings = {},
  env: Readonly<Record<string, string>> = {},
): Contestant {
  const contestant: Contestant = {
    name,
    topicOf: outputOf,
    start: ({ bootstrap, input, folder, profileDir }, run) =>
      startSidecar({
        ...{ bootstrap, input, folder, run, profileDir, kafka, env },
        specs: [{ name: 'copy', ...spec, output: outputOf(run) }],
      }),
  };
  if (spec.delivery !== 'exactly_once') return contestant;
  return { ...contestant, transactionalGroupOf: (run) => `streamline.copy-${run}` };
}

export const BARE_LOOP: Contestant = {
  name: 'bare_loop',
  topicOf: outputOf,
  start: ({ bootstrap, input }, run) =>
    new Subject(process.execPath, [
      join(import.meta.dirname, 'bare-loop.ts'),
      ...[bootstrap, input, outputOf(run), `bench-${run}`],
    ]),
};

/** Kafka Connect's copy, and the same with ParseJson and MaskField; without what a machine lacks for them, which is said. */
export async function connectContestants({ input, folder }: BenchContext): Promise<Contestant[]> {
  const contestants: Contestant[] = [];
  const add = (name: string, jars: string, masking?: string): void => {
    contestants.push({
      name,
      topicOf: (run) => mirroredTopic(run, input),
      start: ({ bootstrap }, run) => startConnect({ jars, bootstrap, input, alias: run, folder, masking }),
    });
  };
  await unlessLeftOut('connect_copy and connect_mask', async () => {
    const jars = await connectJars();
    add('connect_copy', jars);
    await unlessLeftOut('connect_mask', async () => add('connect_mask', jars, await compileParseJson(jars, folder)));
  });
  return contestants;
}

/** A peer that a machine has no tools for is missing in the comparison, and the reader is told. */
export async function unlessLeftOut(what: string, prepare: () => Promise<void>): Promise<void> {
  try {
    await prepare();
  } catch (error) {
    say(`  ${what} left out: ${error instanceof Error ? error.message : String(error)}`);
  }
}
