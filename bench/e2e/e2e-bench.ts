import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCluster } from '../../testcontainers.config.ts';
import type { BenchOptions } from '../main.ts';
import { say, shown, type Row } from '../rows.ts';
import { TopicClient } from './client.ts';
import { copyFigures } from './copies.ts';
import { feed } from './input.ts';
import { latencyFigures } from './latency.ts';
import { memoryFigures } from './memory.ts';

const PARTITIONS = 4;
const RECORDS = 1_000_000;
const RECORDS_QUICK = 20_000;
const ROUNDS = 3;
/** Records through three transforms together, relative to those of one copy. */
const MEMORY_FACTOR = 5;
const MEMORY_TRANSFORMS = 3;

/** What every measurement of a run shares. */
export interface E2eContext {
  readonly bootstrap: string;
  /** In the names of everything a run makes: a cluster may have seen one before. */
  readonly id: string;
  readonly topics: TopicClient;
  readonly input: string;
  readonly partitions: number;
  /** In the input topic. */
  readonly records: number;
  /** For files of this run; gone after it. */
  readonly folder: string;
  readonly profileDir: string | undefined;
}

/** The real sidecar on a real broker on this machine. */
export async function e2eBench(options: BenchOptions): Promise<Row[]> {
  const records = options.records ?? (options.quick ? RECORDS_QUICK : RECORDS);
  const rounds = options.rounds ?? (options.quick ? 1 : ROUNDS);
  const wants = (part: string): boolean => options.only === undefined || options.only.has(part);
  say('e2e: starting a broker');
  const cluster = await startCluster();
  const folder = mkdtempSync(join(tmpdir(), 'streamline-bench-'));
  const { bootstrap } = cluster;
  const id = String(process.pid);
  const input = `bench-input-${id}`;
  const topics = new TopicClient(bootstrap);
  const { profileDir } = options;
  const context = { bootstrap, id, topics, input, partitions: PARTITIONS, records, folder, profileDir };
  const rows: Row[] = [];
  try {
    await topics.create(input, PARTITIONS);
    if (wants('copies')) {
      say(`e2e: copies of ${records} records on ${cluster.provider}, ${rounds} rounds`);
      const began = performance.now();
      await feed(bootstrap, input, records);
      say(`  input written in ${shown((performance.now() - began) / 1000)} s`);
      rows.push(...(await copyFigures(context, rounds)));
    }
    if (wants('latency')) {
      say('e2e: latency at 5,000 records/s');
      rows.push(
        ...(await latencyFigures(context, options.quick ? { warmUp: 1, measured: 2 } : { warmUp: 5, measured: 20 })),
      );
    }
    if (wants('memory')) {
      const wanted = Math.ceil((records * MEMORY_FACTOR) / MEMORY_TRANSFORMS);
      say(`e2e: memory of ${MEMORY_TRANSFORMS} transforms over ${wanted * MEMORY_TRANSFORMS} records`);
      await feed(bootstrap, input, wanted - (wants('copies') ? records : 0));
      rows.push(...(await memoryFigures(context, wanted)));
    }
    await topics.delete(input);
  } finally {
    topics.close();
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return rows;
}
