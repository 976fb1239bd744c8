import { hostname } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { createApi, listen } from '../api/server.ts';
import { systemClock } from '../base/clock.ts';
import type { Logger } from '../observe/log.ts';
import { LogTail } from '../observe/log-tail.ts';
import { LogTopic } from '../observe/log-topic.ts';
import { Loggers } from '../observe/loggers.ts';
import { Metrics } from '../observe/metrics.ts';
import { Redaction } from '../observe/redaction.ts';
import { headerSecrets } from '../observe/tracing/otel-environment.ts';
import { SidecarTracing } from '../observe/tracing/sidecar-tracing.ts';
import { CRASH_VARIABLE, CrashPoint } from '../registry/crash-point.ts';
import { SidecarControl } from '../registry/sidecar-control.ts';
import { SidecarTransformFactory } from '../registry/sidecar-transform-factory.ts';
import { SpecReload } from '../registry/spec-reload.ts';
import { SpecWatch } from '../registry/spec-watch.ts';
import { SpecStore } from '../registry/store/spec-store.ts';
import { TargetStore } from '../registry/store/target-store.ts';
import { TransformationRegistry, type RegistryOptions } from '../registry/transformation-registry.ts';
import type { SidecarConfig } from '../spec/sidecar-config.ts';
import { secretsOf } from '../spec/sidecar-secrets.ts';
import { version } from './version.ts';

/** What has not reached the log's topic by then is lost. */
const LOG_TOPIC_CLOSE_MS = 2000;

/** A whole sidecar in this process. */
export class Sidecar {
  readonly log: Logger;
  readonly registry: TransformationRegistry;
  readonly #config: SidecarConfig;
  readonly #loggers: Loggers;
  readonly #logTopic: LogTopic | undefined;
  readonly #factory: SidecarTransformFactory;
  readonly #specs: SpecStore;
  readonly #targets: TargetStore;
  readonly #reload: SpecReload;
  readonly #watch: SpecWatch;
  readonly #server: FastifyInstance;
  readonly #specsKnown = Promise.withResolvers<void>();
  #tracing: SidecarTracing | undefined;
  #ready = false;
  #stopping = false;

  constructor(config: SidecarConfig) {
    this.#config = config;
    const tail = new LogTail({ linesMax: config.limits.logTailLines });
    const redaction = new Redaction([...secretsOf(config), ...headerSecrets(process.env)]);
    const workerId = `${hostname()}:${process.pid}`;
    this.#logTopic = this.#topicOfLog(workerId);
    const topic = this.#logTopic;
    this.#loggers = new Loggers({ level: config.logLevel, clock: systemClock, tail, topic, redaction });
    this.log = this.#loggers.root;
    const logFor = (transform: string): Logger => this.#loggers.forTransform(transform);
    const crashPoint = CrashPoint.of(process.env);
    if (crashPoint !== undefined) {
      this.log.warn({ step: crashPoint.step }, `${CRASH_VARIABLE} is set: this process will kill itself`);
    }
    this.#factory = new SidecarTransformFactory(config, systemClock, this.log, logFor, crashPoint);
    const { name, detail } = this.#factory.transport;
    this.log.info({ transport: name, detail }, 'speaks to the cluster by this transport');
    const { paths } = config;
    const step = crashPoint?.fileStep;
    this.#specs = new SpecStore(paths.specs, { step });
    this.#targets = new TargetStore(paths.state, { step, warn: (message) => this.log.warn({}, message) });
    this.registry = new TransformationRegistry({ ...this.#registryOptions(workerId), logFor });
    this.#reload = new SpecReload(paths.specs, this.registry, this.log);
    this.#watch = new SpecWatch({
      specsDirectory: paths.specs,
      modulesDirectory: paths.modules,
      changed: () => void this.#reload.runQuietly(),
      trouble: (error) => this.log.warn(error.toJSON(), 'changes of files are noticed late'),
    });
    this.#server = this.#api(tail, workerId);
  }

