import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { StreamlineError } from '../base/error.ts';
import { ModuleCatalog } from '../catalog/module-catalog.ts';
import { ModuleStore } from '../catalog/module-store.ts';
import type { PreparedModule } from '../catalog/prepared-module.ts';
import { BufferPool, RESULT_BYTES_INITIAL } from '../guest/buffer-pool.ts';
import { guestSourceOf } from '../guest/guest-source.ts';
import type { GuestLog } from '../guest/host-functions/log-buffer.ts';
import { poolLimits, ThreadedExecutor } from '../guest/threaded-executor.ts';
import { KafkaAdmin } from '../kafka/kafka-admin.ts';
import { RoutedTopics } from '../kafka/routed-topics.ts';
import { checkTopics, ensureTopic } from '../kafka/topic-check.ts';
import { chooseTransport, type KafkaTransport } from '../kafka/transport.ts';
import type { Logger } from '../observe/log.ts';
import type { LogSink } from '../observe/log-topic.ts';
import { Assignment } from '../pipeline/assignment.ts';
import { checkRoutes, missingModule, modulePath } from '../spec/late-fault.ts';
import type { SidecarConfig } from '../spec/sidecar-config.ts';
import { isBuiltin } from '../spec/spec-name.ts';
import { placeOf } from '../spec/spec-place.ts';
import type { TopicName, TransformationConfig } from '../spec/transformation-config.ts';
import type { CrashPoint } from './crash-point.ts';
import { SchemaDesk } from './transform-schemas.ts';
import { transactionSettings } from './transaction-settings.ts';
import type { GuestEngine, KafkaEdge, TransformFactory } from './transform-factory.ts';
import { BUILTIN_DIGEST, chainDigest, type FileDigests, type VersionFiles } from './version-change.ts';

interface Connection {
  readonly client: KafkaAdmin;
  readonly ready: Promise<void>;
}

/** Flushing this often costs no throughput (bench/README.md), and bounds what a crash repeats. */
const FLUSH_INTERVAL_MAX_MS = 100;

/** Which spec will use a module, and with how much memory, is not known when it is uploaded. */
const MEMORY_MB_MAX = 4096;

/** The parts as a sidecar has them: modules from its directory, guests in threads, the cluster of its configuration. */
export class SidecarTransformFactory implements TransformFactory {
  readonly #config: SidecarConfig;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #catalog: ModuleCatalog;
  /** The modules directory. */
  readonly modules: ModuleStore;
  readonly #logFor: (transform: string) => Logger;
  readonly #crashPoint: CrashPoint | undefined;
  readonly #schemas: SchemaDesk;
  readonly #process = randomUUID();
  /** By transform; its versions share one. Gone with the last of its guests. */
  readonly #buffers = new Map<string, WeakRef<BufferPool>>();
  #transport: KafkaTransport | undefined;
  #admin: Connection | undefined;

