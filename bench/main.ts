/**
 * `npm run bench -- engine|metrics|e2e|bridge [--json FILE] [--quick] [--rounds N] [--records N]`: the figures of bench/README.md, measured on
 * this machine. Nothing here decides whether a test passes.
 */
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { ClusterUnavailable } from '../integration/cluster/cluster.ts';
import { NODE_ARGUMENTS } from '../src/catalog/compilation-mode.ts';
import { printTable, say, writeRows, type Row } from './rows.ts';

const USAGE = `usage: npm run bench -- engine|metrics|e2e|bridge [options]
  --json FILE    write the rows {"name", "value", "unit"}
  --quick        a smoke run: everything once and short, the figures mean little
  --rounds N     interleaved rounds of each measurement (engine 5, the others 3)
  --records N    e2e, bridge: records copied in a round (1,000,000); memory is watched over five times as many
  --only A,B     e2e, bridge: some of copies, latency, memory; e2e also chains, traces, start, idle; bridge also scraped; engine: some of guests,
                 formats, chains, metering, spin, neighbour, threads
  --profile DIR  e2e, bridge: write a CPU profile of each sidecar's main thread; costs throughput`;

export interface BenchOptions {
  readonly quick: boolean;
  readonly rounds: number | undefined;
  readonly records: number | undefined;
  readonly only: ReadonlySet<string> | undefined;
  readonly profileDir: string | undefined;
}

class UsageError extends Error {}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new UsageError(`--${name} wants a positive whole number`);
  return value;
}

type Suite = (options: BenchOptions) => Promise<Row[]>;

const SUITES: Readonly<Record<string, Suite>> = {
  engine: async (options) => (await import('./engine/engine-bench.ts')).engineBench(options),
  metrics: async (options) => (await import('./metrics/metrics-bench.ts')).metricsBench(options),
  e2e: async (options) => (await import('./e2e/e2e-bench.ts')).e2eBench(options),
  bridge: async (options) => (await import('./bridge/bridge-bench.ts')).bridgeBench(options),
};

function parse(argv: readonly string[]): { suite: Suite; json: string | undefined; options: BenchOptions } {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: { json: text, rounds: text, records: text, only: text, profile: text, quick: { type: 'boolean' } },
    allowPositionals: true,
  });
  const [name = '', ...more] = positionals;
  const suite = Object.hasOwn(SUITES, name) ? SUITES[name] : undefined;
  if (suite === undefined || more.length > 0) throw new UsageError('which benchmark?');
  const options = {
    quick: values.quick === true,
    rounds: positive('rounds', values.rounds),
    records: positive('records', values.records),
    only: values.only === undefined ? undefined : new Set(values.only.split(',')),
    profileDir: values.profile,
  };
  return { suite, json: values.json, options };
}

async function run(): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
    return 2;
  }
  const { suite, json, options } = parsed;
  let rows: Row[];
  try {
    rows = await suite(options);
  } catch (error) {
    if (!(error instanceof ClusterUnavailable)) throw error;
    process.stderr.write(`no cluster to measure on: ${error.message}\n`);
    return 3;
  }
  printTable(rows);
  if (json !== undefined) {
    writeRows(json, rows);
    say(`\nrows written to ${json}`);
  }
  return 0;
}

/** The engine under the flags of the sidecar as it is shipped, which are for the command line only. */
function underShippedFlags(): Promise<number> {
  const child = spawn(process.execPath, [...NODE_ARGUMENTS, ...process.argv.slice(1)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

const shipped = NODE_ARGUMENTS.every((argument) => process.execArgv.includes(argument));
process.exit(await (shipped ? run() : underShippedFlags()));
