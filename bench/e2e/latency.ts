import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastLines, runProgram } from '../../integration/cluster/process-output.ts';
import { median, say, shown, type Row } from '../rows.ts';
import { compileC } from './c-program.ts';
import { unlessLeftOut } from './contestant.ts';
import { inputRecords, MASK_CONFIG } from './input.ts';
import type { BenchContext } from './on-cluster.ts';
import { startSidecar, type KafkaSettings } from './sidecar.ts';

const RATE_PER_S = 5000;
/** Beyond the seconds of a turn: connecting, and the silence after which it gives up. */
const TURN_MS_EXTRA = 40_000;

/** Twice the floor of two quiet cores: above it, what is measured is what else the machine does. */
const FLOOR_P99_MS_MAX = 8;

const QUANTILES = ['p50_ms', 'p99_ms', 'p999_ms'] as const;
type Latencies = Readonly<Record<(typeof QUANTILES)[number], number>>;

/** bench/e2e/latency.c, compiled, and its file of records. */
interface Harness {
  readonly program: string;
  readonly records: string;
}

export interface LatencySeconds {
  /** Load before anything is measured: the broker's compiler has seen its paths by then. */
  readonly broker: number;
  /** Of each turn. */
  readonly warmUp: number;
  readonly measured: number;
  readonly turns: number;
}

export function latencySeconds(quick: boolean): LatencySeconds {
  return quick ? { broker: 3, warmUp: 2, measured: 3, turns: 1 } : { broker: 10, warmUp: 5, measured: 20, turns: 3 };
}

/**
 * Masking at a steady 5,000 records/s, from the call of produce to the arrival at a consumer of the output, in turns with the floor: the
 * same through one topic without a sidecar. Nothing, which is said, when there is no C compiler or records are lost on
 * the way.
 */
export async function latencyFigures(
  context: BenchContext,
  suite: string,
  seconds: LatencySeconds,
  kafka: KafkaSettings,
): Promise<Row[]> {
  const rows: Row[] = [];
  await unlessLeftOut('latency', async () => {
    const program = await compileC(join(import.meta.dirname, 'latency.c'), context.folder);
    const records = join(context.folder, 'latency-records.tsv');
    const lines = inputRecords(RATE_PER_S).map(({ key, value }) => `${key.toString()}\t${value.toString()}\n`);
    writeFileSync(records, lines.join(''));
    rows.push(...(await inTurns(context, { program, records }, suite, seconds, kafka)));
  });
  return rows;
}

async function inTurns(
  context: BenchContext,
  harness: Harness,
  suite: string,
  seconds: LatencySeconds,
  kafka: KafkaSettings,
): Promise<Row[]> {
  const { bootstrap, id, topics, partitions, folder, profileDir } = context;
  const topic = (name: string): string => `bench-latency-${name}-${id}`;
  const through = topic('floor');
  const input = topic('in');
  const output = topic('out');
  for (const name of [through, input, output]) await topics.create(name, partitions);
  const run = `latency-${id}`;
  const sidecar = startSidecar({
    ...{ bootstrap, input, folder, run, profileDir },
    specs: [{ name: 'mask', module: 'mask_pii.wasm', config: MASK_CONFIG, output }],
    kafka: { 'linger.ms': 2, ...kafka },
  });
  const turn = (from: string, to: string, times: Times): Promise<Latencies> =>
    measure(context, harness, from, to, times);
  try {
    await turn(through, through, { warmUp: 0, measured: seconds.broker });
    // The first records come when the sidecar has started; they are nobody's figure.
    await turn(input, output, { warmUp: 0, measured: seconds.warmUp });
    const floors: Latencies[] = [];
    const subjects: Latencies[] = [];
    for (let number = 1; number <= seconds.turns; number += 1) {
      floors.push(await turn(through, through, seconds));
      subjects.push(await turn(input, output, seconds));
      say(`  turn ${number}/${seconds.turns}  without a sidecar ${spread(floors)}; masking ${spread(subjects)}`);
    }
    const floorMs = median(floors.map(({ p99_ms }) => p99_ms));
    if (floorMs > FLOOR_P99_MS_MAX)
      say(`  p99 without a sidecar is ${shown(floorMs)} ms: this machine is too busy to judge the sidecar's by`);
    return [...rowsOf(`${suite}.floor_`, floors), ...rowsOf(`${suite}.`, subjects)];
  } finally {
    await sidecar.stop();
    for (const name of [through, input, output]) await topics.delete(name);
  }
}

type Times = Pick<LatencySeconds, 'warmUp' | 'measured'>;

async function measure(
  { bootstrap, partitions }: BenchContext,
  { program, records }: Harness,
  from: string,
  to: string,
  { warmUp, measured }: Times,
): Promise<Latencies> {
  const args = [bootstrap, from, to, partitions, records, RATE_PER_S, warmUp, measured].map(String);
  const { ok, output } = await runProgram(program, args, (warmUp + measured) * 1000 + TURN_MS_EXTRA);
  // The client may log beside it.
  const figures = output.split('\n').find((line) => line.startsWith('{'));
  if (!ok || figures === undefined) throw new Error(`no latencies from ${from} to ${to}:\n${lastLines(output)}`);
  return JSON.parse(figures) as Latencies;
}

function rowsOf(prefix: string, turns: readonly Latencies[]): Row[] {
  return QUANTILES.map((name) => ({
    name: `${prefix}${name}_at_5k`,
    value: median(turns.map((turn) => turn[name])),
    unit: 'ms',
  }));
}

/** Of the last turn. */
function spread(turns: readonly Latencies[]): string {
  return QUANTILES.map((name) => shown(turns.at(-1)?.[name] ?? NaN)).join(' / ');
}
