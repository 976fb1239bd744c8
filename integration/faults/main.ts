/**
 * `npm run faults -- [--only CASE,…] [--adapter A,…] [--delivery D,…] [--assignor A] [--quick] [--json FILE]`: real sidecars on a real Kafka, put to
 * faults, judged by the ledger of every record. Exit code 1 when a promise was broken.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startCluster } from '../../testcontainers.config.ts';
import { ClusterUnavailable } from '../cluster/cluster.ts';
import { ADAPTERS, DELIVERIES, whyNot } from './availability.ts';
import { FAULT_CASES, runFaultCase, type FaultCase, type FaultOptions, type FaultReport } from './fault-case.ts';
import type { Adapter, Assignor } from './fleet.ts';
import type { Delivery } from './verdict.ts';

const ASSIGNORS: readonly Assignor[] = ['eager', 'cooperative', 'static'];
const USAGE = `usage: npm run faults -- [options]
  --only A,B       cases whose name begins with one of these: ${FAULT_CASES.map(({ name }) => name).join(', ')}
  --adapter A,B    ${ADAPTERS.join(', ')} (both)
  --delivery A,B   ${DELIVERIES.join(', ')} (both)
  --assignor A     ${ASSIGNORS.join(', ')} (eager)
  --quick          once through each fault, 1,000 records a partition
  --logs DIR       write the sidecars' logs there when something is wrong
  --json FILE      write the rows {"name", "value", "unit"}`;

const VIOLATIONS_SHOWN = 20;

interface Plan {
  readonly cases: readonly FaultCase[];
  readonly adapters: readonly Adapter[];
  readonly deliveries: readonly Delivery[];
  readonly assignor: Assignor;
  readonly quick: boolean;
  readonly json: string | undefined;
  readonly logs: string | undefined;
}

interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

class UsageError extends Error {}

function chosen<T extends string>(what: string, known: readonly T[], text: string | undefined): readonly T[] {
  if (text === undefined) return known;
  return text.split(',').map((name) => {
    const found = known.find((one) => one === name);
    if (found === undefined) throw new UsageError(`no ${what} is called ${name}`);
    return found;
  });
}

function parse(argv: readonly string[]): Plan {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: text,
      adapter: text,
      delivery: text,
      assignor: text,
      json: text,
      logs: text,
      quick: { type: 'boolean' },
    },
  });
  const only = values.only?.split(',') ?? [''];
  const cases = FAULT_CASES.filter(({ name }) => only.some((begin) => name.startsWith(begin)));
  const unknown = only.find((begin) => !FAULT_CASES.some(({ name }) => name.startsWith(begin)));
  if (unknown !== undefined) throw new UsageError(`no case is called ${unknown}`);
  return {
    cases,
    adapters: chosen('adapter', ADAPTERS, values.adapter),
    deliveries: chosen('delivery', DELIVERIES, values.delivery),
    assignor: chosen('assignor', ASSIGNORS, values.assignor ?? 'eager')[0] ?? 'eager',
    quick: values.quick === true,
    json: values.json,
    logs: values.logs,
  };
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** @returns whether every promise was kept */
async function run({ cases, adapters, deliveries, assignor, quick, json, logs }: Plan): Promise<boolean> {
  const cluster = await startCluster();
  const rows: Row[] = [];
  let broken = 0;
  try {
    say(`on ${cluster.provider}, ${assignor}${quick ? ', quick' : ''}`);
    say(line('case', 'adapter', 'delivery', 'records', 'lost', 'duplicates', 'shares', 'seconds'));
    for (const adapter of adapters) {
      for (const delivery of deliveries) {
        const reason = await whyNot(adapter, delivery);
        if (reason !== undefined) {
          say(`${'(all)'.padEnd(28)}${adapter.padEnd(11)}${delivery.padEnd(15)}SKIPPED: ${reason}`);
          continue;
        }
        for (const one of cases.filter((each) => (each.delivery ?? delivery) === delivery)) {
          const report = await attempt(cluster.bootstrap, one, { adapter, delivery, assignor, quick, logs });
          if (report === undefined || report.violations.length > 0) broken += 1;
          if (report !== undefined)
            rows.push(...rowsOf(`faults.${nameOf(one, assignor)}.${adapter}.${delivery}`, report));
        }
      }
    }
  } finally {
    await cluster.stop();
  }
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(rows, null, 2)}\n`);
  say(broken === 0 ? '\nevery promise was kept' : `\n${broken} cases broke a promise`);
  return broken === 0;
}

async function attempt(bootstrap: string, one: FaultCase, options: FaultOptions): Promise<FaultReport | undefined> {
  const names = [nameOf(one, options.assignor), options.adapter, options.delivery];
  try {
    const report = await runFaultCase(bootstrap, one, options);
    const { records, lost, duplicates, assignments, seconds, tails, violations } = report;
    say(line(...names, ...[records, lost, duplicates, assignments].map(String), seconds.toFixed(1)));
    for (const tail of tails) say(`    ${tail}`);
    for (const violation of violations.slice(0, VIOLATIONS_SHOWN)) say(`    BROKEN: ${violation}`);
    if (violations.length > VIOLATIONS_SHOWN) say(`    and ${violations.length - VIOLATIONS_SHOWN} more`);
    return report;
  } catch (thrown) {
    say(line(...names, 'FAILED'));
    say(`    ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`);
    return undefined;
  }
}

function nameOf({ name }: FaultCase, assignor: Assignor): string {
  return assignor === 'eager' ? name : `${name}_${assignor}`;
}

function rowsOf(name: string, { lost, duplicates, records, seconds }: FaultReport): Row[] {
  const count = (what: string, value: number): Row => ({ name: `${name}.${what}`, value, unit: 'records' });
  return [
    ...[count('lost', lost), count('duplicates', duplicates), count('records', records)],
    { name: `${name}.seconds`, value: Number(seconds.toFixed(1)), unit: 's' },
  ];
}

function line(name = '', adapter = '', delivery = '', ...figures: string[]): string {
  return `${name.padEnd(28)}${adapter.padEnd(11)}${delivery.padEnd(15)}${figures.map((one) => one.padStart(11)).join('')}`;
}

let plan: Plan;
try {
  plan = parse(process.argv.slice(2));
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n${USAGE}\n`);
  process.exit(2);
}
try {
  process.exit((await run(plan)) ? 0 : 1);
} catch (thrown) {
  if (!(thrown instanceof ClusterUnavailable)) throw thrown;
  process.stderr.write(`no cluster to try it on: ${thrown.message}\n`);
  process.exit(3);
}
