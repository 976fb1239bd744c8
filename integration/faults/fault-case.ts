import { CRASH_STEPS, CRASH_VARIABLE, type CrashStep } from '../../src/registry/crash-point.ts';
import { Fleet, type FleetEnd, type FleetOptions, type Member } from './fleet.ts';
import { PARTITIONS } from './load.ts';
import { OpenScope } from '../harness/scope.ts';
import type { Delivery } from './verdict.ts';

export interface FaultOptions extends FleetOptions {
  /** Once through each fault, and fewer records. */
  readonly quick: boolean;
  /** Where the sidecars' logs go when something is wrong. */
  readonly logs?: string | undefined;
}

export interface FaultCase {
  readonly name: string;
  readonly title: string;
  /** Unless it is for either. */
  readonly delivery?: Delivery;
  /** Brings the faults on; the fleet is judged when it is over. */
  readonly run: (fleet: Fleet, quick: boolean) => Promise<void>;
}

export interface FaultReport extends FleetEnd {
  readonly seconds: number;
}

/** The issue's: at least 10,000 in each partition. */
const RECORDS_MIN = 10_000 * PARTITIONS;
const RECORDS_MIN_QUICK = 1_000 * PARTITIONS;
const ROUNDS = 4;
const MEMBERS = 3;
const BACKLOG = 12_000;
/** Outcomes between two faults: what comes at a counted record comes in the middle of a burst. */
const FURTHER = 1_500;

function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  return items.reduce((before, item) => before.then(() => work(item)), Promise.resolve());
}

/** Each member in turn is ended at a counted record and replaced. Every other round does not wait until the group has settled. */
async function rounds(fleet: Fleet, quick: boolean, end: (member: Member) => Promise<void>): Promise<void> {
  fleet.launch(MEMBERS);
  await fleet.shared();
  for (let round = 1; round <= (quick ? 1 : ROUNDS); round += 1) {
    await each(fleet.members, async (member) => {
      await fleet.further(FURTHER);
      await end(member);
      fleet.launch(1);
      if (round % 2 === 1) await fleet.shared();
    });
    await fleet.shared();
  }
  await fleet.further(FURTHER);
}

/** One member that dies at the step and one that takes over. */
async function crash(fleet: Fleet, step: CrashStep): Promise<void> {
  const [victim] = fleet.launch(1, { [CRASH_VARIABLE]: `${step}:${CRASH_COUNT[step]}` });
  if (victim !== undefined) await fleet.dies(victim);
  fleet.launch(1);
  await fleet.shared();
  await fleet.further(FURTHER);
}

/** Batches, ranges, commits: some have gone all the way before. */
const CRASH_COUNT: Readonly<Record<CrashStep, number>> = {
  ...{ decoded: 40, transformed: 40, produced: 40, before_ack: 40, after_ack: 40 },
  ...{ offsets_sent: 5, committed: 5 },
};

async function members(fleet: Fleet, quick: boolean): Promise<void> {
  for (const count of quick ? [1, 3, 1] : [3, 5, 1, 5, 3]) {
    const more = count - fleet.members.length;
    if (more > 0) fleet.launch(more);
    else await Promise.all(fleet.members.slice(0, -more).map((member) => fleet.stop(member)));
    await fleet.shared();
    await fleet.further(FURTHER);
  }
}

/** The first one is frozen with a backlog before it, of which its client has fetched much ahead. */
async function zombie(fleet: Fleet, quick: boolean): Promise<void> {
  await fleet.flowed(BACKLOG);
  fleet.launch(MEMBERS);
  await fleet.further(FURTHER);
  const busy = fleet.members.find(({ sidecar }) => sidecar.partitions.size > 0);
  if (busy !== undefined) await fleet.freezeUntilReplaced(busy, BACKLOG);
  await each(quick ? [] : fleet.members.filter((member) => member !== busy), async (member) => {
    await fleet.further(FURTHER);
    await fleet.freezeUntilReplaced(member, FURTHER);
  });
  await fleet.further(FURTHER);
}

export const FAULT_CASES: readonly FaultCase[] = [
  {
    name: 'rounds_sigterm',
    title: 'three sidecars, each ended by SIGTERM at a counted record and replaced, four rounds',
    run: (fleet, quick) => rounds(fleet, quick, (member) => fleet.stop(member)),
  },
  {
    name: 'rounds_sigkill',
    title: 'three sidecars, each killed at a counted record and replaced, four rounds',
    run: (fleet, quick) => rounds(fleet, quick, (member) => fleet.kill(member)),
  },
  ...CRASH_STEPS.map((step) => ({
    name: `crash_${step}`,
    title: `a sidecar that dies at the step "${step}", and another that takes over`,
    ...(step === 'offsets_sent' ? { delivery: 'exactly_once' as const } : {}),
    run: (fleet: Fleet) => crash(fleet, step),
  })),
  { name: 'members', title: 'members 3 → 5 → 1 → 5 → 3 while records flow', run: members },
  {
    name: 'zombie',
    title: 'a sidecar held by SIGSTOP while others take over, that goes on as if nothing had been',
    run: zombie,
  },
];

export async function runFaultCase(
  bootstrap: string,
  { name, run }: FaultCase,
  options: FaultOptions,
): Promise<FaultReport> {
  const start = performance.now();
  const scope = new OpenScope();
  try {
    const fleet = await Fleet.create(scope, bootstrap, options);
    let isFine = false;
    try {
      await run(fleet, options.quick);
      const isCrash = name.startsWith('crash_');
      const end = await fleet.finish(options.quick || isCrash ? RECORDS_MIN_QUICK : RECORDS_MIN);
      isFine = end.violations.length === 0;
      return { ...end, seconds: (performance.now() - start) / 1000 };
    } finally {
      if (!isFine && options.logs !== undefined) fleet.writeLogs(options.logs);
    }
  } finally {
    await scope.close();
  }
}
