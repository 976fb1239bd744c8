import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brokerReady } from './broker-ready.ts';
import type { Cluster } from './cluster.ts';
import { freePorts } from './free-port.ts';
import { guardFolder } from './guard.ts';
import { endProcess, isRunning, requireJava } from './java-process.ts';
import { resolveJars, type Coordinate } from './jars.ts';
import { lastLines, runProgram } from './process-output.ts';

/** 4.4.0 is incomplete on Maven Central. */
const KAFKA_VERSION = '4.3.1';
export const KAFKA_JARS: readonly Coordinate[] = [
  `org.apache.kafka:kafka_2.13:${KAFKA_VERSION}`,
  `org.apache.kafka:kafka-tools:${KAFKA_VERSION}`,
  'org.apache.logging.log4j:log4j-slf4j-impl:2.25.5',
];
const JAVA_OPTIONS = ['-Xmx512m', '-XX:+UseSerialGC'];
const PROBE_MS_MAX = 30_000;
const READY_MS_MAX = 90_000;
const START_ATTEMPTS = 3;
/** Any 16 bytes, as Kafka writes them: the cluster lives in one folder. */
const CLUSTER_ID = 'c3RyZWFtbGluZS10ZXN0cw';

/** A real Apache Kafka as a process on this machine, its data in a temporary folder. */
export async function startLocalKafka(): Promise<Cluster> {
  await requireJava();
  const jars = await resolveJars('kafka', KAFKA_JARS);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startBroker(jars);
    } catch (error) {
      // Another process may have taken one of the ports in the meantime.
      if (attempt === START_ATTEMPTS) throw error;
    }
  }
}

async function startBroker(jars: string): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'streamline-kafka-'));
  const release = guardFolder(folder);
  const broker = new LocalBroker(jars, folder, await freePorts(2));
  try {
    await broker.format();
    await broker.start();
  } catch (error) {
    await broker.kill();
    await release();
    throw error;
  }
  return {
    bootstrap: broker.bootstrap,
    provider: 'local-kafka',
    stop: async () => {
      await broker.kill();
      await release();
    },
    kill: () => broker.kill(),
    restart: async () => {
      await broker.stopCleanly();
      await broker.start();
    },
  };
}

class LocalBroker {
  readonly bootstrap: string;
  readonly #jars: string;
  readonly #folder: string;
  readonly #config: string;
  #process: ChildProcess | undefined;

  constructor(jars: string, folder: string, [port = 0, controllerPort = 0]: readonly number[]) {
    this.bootstrap = `127.0.0.1:${port}`;
    this.#jars = jars;
    this.#folder = folder;
    this.#config = join(folder, 'server.properties');
    writeFileSync(this.#config, propertiesOf(folder, port, controllerPort));
  }

  async format(): Promise<void> {
    const args = this.#java('kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', this.#config);
    const { ok, output } = await runProgram('java', args, PROBE_MS_MAX);
    if (!ok) throw new Error(`Kafka's storage could not be formatted:\n${lastLines(output)}`);
  }

  async start(): Promise<void> {
    const logFile = join(this.#folder, 'broker.log');
    const log = openSync(logFile, 'a');
    const child = spawn('java', this.#java('kafka.Kafka', this.#config), { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#process = child;
    // The guard reads it.
    writeFileSync(join(this.#folder, 'pid'), String(child.pid ?? ''));
    // A broker nobody waits for must not keep the process that started it alive.
    child.unref();
    try {
      await brokerReady(this.bootstrap, READY_MS_MAX, () => isRunning(child));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${reason}\n${lastLines(readFileSync(logFile, 'utf8'))}`, { cause: error });
    }
  }

  async kill(): Promise<void> {
    await endProcess(this.#process, 'SIGKILL');
    this.#process = undefined;
  }

  async stopCleanly(): Promise<void> {
    await endProcess(this.#process, 'SIGTERM');
    this.#process = undefined;
  }

  #java(...args: readonly string[]): string[] {
    return [...JAVA_OPTIONS, '-cp', join(this.#jars, '*'), ...args];
  }
}

function propertiesOf(folder: string, port: number, controllerPort: number): string {
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${port}`,
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names=CONTROLLER',
    `log.dirs=${join(folder, 'data')}`,
    ...Object.entries(BROKER_PROPERTIES).map(([name, value]) => `${name}=${value}`),
    '',
  ].join('\n');
}

/** What every Apache Kafka of the tests is set to, as a process or in a container. */
export const BROKER_PROPERTIES: Readonly<Record<string, string>> = {
  'auto.create.topics.enable': 'false',
  'group.initial.rebalance.delay.ms': '0',
  // A test that kills a member waits for its session to end.
  'group.min.session.timeout.ms': '1000',
  // A broker that was killed is let in again once its old session ended: 9 s unless told otherwise.
  'broker.session.timeout.ms': '4000',
  'broker.heartbeat.interval.ms': '500',
  'offsets.topic.num.partitions': '4',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.num.partitions': '4',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  // A transaction whose producer was killed is looked for this often, once it has timed out: 10 s unless told otherwise.
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
  'share.coordinator.state.topic.num.partitions': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
};
