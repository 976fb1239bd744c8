import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProviderName } from '../../integration/cluster/cluster.ts';
import { startCluster } from '../../testcontainers.config.ts';
import type { BenchOptions } from '../main.ts';
import { say, shown } from '../rows.ts';
import { TopicClient } from './client.ts';
import { feed } from './input.ts';

const PARTITIONS = 4;
const RECORDS = 1_000_000;
const RECORDS_QUICK = 100_000;
const ROUNDS = 3;

/** What every measurement of a run shares. */
export interface BenchContext {
  readonly bootstrap: string;
  readonly provider: ProviderName;
  /** In the names of everything a run makes: a cluster may have seen one before. */
  readonly id: string;
  readonly topics: TopicClient;
  readonly input: string;
  readonly partitions: number;
  /** Of one copy. */
  readonly records: number;
  readonly rounds: number;
  /** For files of this run; gone after it. */
  readonly folder: string;
  readonly profileDir: string | undefined;
  /** Whether a part of the suite is wanted. */
  wants(part: string): boolean;
}

/** Runs measurements on a broker on this machine, on an input topic that is empty at first. */
export async function onCluster<T>(options: BenchOptions, measure: (context: BenchContext) => Promise<T>): Promise<T> {
  say('starting a broker');
  const cluster = await startCluster();
  const folder = mkdtempSync(join(tmpdir(), 'streamline-bench-'));
  const { bootstrap, provider } = cluster;
  const id = String(process.pid);
  const topics = new TopicClient(bootstrap);
  const input = `bench-input-${id}`;
  try {
    await topics.create(input, PARTITIONS);
    return await measure({
      ...{ bootstrap, provider, id, topics, input, partitions: PARTITIONS, folder },
      records: options.records ?? (options.quick ? RECORDS_QUICK : RECORDS),
      rounds: options.rounds ?? (options.quick ? 1 : ROUNDS),
      profileDir: options.profileDir,
      wants: (part) => options.only === undefined || options.only.has(part),
    });
  } finally {
    // What ended the run is what is to be told, not that the topic is still there.
    await topics.delete(input).catch(() => {});
    topics.close();
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Brings the input to `count` records. */
export async function fillInput({ bootstrap, topics, input, partitions }: BenchContext, count: number): Promise<void> {
  const began = performance.now();
  await feed(bootstrap, input, count - (await topics.endOffset(input, partitions)));
  say(`  input of ${shown(count)} records there after ${shown((performance.now() - began) / 1000)} s`);
}