  #topicOfLog(worker: string): LogTopic | undefined {
    const { topic } = this.#config.logging;
    if (topic === undefined) return undefined;
    return new LogTopic({
      clock: systemClock,
      worker,
      open: (lost) => this.#factory.logSink(topic, lost),
      readsTopic: (name) => this.registry.find(name)?.wantedConfig.inputTopic === topic,
      trouble: ({ code, message }, dropped) => {
        this.log.warn(
          { topic, code, err: message, dropped },
          'log lines do not reach their topic, records are not held up',
        );
      },
    });
  }

  #registryOptions(workerId: string): Omit<RegistryOptions, 'logFor'> {
    const { limits, features } = this.#config;
    return {
      factory: this.#factory,
      limits: {
        pollRecordsMax: limits.pollRecords,
        inFlightBatchesMax: limits.inFlightBatches,
        inFlightBytesMax: limits.inFlightBytes,
        commitIntervalMs: limits.commitIntervalMs,
        transactionIntervalMs: limits.transactionIntervalMs,
        drainTimeoutMs: limits.drainTimeoutMs,
        recordBytesMax: limits.recordBytes,
      },
      restartBackoffMs: limits.restartBackoffMs,
      restartBackoffMaxMs: limits.restartBackoffMaxMs,
      stallTimeoutMs: limits.stallTimeoutMs,
      clock: systemClock,
      rng: Math.random,
      workerId,
      tracing: () => this.#tracing?.ofRun(),
      enabled: features.wasmTransforms,
      targetOf: (transform) => this.#targets.get(transform),
      removed: (transform) => this.#removed(transform),
    };
  }

  #api(tail: LogTail, workerId: string): FastifyInstance {
    const config = this.#config;
    const metrics = new Metrics({
      transforms: () => this.registry.snapshots(),
      specErrors: () => this.registry.specErrors.length,
      schemaRegistry: () => this.#factory.schemas.requests,
      version,
      transport: this.#factory.transport.name,
      logTopic: () => this.#logTopic?.lines,
    });
    const control = new SidecarControl({
      config,
      version,
      workerId,
      registry: this.registry,
      factory: this.#factory,
      reload: this.#reload,
      specsKnown: this.#specsKnown.promise,
      specs: this.#specs,
      targets: this.#targets,
      loggers: this.#loggers,
      tail,
    });
    const health = {
      version,
      ready: () => this.#ready,
      metricsText: () => metrics.text(),
      metricsContentType: metrics.contentType,
    };
    return createApi({ control, health, http: config.http, limits: config.limits, log: this.log });
  }

  /** Health and API first, then the transforms: an orchestrator sees a sidecar that is starting, not one that is gone. */
  async start(): Promise<void> {
    const listening = await listen(this.#server, this.#config.http);
    // What it really is, not an address of it that a browser could use.
    const { port, protocol } = new URL(listening);
    const { address: host } = this.#config.http;
    const address = `${protocol}//${host.includes(':') ? `[${host}]` : host}:${port}`;
    this.log.info({ address, version }, 'sidecar listening');
    this.#tracing = await SidecarTracing.start(process.env, version, this.#config.limits.recordBytes, this.log);
    void this.#logTopic?.start();
    await this.#targets.load();
    await this.#sweep();
    // Before the first look: whatever changes after it is noticed.
    await this.#watch.start();
    const { specs, up } = await this.#reload.run();
    this.#specsKnown.resolve();
    if (!this.#config.features.wasmTransforms) {
      const names = specs.configs.map((config) => config.name);
      this.log.warn({ transforms: names }, 'wasm_transforms is off: specs are STOPPED (feature disabled)');
    }
    if (this.#config.features.wasmTransforms && specs.configs.length > 0) this.#factory.connectAhead();
    await up;
    if (this.#stopping) return;
    this.#ready = true;
    this.log.info({ transforms: specs.configs.length, refused: specs.errors.length }, 'sidecar ready');
  }

  /** I8: drains within the bound and commits. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#ready = false;
    await this.#watch.close();
    await this.registry.close();
    await this.#logTopic?.close(LOG_TOPIC_CLOSE_MS);
    await this.#factory.close();
    await this.#tracing?.stop(systemClock);
    await this.#server.close();
    this.log.info({}, 'sidecar stopped');
  }

  /** What a process that died in the midst of writing left behind. */
  async #sweep(): Promise<void> {
    for (const sweep of [() => this.#specs.sweep(), () => this.#factory.modules.sweep()]) {
      await sweep().catch((thrown: unknown) => this.log.debug({ err: String(thrown) }, 'leftovers were not removed'));
    }
  }

  async #removed(transform: string): Promise<void> {
    await this.#targets.forget(transform).catch((thrown: unknown) => {
      this.log.warn({ transform, err: String(thrown) }, 'its state could not be removed');
    });
    this.#loggers.forget(transform);
  }
}