  /**
   * @param logFor the log of a transform
   * @param crashPoint for tests: where this process is to die
   */
  constructor(
    config: SidecarConfig,
    clock: Clock,
    log: Logger,
    logFor: (transform: string) => Logger = (transform) => log.child({ transform }),
    crashPoint?: CrashPoint,
  ) {
    this.#logFor = logFor;
    this.modules = new ModuleStore(config.paths.modules, { step: crashPoint?.fileStep });
    this.#crashPoint = crashPoint;
    this.#config = config;
    this.#clock = clock;
    this.#log = log;
    this.#schemas = new SchemaDesk(config, clock, Math.random, log);
    this.#catalog = new ModuleCatalog({
      modulesDir: config.paths.modules,
      cacheDir: config.paths.cache,
      moduleBytesMax: config.limits.moduleBytes,
      warn: (message) => log.warn({}, message),
    });
  }

  /** The schemas of transforms. */
  get schemas(): SchemaDesk {
    return this.#schemas;
  }

  /**
   * Reads, checks, caps, meters and compiles; undefined for a builtin. Everything `sidecar check` can know of a spec: that there is a
   * registry for the formats that need one, and the files it names.
   */
  async module(config: TransformationConfig): Promise<PreparedModule | undefined> {
    return (await this.stageModules(config))[0];
  }

  /** As `module`, of each stage. */
  async stageModules(config: TransformationConfig): Promise<readonly (PreparedModule | undefined)[]> {
    await this.#schemas.check(config);
    const modules: (PreparedModule | undefined)[] = [];
    for (const [stage, { wasmModule }] of config.stages.entries()) {
      modules.push(isBuiltin(wasmModule) ? undefined : await this.#prepare(config, stage));
    }
    checkRoutes(config, modules);
    return modules;
  }

  async #prepare(config: TransformationConfig, stage: number): Promise<PreparedModule> {
    const { initTimeoutMs } = this.#config.limits;
    const { wasmModule: modulePath, maxMemoryMb } = config.stages[stage] ?? config.stages[0];
    try {
      return await this.#catalog.prepare({ modulePath, maxMemoryMb, initTimeoutMs });
    } catch (thrown) {
      throw this.#placed(config, stage, thrown);
    }
  }

  /** Everything that can be known of a module before it is anywhere. Rejects with module.*. */
  async inspect(bytes: Uint8Array<ArrayBuffer>, name: string): Promise<PreparedModule> {
    const { initTimeoutMs } = this.#config.limits;
    return this.#catalog.prepareBytes(bytes, { modulePath: name, maxMemoryMb: MEMORY_MB_MAX, initTimeoutMs });
  }

  async digest(config: TransformationConfig): Promise<FileDigests> {
    const digests = config.stages.map(async ({ wasmModule }) =>
      isBuiltin(wasmModule) ? BUILTIN_DIGEST : this.modules.digest(wasmModule).catch(() => undefined),
    );
    const [known, schemas] = await Promise.all([
      Promise.all(digests),
      this.#schemas.files(config).catch(() => undefined),
    ]);
    const all = known.filter((digest) => digest !== undefined);
    const moduleSha256 = all.length < known.length ? undefined : chainDigest(all);
    return { moduleSha256, schemasSha256: schemas?.sha256 };
  }

  async guest(config: TransformationConfig, known?: VersionFiles): Promise<GuestEngine> {
    const files = known ?? (await this.#files(config));
    const { module, following = [] } = files;
    const { limits } = this.#config;
    const log = this.#logFor(config.name);
    const schemas = await this.#schemas.prepare(config, files.schemas, log);
    const source = guestSourceOf(config, [module, ...following], limits, schemas?.formats);
    const pool = {
      ...poolLimits(source, config.instances),
      idleInstanceMs: limits.idleInstanceMs,
      stuckThreadsMax: limits.stuckThreads,
    };
    const executor = new ThreadedExecutor(
      source,
      pool,
      this.#clock,
      (lines) => writeGuestLog(log, lines),
      this.#buffersOf(config.name),
      schemas?.supply,
    );
    await executor.start();
    this.#crashPoint?.watchExecutor(executor);
    return {
      executor,
      files,
      report: () => {
        const stats = executor.stats();
        return { ...stats, waiting: schemas?.supply?.waiting };
      },
    };
  }

  async #files(config: TransformationConfig): Promise<VersionFiles> {
    const [module, ...following] = await this.stageModules(config);
    return { module, following, schemas: await this.#schemas.files(config) };
  }

  #buffersOf(transform: string): BufferPool {
    for (const [name, buffers] of this.#buffers) if (buffers.deref() === undefined) this.#buffers.delete(name);
    const known = this.#buffers.get(transform)?.deref();
    if (known !== undefined) return known;
    const buffers = new BufferPool(RESULT_BYTES_INITIAL);
    this.#buffers.set(transform, new WeakRef(buffers));
    return buffers;
  }

  async edge(config: TransformationConfig): Promise<KafkaEdge> {
    const admin = await this.admin();
    const { limits } = this.#config;
    const { partitions, directory } = await this.#topics(admin, config);
    await admin.pinStartOffsets(config.input.groupId, config.inputTopic, partitions, config.input.start);
    const identity = { kafka: this.#config.kafka.reveal(), clientId: `streamline.${config.name}` };
    const logger = this.#logFor(config.name);
    const { kafka } = identity;
    const transactions = transactionSettings(config, kafka, this.#process, limits.transactionTimeoutMs);
    const source = this.transport.source({
      ...identity,
      topic: config.inputTopic,
      groupId: config.input.groupId,
      delivery: config.delivery,
      logger,
      clock: this.#clock,
    });
    const sink = this.transport.sink({
      ...identity,
      ...(transactions === undefined ? {} : { transactions }),
      logger,
      recordBytesMax: limits.recordBytes,
      knownTopic: config.inputTopic,
      clock: this.#clock,
      // Not the commit interval: acknowledgements make room for more records, however rarely offsets are committed.
      flushIntervalMs: Math.min(FLUSH_INTERVAL_MAX_MS, limits.commitIntervalMs),
    });
    this.#crashPoint?.watchSource(source);
    this.#crashPoint?.watchSink(sink);
    const endOffsets = (numbers: readonly number[]): Promise<ReadonlyMap<number, number>> =>
      admin.endOffsets(config.inputTopic, numbers);
    return { source, sink, topics: directory, lag: () => source.lag(), endOffsets };
  }

  async topics(config: TransformationConfig): Promise<RoutedTopics> {
    return (await this.#topics(await this.admin(), config)).directory;
  }

  async #topics(
    admin: KafkaAdmin,
    config: TransformationConfig,
  ): Promise<{ readonly partitions: number; readonly directory: RoutedTopics }> {
    const { topics, limits } = this.#config;
    const partitions = await checkTopics(admin, config, topics.create, topics.partitions);
    const directory = new RoutedTopics(admin, {
      inputTopic: config.inputTopic,
      create: topics.create,
      partitions: topics.partitions ?? partitions,
      partitionsMin: config.output.partition === 'input' ? partitions : 1,
      topicsMax: limits.routedTopics,
      clock: this.#clock,
    });
    return { partitions, directory };
  }

  /** A producer of its own for log lines: what it says is said by the sidecar, not by a transform. */
  async logSink(topic: TopicName, lost: (error: StreamlineError) => void): Promise<LogSink> {
    const { topics, limits, kafka } = this.#config;
    const admin = await this.admin();
    await ensureTopic(admin, 'sidecar.yaml', topic, '/logging/topic', topics.partitions ?? 1, topics.create);
    const sink = this.transport.sink({
      ...{ kafka: kafka.reveal(), clientId: 'streamline.logs', logger: this.#log, clock: this.#clock },
      ...{ recordBytesMax: limits.recordBytes, knownTopic: topic, flushIntervalMs: FLUSH_INTERVAL_MAX_MS },
    });
    await sink.start(lost);
    const assignment = new Assignment(0, 0);
    return {
      send: (key, value, timestampMs) =>
        sink.produceOne({
          ...{ topic, headers: [], timestampMs, assignment },
          ...{ key: Buffer.from(key), value: Buffer.from(value) },
        }),
      close: (timeoutMs) => sink.close(timeoutMs).catch(() => undefined),
    };
  }

  async close(): Promise<void> {
    this.#schemas.close();
    await this.#catalog.close();
    await this.#admin?.client.close();
  }

  /** How the cluster is spoken to. Throws config.invalid when what was asked for by name is not there. */
  get transport(): KafkaTransport {
    this.#transport ??= chooseTransport(this.#config.transport);
    return this.#transport;
  }

  /** Begins to connect while modules still compile. What comes of it is told by the first `edge`. */
  connectAhead(): void {
    void this.admin().catch(() => undefined);
  }

  /** One admin client for all transforms; one that could not connect is not kept. */
  async admin(): Promise<KafkaAdmin> {
    this.#admin ??= this.#connectAdmin();
    const { client, ready } = this.#admin;
    await ready;
    return client;
  }

  #connectAdmin(): Connection {
    const client = new KafkaAdmin({
      kafka: this.#config.kafka.reveal(),
      clientId: 'streamline.admin',
      logger: this.#log,
      clock: this.#clock,
      replicationFactor: this.#config.topics.replicationFactor,
    });
    const ready = client.start().catch(async (thrown: unknown) => {
      this.#admin = undefined;
      await client.close();
      throw thrown;
    });
    return { client, ready };
  }

  /** The module's fault, with the line of the spec that names it. */
  #placed(config: TransformationConfig, number: number, thrown: unknown): unknown {
    if (!(thrown instanceof StreamlineError) || thrown.origin !== 'spec') return thrown;
    const stage = config.stages[number] ?? config.stages[0];
    // The catalog knows the module only; which spec names it is known here.
    if (thrown.place !== undefined && thrown.place !== stage.wasmModule) return thrown;
    if (thrown.code === 'spec.module_missing') {
      return missingModule(config, number, join(this.#config.paths.modules, stage.wasmModule));
    }
    const aboutModule = thrown.configPath === undefined || thrown.configPath === '/wasm_module';
    const configPath = aboutModule ? modulePath(config, number) : thrown.configPath;
    return new StreamlineError(thrown.code, thrown.message, {
      place: placeOf(config, configPath),
      configPath,
      suggestion: thrown.suggestion,
      cause: thrown,
    });
  }
}

function writeGuestLog(log: Logger, { lines, dropped }: GuestLog): void {
  for (const { level, text } of lines) log[level]({ from: 'guest' }, text);
  if (dropped > 0) log.warn({ dropped }, 'guest log lines dropped: more than limits.log_lines_per_second');
}
