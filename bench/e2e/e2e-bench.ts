import { chooseTransport } from '../../src/kafka/transport.ts';
import type { BenchOptions } from '../main.ts';
import { say, type Row } from '../rows.ts';
import { BARE_LOOP, connectContestants, sidecarContestant, type Contestant } from './contestant.ts';
import { copyRounds, rateRows, ratioRow } from './copies.ts';
import { MASK_CONFIG } from './input.ts';
import { latencyFigures, latencySeconds } from './latency.ts';
import { loadFigures, memoryRows, type LoadTransform } from './load.ts';
import { fillInput, onCluster, type BenchContext } from './on-cluster.ts';
import { idleFigures, startFigures } from './start-idle.ts';
import { traceFigures } from './traces.ts';

/** Records through three transforms together, relative to those of one copy. */
const MEMORY_FACTOR = 5;

const ENRICH_CONFIG = {
  lookups: [{ field: 'type', table: 'types', as: 'type_info' }],
  tables: { types: { login: { rank: 1 }, logout: { rank: 2 }, signup: { rank: 3 }, purchase: { rank: 4 } } },
};

const TRANSFORMS: readonly LoadTransform[] = [
  { name: 'pass', module: 'pass_through.wasm' },
  { name: 'mask', module: 'mask_pii.wasm', config: MASK_CONFIG },
  { name: 'enrich', module: 'enrich.wasm', config: ENRICH_CONFIG },
];

/** The real sidecar as it is shipped, on a real broker on this machine. */
export function e2eBench(options: BenchOptions): Promise<Row[]> {
  const { name, detail } = chooseTransport('auto');
  say(`e2e: the sidecar as it is shipped; its transport here is ${name} (${detail})`);
  return onCluster(options, async (context) => {
    const { records, rounds, provider } = context;
    const rows: Row[] = [];
    if (context.wants('copies')) {
      say(`e2e: copies of ${records} records on ${provider}, ${rounds} rounds`);
      await fillInput(context, records);
      rows.push(...(await copyFigures(context)));
    }
    if (context.wants('chains')) {
      say(`e2e: chains over ${records} records, ${rounds} rounds`);
      await fillInput(context, records);
      rows.push(...(await chainFigures(context)));
    }
    if (context.wants('traces')) {
      say(`e2e: copies with traces on ${provider}, ${rounds} rounds`);
      await fillInput(context, records);
      rows.push(...(await traceFigures(context)));
    }
    if (context.wants('start')) {
      say('e2e: from the start of the sidecar to its first record out');
      await fillInput(context, 1_000);
      rows.push(...(await startFigures(context)));
    }
    if (context.wants('idle')) {
      say('e2e: transforms that have nothing to do');
      rows.push(...(await idleFigures(context)));
    }
    if (context.wants('latency')) {
      say('e2e: latency at 5,000 records/s');
      rows.push(...(await latencyFigures(context, 'e2e', latencySeconds(options.quick), {})));
    }
    if (context.wants('memory')) {
      const wanted = Math.ceil((records * MEMORY_FACTOR) / TRANSFORMS.length);
      say(`e2e: memory of ${TRANSFORMS.length} transforms over ${wanted * TRANSFORMS.length} records`);
      await fillInput(context, wanted);
      rows.push(...memoryRows('e2e', await loadFigures(context, TRANSFORMS, {})));
    }
    return rows;
  });
}

async function copyFigures(context: BenchContext): Promise<Row[]> {
  const contestants: Contestant[] = [
    BARE_LOOP,
    sidecarContestant('pass_through', { module: 'pass_through.wasm' }),
    sidecarContestant('mask', { module: 'mask_pii.wasm', config: MASK_CONFIG }),
    ...(await connectContestants(context)).filter(({ name }) => name === 'connect_copy'),
  ];
  const rates = await copyRounds(context, contestants);
  const ratios = ['pass_through', 'mask', 'connect_copy'].flatMap((name) => ratioRow('e2e', rates, name, 'bare_loop'));
  return [...rateRows('e2e', rates), ...ratios];
}

/** What a chain costs where a record comes from a topic and goes to one: without that, its calls are all there is (bench engine). */
async function chainFigures(context: BenchContext): Promise<Row[]> {
  const rates = await copyRounds(context, [
    sidecarContestant('one_stage', { module: 'pass_through.wasm' }),
    sidecarContestant('chain_trivial', { module: 'pass_through.wasm', stages: 3 }),
    sidecarContestant('mask_stage', { module: 'mask_pii.wasm', config: MASK_CONFIG }),
    sidecarContestant('chain_mask', { module: 'mask_pii.wasm', config: MASK_CONFIG, stages: 3 }),
  ]);
  return [
    ...rateRows('e2e', rates),
    ...ratioRow('e2e', rates, 'chain_trivial', 'one_stage'),
    ...ratioRow('e2e', rates, 'chain_mask', 'mask_stage'),
  ];
}
