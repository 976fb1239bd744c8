import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { disagreements } from './agreement.ts';
import { avroTextOf } from './avro-text.ts';
import { openCluster, type DemoCluster } from './cluster.ts';
import { eventsOf, feed } from './feed.ts';
import { DemoLedger } from './ledger.ts';
import type { MetricsPage } from './metrics-page.ts';
import { MockRegistry } from './mock-registry.ts';
import { AVRO, DEMO_TRANSFORMS, writerOf } from './plan.ts';
import { headerOf, RUN_HEADER, type FedRecord, type ReadRecord } from './record.ts';
import type { RunResult } from './report.ts';
import type { Screen } from './screen.ts';
import { SidecarProcess } from './sidecar-process.ts';
import { TopicReader } from './topic-reader.ts';

const SETTLE_MS_BASE = 60_000;
const SETTLE_MS_PER_EVENT = 5;
const READ_TO_END_MS = 30_000;
const LOOK_MS = 200;
const SEED = 1;

export interface DemoOptions {
  readonly root: string;
  readonly run: string;
  readonly bootstrap: string | undefined;
  readonly events: number;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

/** The whole demo: a cluster, a schema registry, a sidecar, events in, everything that came out compared with what had to. */
export async function runDemo(options: DemoOptions): Promise<RunResult> {
  const { bootstrap, screen, signal } = options;
  const where = bootstrap === undefined ? 'an embedded Kafka' : `the cluster at ${bootstrap}`;
  const cluster = await screen.step(where, () => openCluster(bootstrap));
  try {
    signal.throwIfAborted();
    const registry = await screen.step('mock:// registry (in memory, for this demo only)', () => MockRegistry.start());
    try {
      screen.note(`at ${registry.url}, with ${AVRO.file} as ${AVRO.subject}`);
      return await onCluster(cluster, registry, options);
    } finally {
      await registry.close();
    }
  } finally {
    await cluster.close();
  }
}

async function onCluster(cluster: DemoCluster, registry: MockRegistry, options: DemoOptions): Promise<RunResult> {
  const { root, screen, run, signal } = options;
  const schema = readFileSync(join(root, AVRO.file), 'utf8');
  const avroText = avroTextOf(schema, registry.register(AVRO.subject, schema));
  const reader = new TopicReader(cluster.bootstrap, `streamline-demo-reader-${run}`, (topic, value) =>
    topic === AVRO.topic ? avroText(value) : value.toString('utf8'),
  );
  await reader.connect();
  try {
    const outputs = new OutputTopics(cluster, reader);
    await outputs.followFromEnd();
    const sidecar = SidecarProcess.start(root, cluster.bootstrap, registry.url);
    const kill = (): void => sidecar.kill();
    // Whatever ends this process must not leave the sidecar behind.
    process.once('exit', kill);
    try {
      const names = DEMO_TRANSFORMS.map(({ name }) => name).join(', ');
      await screen.step(`the sidecar, with ${names}`, () => sidecar.running(signal));
      return await withSidecar(sidecar, outputs, cluster, options);
    } finally {
      await sidecar.stop();
      process.removeListener('exit', kill);
    }
  } finally {
    await reader.close();
  }
}

async function withSidecar(
  sidecar: SidecarProcess,
  outputs: OutputTopics,
  cluster: DemoCluster,
  { run, events, screen, signal }: DemoOptions,
): Promise<RunResult> {
  const fed = eventsOf(SEED, events);
  const total = fed.length.toLocaleString('en-US');
  await screen.step(`${total} events fed: good, malformed, tombstones, some that spin or trap`, (progress) =>
    feed(cluster.bootstrap, run, fed, (done) => progress(`${String(done)} of ${total} events fed`), signal),
  );
  const ledger = new DemoLedger(run, fed);
  const read: ReadRecord[] = [];
  const add = (records: readonly ReadRecord[]): void => {
    for (const record of records) {
      ledger.add(record);
      if (headerOf(record, RUN_HEADER) === run) read.push(record);
    }
  };
  const page = await screen.step('outcomes on the cluster', (progress) =>
    settled(sidecar, outputs, ledger, fed, add, progress, signal),
  );
  const exitCode = await screen.step('the sidecar drained and gone, everything read back', async () => {
    const code = await sidecar.stop();
    // Now nothing can be added any more: what a topic holds beyond what was waited for is a duplicate or a stray.
    add(await outputs.readToEnd());
    return code;
  });
  const verdict = ledger.judge();
  const problems = page === undefined ? ['the events did not settle in time'] : disagreements(verdict.tallies, page);
  if (exitCode !== 0) problems.push(`the sidecar ended with exit code ${String(exitCode)}${sidecar.trouble()}`);
  return { fed, read, verdict, page, problems };
}

/** Waits until every event has come out somewhere and the sidecar holds none; undefined when that takes too long. */
async function settled(
  sidecar: SidecarProcess,
  outputs: OutputTopics,
  ledger: DemoLedger,
  fed: readonly FedRecord[],
  add: (records: readonly ReadRecord[]) => void,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<MetricsPage | undefined> {
  const deadline = performance.now() + SETTLE_MS_BASE + fed.length * SETTLE_MS_PER_EVENT;
  let lookAt = 0;
  while (performance.now() < deadline) {
    signal.throwIfAborted();
    sidecar.assertAlive();
    add(await outputs.read());
    progress(`${String(ledger.settled)} of ${String(ledger.fed)} events settled`);
    if (performance.now() < lookAt) continue;
    lookAt = performance.now() + LOOK_MS;
    await outputs.followNew();
    if (ledger.settled < ledger.fed) {
      await delay(10, undefined, { signal });
      continue;
    }
    const page = await sidecar.metrics();
    if (DEMO_TRANSFORMS.every(({ name }) => page.outcomes(name).inFlight === 0)) return page;
  }
  return undefined;
}

/** The topics in which something of the run may lie: outputs and dead letters, and whatever topic appears meanwhile. */
class OutputTopics {
  readonly #cluster: DemoCluster;
  readonly #reader: TopicReader;
  /** Topics that cannot be outputs: the inputs, though a cluster may list a new one late, and others from before. */
  #others: ReadonlySet<string> = new Set();

  constructor(cluster: DemoCluster, reader: TopicReader) {
    this.#cluster = cluster;
    this.#reader = reader;
  }

  async followFromEnd(): Promise<void> {
    const topics = [...(await this.#cluster.topics())];
    const others = topics.map(([topic]) => topic).filter((topic) => writerOf(topic) === undefined);
    this.#others = new Set([...DEMO_TRANSFORMS.map(({ input }) => input), ...others]);
    await this.#reader.followFromEnd(new Map(topics.filter(([topic]) => writerOf(topic) !== undefined)));
  }

  async followNew(): Promise<void> {
    const topics = [...(await this.#cluster.topics())];
    const fresh = topics.filter(([topic]) => !this.#others.has(topic) && !topic.startsWith('__'));
    this.#reader.followWhole(new Map(fresh));
  }

  read(): Promise<ReadRecord[]> {
    return this.#reader.read();
  }

  async readToEnd(): Promise<ReadRecord[]> {
    await this.followNew();
    return this.#reader.readToEnd(READ_TO_END_MS);
  }
}
