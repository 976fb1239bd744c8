import { applyCompilationMode } from '../../src/catalog/compilation-mode.ts';
import type { BenchOptions } from '../main.ts';
import { say, type Row } from '../rows.ts';
import { chainFigures } from './chain-figures.ts';
import { formatFigures } from './format-figures.ts';
import { guestFigures, meteringOverhead, type Timing } from './guest-figures.ts';
import { neighbourRatio, spinStopped, twoThreadsRatio } from './thread-figures.ts';

const FULL: Timing = { rounds: 5, roundMs: 1000, warmUpMs: 1000 };
const QUICK: Timing = { rounds: 1, roundMs: 100, warmUpMs: 200 };
const SPINS = 30;
const SPINS_QUICK = 3;

/** The engine alone: no Kafka, modules compiled ahead of time as a sidecar does by default. */
export async function engineBench(options: BenchOptions): Promise<Row[]> {
  applyCompilationMode('aot');
  const base = options.quick ? QUICK : FULL;
  const timing: Timing = { ...base, rounds: options.rounds ?? base.rounds };
  const parts: Readonly<Record<string, () => Promise<Row[]>>> = {
    guests: () => guestFigures(timing),
    chains: () => chainFigures(timing),
    formats: () => formatFigures(timing),
    metering: () => meteringOverhead(timing),
    spin: () => spinStopped(options.quick ? SPINS_QUICK : SPINS),
    neighbour: () => neighbourRatio(timing),
    threads: () => twoThreadsRatio(timing),
  };
  const rows: Row[] = [];
  for (const [name, part] of Object.entries(parts)) {
    if (options.only !== undefined && !options.only.has(name)) continue;
    say(`engine: ${name}`);
    rows.push(...(await part()));
  }
  return rows;
}
