import { diag, trace } from '@opentelemetry/api';
import type * as NodeSdk from '@opentelemetry/sdk-node';
import { within, type Clock } from '../../base/clock.ts';
import type { Tracing } from '../../pipeline/tracing.ts';
import type { Logger } from '../log.ts';
import { ChosenIds } from './chosen-ids.ts';
import { logDiagnostics } from './diagnostics.ts';
import { contextRule, namesService, tracesAsked, type Environment } from './otel-environment.ts';
import { PipelineSpans } from './pipeline-spans.ts';
import { SpanSource } from './span-source.ts';
import { TraceBudget } from './trace-budget.ts';

const SDK = '@opentelemetry/sdk-node';
const SERVICE_NAME = 'streamline-sidecar';
/** What is not exported by then is lost: a collector that hangs holds up no stop (I8). */
const STOP_MS = 3000;

/** The traces of a sidecar, by the standard OTEL_* variables alone. */
export class SidecarTracing {
  readonly #sdk: NodeSdk.NodeSDK;
  readonly #source: SpanSource;

  private constructor(sdk: NodeSdk.NodeSDK, source: SpanSource) {
    this.#sdk = sdk;
    this.#source = source;
  }

  /**
   * Loads and starts the SDK when the variables ask for traces. What goes wrong is a line of the log: a sidecar without traces does its work.
   * @param recordBytesMax limits.record_bytes
   * @param load for tests
   * @returns undefined: there are none
   */
  static async start(
    env: Environment,
    version: string,
    recordBytesMax: number,
    log: Logger,
    load: () => Promise<typeof NodeSdk> = () => import('@opentelemetry/sdk-node'),
  ): Promise<SidecarTracing | undefined> {
    if (!tracesAsked(env)) return undefined;
    try {
      const { NodeSDK } = await load();
      const ids = new ChosenIds();
      const service = namesService(env) ? {} : { serviceName: SERVICE_NAME };
      const sdk = new NodeSDK({ idGenerator: ids, metricReaders: [], logRecordProcessors: [], ...service });
      logDiagnostics(env, log);
      sdk.start();
      const budget = new TraceBudget(() => performance.now());
      const tracer = trace.getTracer(SERVICE_NAME, version);
      log.info({}, 'traces are exported, as OTEL_* says');
      return new SidecarTracing(sdk, new SpanSource(tracer, ids, contextRule(env), budget, recordBytesMax));
    } catch (thrown) {
      const isMissing = thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_MODULE_NOT_FOUND';
      if (isMissing)
        log.error({ suggestion: `npm install ${SDK}` }, `OTEL_* asks for traces, and ${SDK} is not installed`);
      else log.error({ err: String(thrown) }, 'there are no traces: OpenTelemetry does not start');
      return undefined;
    }
  }

  /** The spans of one run of a transform. */
  ofRun(): Tracing {
    return new PipelineSpans(this.#source, (thrown) => diag.error(`a span is lost: ${String(thrown)}`));
  }

  /** Exports what is left, within a bound. Never rejects. */
  async stop(clock: Clock): Promise<void> {
    await within(
      clock,
      STOP_MS,
      this.#sdk.shutdown().catch((thrown: unknown) => diag.error(`at the end: ${String(thrown)}`)),
    );
  }
}
