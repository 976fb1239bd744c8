import { chooseTransport } from '../../src/kafka/transport.ts';
import { BARE_LOOP, connectContestants, sidecarContestant, unlessLeftOut, type Contestant } from '../e2e/contestant.ts';
import { copyRounds, rateRows, ratioRow } from '../e2e/copies.ts';
import { MASK_CONFIG } from '../e2e/input.ts';
import { latencyFigures, latencySeconds } from '../e2e/latency.ts';
import { scrapedContestant } from '../e2e/scraper.ts';
import { loadFigures, memoryRows } from '../e2e/load.ts';
import { fillInput, onCluster, type BenchContext } from '../e2e/on-cluster.ts';
import type { BenchOptions } from '../main.ts';
import { say, type Row } from '../rows.ts';
import { cLoopContestant } from './c-loop.ts';

/** The lag a sidecar works off while its memory is watched, relative to the records of one copy. */
const LAG_FACTOR = 5;
const ON_BRIDGE = { transport: 'bridge' };
const MASK = { module: 'mask_pii.wasm', config: MASK_CONFIG };

/** The sidecar on the native bridge, beside what else copies and masks. */
export function bridgeBench(options: BenchOptions): Promise<Row[]> {
  const { detail } = chooseTransport('bridge');
  say(`bridge: the sidecar on the native bridge (${detail})`);
  return onCluster(options, async (context) => {
    const { records, rounds, provider } = context;
    const rows: Row[] = [];
    if (context.wants('copies')) {
      say(`bridge: copies of ${records} records on ${provider}, ${rounds} rounds`);
      await fillInput(context, records);
      rows.push(...(await copyFigures(context)));
    }
    if (context.wants('scraped')) {
      say('bridge: copies while all metrics are read each second');
      await fillInput(context, records);
      rows.push(...(await scrapedFigures(context)));
    }
    if (context.wants('latency')) {
      say('bridge: latency at 5,000 records/s');
      rows.push(...(await latencyFigures(context, 'bridge', latencySeconds(options.quick), ON_BRIDGE)));
    }
    if (context.wants('memory')) {
      say(`bridge: memory and event loop over a lag of ${records * LAG_FACTOR} records`);
      await fillInput(context, records * LAG_FACTOR);
      const figures = await loadFigures(context, [{ name: 'mask', ...MASK }], ON_BRIDGE);
      rows.push(...memoryRows('bridge', figures));
      rows.push({ name: 'bridge.event_loop_p99_ms', value: figures.eventLoopP99Ms, unit: 'ms' });
    }
    return rows;
  });
}

/** Those that are compared with each other run one after the other. */
async function contestants(context: BenchContext): Promise<Contestant[]> {
  const connect = await connectContestants(context);
  const peer = (wanted: string): Contestant[] => connect.filter(({ name }) => name === wanted);
  const cLoop: Contestant[] = [];
  await unlessLeftOut('c_loop', async () => void cLoop.push(await cLoopContestant(context.folder)));
  const passThrough = { module: 'pass_through.wasm' };
  return [
    BARE_LOOP,
    ...cLoop,
    ...peer('connect_copy'),
    sidecarContestant('pass_through', passThrough, ON_BRIDGE),
    sidecarContestant('exactly_once', { ...passThrough, delivery: 'exactly_once' }, ON_BRIDGE),
    ...peer('connect_mask'),
    sidecarContestant('mask', MASK, ON_BRIDGE),
    sidecarContestant('mask_rust', { module: 'mask_pii_seed.wasm', config: MASK_CONFIG, payload: 'value' }, ON_BRIDGE),
  ];
}

/** A ratio of two that differ in nothing else. */
async function scrapedFigures(context: BenchContext): Promise<Row[]> {
  const passThrough = { module: 'pass_through.wasm' };
  const alone = sidecarContestant('alone', passThrough, ON_BRIDGE);
  const rates = await copyRounds(context, [alone, scrapedContestant('scraped', passThrough, ON_BRIDGE)]);
  return [...ratioRow('bridge', rates, 'scraped', 'alone'), ...ratioRow('bridge', rates, 'scraped', 'alone', 'cpu_to')];
}

async function copyFigures(context: BenchContext): Promise<Row[]> {
  const rates = await copyRounds(context, await contestants(context));
  const suite = 'bridge';
  return [
    ...rateRows(suite, rates),
    ...ratioRow(suite, rates, 'pass_through', 'bare_loop'),
    ...ratioRow(suite, rates, 'pass_through', 'connect_copy'),
    ...ratioRow(suite, rates, 'pass_through', 'connect_copy', 'cpu_to'),
    ...ratioRow(suite, rates, 'pass_through', 'c_loop'),
    ...ratioRow(suite, rates, 'mask', 'connect_mask'),
    ...ratioRow(suite, rates, 'mask', 'connect_mask', 'cpu_to'),
    ...ratioRow(suite, rates, 'mask_rust', 'connect_mask'),
    ...ratioRow(suite, rates, 'exactly_once', 'pass_through'),
  ];
}
