import { hostname } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { createServer, listen } from '../api/server.ts';
import { systemClock } from '../base/clock.ts';
import { createLog, type Logger } from '../observe/log.ts';
import { createMetrics } from '../observe/metrics.ts';
import { CRASH_VARIABLE, CrashPoint } from '../registry/crash-point.ts';
import { SidecarTransformFactory } from '../registry/sidecar-transform-factory.ts';
import { TransformationRegistry } from '../registry/transformation-registry.ts';
import type { SidecarConfig } from '../spec/sidecar-config.ts';
import { loadSpecDirectory } from '../spec/spec-directory.ts';
import { version } from './version.ts';

/** A whole sidecar in this process. */
export class Sidecar {
  readonly log: Logger;
  readonly registry: TransformationRegistry;
  readonly #config: SidecarConfig;
  readonly #factory: SidecarTransformFactory;
  readonly #server: FastifyInstance;
  #ready = false;
  #stopping = false;

  constructor(config: SidecarConfig) {
    this.#config = config;
    this.log = createLog({ level: config.logLevel });
    const crashPoint = CrashPoint.of(process.env);
    if (crashPoint !== undefined) {
      this.log.warn({ step: crashPoint.step }, `${CRASH_VARIABLE} is set: this process will kill itself`);
    }
    this.#factory = new SidecarTransformFactory(config, systemClock, this.log, crashPoint);
    const { name, detail } = this.#factory.transport;
    this.log.info({ transport: name, detail }, 'speaks to the cluster by this transport');
    const { limits } = config;
    this.registry = new TransformationRegistry({
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
      workerId: `${hostname()}:${process.pid}`,
      logFor: (transform) => this.log.child({ transform }),
      enabled: config.features.wasmTransforms,
    });
    const metrics = createMetrics({
      transforms: () => this.registry.snapshots(),
      specErrors: () => this.registry.specErrors.length,
    });
    this.#server = createServer({
      version,
      ready: () => this.#ready,
      metricsText: () => metrics.metrics(),
      metricsContentType: metrics.contentType,
    });
  }

  /** Health and metrics first, then the transforms: an orchestrator sees a sidecar that is starting, not one that is gone. */
  async start(): Promise<void> {
    const address = await listen(this.#server, this.#config.http);
    this.log.info({ address, version }, 'sidecar listening');
    const specs = await loadSpecDirectory(this.#config.paths.specs);
    for (const { error } of specs.errors) this.log.error(error.toJSON(), 'spec refused');
    if (!this.#config.features.wasmTransforms) {
      const names = specs.configs.map((config) => config.name);
      this.log.warn({ transforms: names }, 'wasm_transforms is off: specs are STOPPED (feature disabled)');
    }
    if (this.#config.features.wasmTransforms && specs.configs.length > 0) this.#factory.connectAhead();
    await this.registry.reconcile(specs);
    if (this.#stopping) return;
    this.#ready = true;
    this.log.info({ transforms: specs.configs.length, refused: specs.errors.length }, 'sidecar ready');
  }

  /** I8: drains within the bound and commits. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#ready = false;
    await this.registry.close();
    await this.#factory.close();
    await this.#server.close();
    this.log.info({}, 'sidecar stopped');
  }
}
