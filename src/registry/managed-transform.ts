import type { Clock } from '../base/clock.ts';
import { toStreamlineError, type StreamlineError } from '../base/error.ts';
import type { Rng } from '../base/rng.ts';
import type { PipelineLimits, PipelineLog } from '../pipeline/pipeline.ts';
import type { Tracing } from '../pipeline/tracing.ts';
import type { VersionParts } from '../pipeline/version.ts';
import type { Switch } from '../pipeline/versions.ts';
import { groupChanges } from '../spec/group-changes.ts';
import { stageNames } from '../spec/stage-names.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { TargetState } from './control.ts';
import type { GuestEngine, KafkaEdge, TransformFactory } from './transform-factory.ts';
import { RestartPause } from './restart-pause.ts';
import { ServingRecord } from './serving-record.ts';
import { fuelBudgetOf, type TransformSnapshot, type TransformState } from './transform-snapshot.ts';
import { TransformRun } from './transform-run.ts';
import { emptyTotals, type TransformTotals } from './transform-totals.ts';
import {
  digestsOf,
  isSameVersion,
  UNKNOWN_FILES,
  type Candidate,
  type FileDigests,
  type VersionIdentity,
} from './version-change.ts';

export interface ManagedOptions {
  readonly factory: TransformFactory;
  readonly limits: PipelineLimits;
  readonly restartBackoffMs: number;
  readonly restartBackoffMaxMs: number;
  /** limits.stall_timeout_ms */
  readonly stallTimeoutMs: number;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly workerId: string;
  readonly log: TransformLog;
  /** The spans of one run; undefined: there are none. */
  readonly tracing?: () => Tracing | undefined;
  /** `features.wasm_transforms`: off means that nothing starts and no group is joined; every transform is STOPPED. */
  readonly enabled: boolean;
  /** Of the files when the spec was read. */
  readonly digests?: FileDigests;
  /** What a person wanted of it before this process. */
  readonly target?: TargetState;
}

export interface TransformLog extends PipelineLog {
  error(fields: Record<string, unknown>, message: string): void;
}

/** What a new version needs before the old one makes way. */
interface Prepared {
  readonly engine: GuestEngine;
  readonly parts: VersionParts;
  /** What was wanted by then. */
  readonly wish: number;
}

/**
 * One transform's life: brought up, watched, brought up again after a pause when the cluster is at fault, FAILED and left alone
 * when the module, the spec or a record is. A changed spec, module or schema file comes up beside the version that serves and takes its place between two
 * batches, or, where the group would notice, after a drain; one that does not come up never takes it (I10). It never throws at its owner
 * and never retries hot.
 */
export class ManagedTransform {
  /** What the spec says by now. */
  #wanted: VersionIdentity;
  /** Grows whenever that is another version. */
  #wish = 0;
  #config: TransformationConfig;
  readonly #options: ManagedOptions;
  #state: Exclude<TransformState, 'PAUSED'> = 'STOPPED';
  #target: TargetState;
  #error: StreamlineError | undefined;
  #running: TransformRun | undefined;
  #candidate: Candidate | undefined;
  readonly #serving = new ServingRecord();
  /** Grows with every change of what is wanted: what was begun for an earlier one is dropped. */
  #edition = 0;
  #past: TransformTotals = emptyTotals();
  #restarts = 0;
  readonly #reloads = { served: 0, refused: 0 };
  /** By a person, and not done. */
  #restartsAsked = 0;
  /** Grows when an attempt to run ends: one that fails twice, in its start and by its pipeline, is restarted once. */
  #attempt = 0;
  #guestsMade = false;
  readonly #pause: RestartPause;
  #stopping = false;
  #stopAsked = Promise.withResolvers<void>();
  #cancelRestart: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  /** One change of state at a time. */
  #work: Promise<void> = Promise.resolve();

  constructor(config: TransformationConfig, options: ManagedOptions) {
    this.#config = config;
    this.#wanted = { config, ...(options.digests ?? UNKNOWN_FILES) };
    this.#options = options;
    this.#target = options.target ?? 'RUNNING';
    this.#pause = new RestartPause(options);
  }

  get config(): TransformationConfig {
    return this.#config;
  }

  /** Of the spec file as it is now: what serves may be older. */
  get wantedConfig(): TransformationConfig {
    return this.#wanted.config;
  }

  get target(): TargetState {
    return this.#target;
  }

  switchOf(partition: number): Switch | undefined {
    return this.#running?.pipeline.switchOf(partition);
  }

  /** Topics that route() has named. */
  get routedTopics(): readonly string[] {
    return this.#running?.pipeline.serving.topics.named?.() ?? [];
  }

  /** Resolves when it runs or the first attempt has failed. Does nothing when it is to be stopped. */
  start(): Promise<void> {
    if (this.#state === 'STOPPED' && this.#isWanted) this.#state = 'UNASSIGNED';
    return this.#enqueue(() => this.#bringUp());
  }

  /** Drains, commits, leaves the group, for good. Idempotent. A start under way is given up at once. */
  stop(): Promise<void> {
    this.#stopping = true;
    return this.#halt();
  }

  /** RUNNING, PAUSED (keeps its share of the group), STOPPED (leaves it). Resolves when that is so, or a start has failed. */
  async setTarget(target: TargetState): Promise<void> {
    const before = this.#target;
    if (target === before) return;
    this.#target = target;
    if (target === 'STOPPED') return this.#halt();
    if (target === 'PAUSED') this.#running?.pause();
    else this.#running?.resume();
    // A stop may still be under way: what comes up after it is begun behind it.
    if (before !== 'STOPPED' && this.#state !== 'STOPPED') return;
    await this.start();
    await this.#catchUp();
  }

  /** Takes it down and brings it up again: a failed one as its files are now, else the version that serves, and a refused one anew. */
  async restart(): Promise<void> {
    const failed = this.#state === 'FAILED';
    const halted = this.#halt();
    if (this.#isWanted) this.#state = 'RESTARTING';
    this.#restartsAsked += 1;
    const edition = this.#edition;
    await halted;
    this.#pause.reset();
    if (edition === this.#edition) this.#candidate = undefined;
    if (failed) this.#forget();
    await this.start();
    this.#restartsAsked -= 1;
    await this.#catchUp();
  }

  /**
   * What is wanted has been read again. Resolves when it serves (or is on trial), or was refused and the version before goes on.
   * @param digests of the files as they are now
   */
  async update(config: TransformationConfig, digests: FileDigests): Promise<void> {
    const before = this.#wanted;
    this.#wanted = { config, ...digests };
    if (!isSameVersion(before, this.#wanted)) this.#wish += 1;
    // The same spec may have moved to another file or line.
    if (config.sha256 === this.#config.sha256) this.#config = config;
    if (this.#serving.is(this.#wanted)) await this.#withdraw();
    else if (!isSameVersion(before, this.#wanted)) await this.#changed();
  }

  snapshot(): TransformSnapshot {
    const running = this.#running;
    return {
      name: this.#config.name,
      state: this.#shownState(),
      target: this.#target,
      error: this.#error,
      config: this.#config,
      module: this.#serving.files?.module,
      version: this.#serving.view(running?.pipeline.serving),
      candidate: this.#candidate,
      canary: this.#candidate?.stage === 'CANARY' ? running?.pipeline.trial : undefined,
      partitions: running?.pipeline.partitions ?? [],
      lag: running?.lag() ?? [],
      totals: running?.totals(this.#past) ?? this.#past,
      waiting: running?.waiting,
      instances: running?.instances ?? { busy: 0, idle: 0, starting: 0 },
      stuckThreads: running?.stuckThreads ?? 0,
      inFlightBytes: running?.pipeline.inFlightBytes ?? 0,
      queued: running?.pipeline.queued ?? { guest: 0, order: 0, produce: 0, commit: 0 },
      fuelBudget: fuelBudgetOf(this.#config),
      reloads: { ...this.#reloads },
      lastCommitMs: running?.pipeline.lastCommitMs,
      restarts: this.#restarts,
    };
  }

  #shownState(): TransformState {
    if (this.#state !== 'RUNNING') return this.#state;
    if (this.#target === 'PAUSED') return 'PAUSED';
    return this.#running?.pipeline.joined === true ? 'RUNNING' : 'UNASSIGNED';
  }

  get #isWanted(): boolean {
    return this.#options.enabled && !this.#stopping && this.#target !== 'STOPPED';
  }

  // ---- up and down ---------------------------------------------------------------------------------------------

  /** Gives up a start under way, takes down what runs. */
  #halt(): Promise<void> {
    const edition = (this.#edition += 1);
    this.#cancelRestarting();
    this.#cancelRetry?.();
    this.#stopAsked.resolve();
    void this.#running?.pipeline.stop();
    return this.#enqueue(async () => {
      // A failure that was told before has set it meanwhile.
      this.#cancelRestarting();
      await this.#takeDown();
      this.#attempt += 1;
      this.#state = 'STOPPED';
      this.#error = undefined;
      // Of one that is wanted since it is on its way.
      if (edition === this.#edition && this.#candidate?.stage !== 'REFUSED') this.#candidate = undefined;
      this.#stopAsked = Promise.withResolvers();
    });
  }

  #cancelRestarting(): void {
    this.#cancelRestart?.();
    this.#cancelRestart = undefined;
  }

  /** The next start takes the spec and its files as they are by then. */
  #forget(): void {
    this.#config = this.#wanted.config;
    this.#serving.forget();
    this.#guestsMade = false;
  }

  async #bringUp(prepared?: Prepared): Promise<void> {
    let engine = prepared?.engine;
    const attempt = this.#attempt;
    // What has never served is no reason to begin with what is not wanted any more.
    if (prepared === undefined && this.#standing === undefined) this.#config = this.#wanted.config;
    const config = this.#config;
    const wish = this.#wish;
    const { factory } = this.#options;
    const makeEdge = (): Promise<KafkaEdge | undefined> =>
      this.#unlessStopped(factory.edge(config), async () => undefined);
    try {
      if (!this.#isWanted || this.#running !== undefined) return;
      if (this.#state === 'STOPPED') this.#state = 'UNASSIGNED';
      // A module that was good once is good: the cluster is asked first then, and while it is away no guest is made in vain.
      const ahead = this.#guestsMade ? await makeEdge() : undefined;
      if (!this.#isWanted) return;
      const kept = this.#serving.files;
      engine ??= await this.#unlessStopped(factory.guest(config, kept), (late) => late.executor.close());
      if (engine === undefined) return;
      // What was read may be newer than what was looked at.
      if (kept === undefined) this.#wasRead(config, engine, wish);
      this.#guestsMade = true;
      const edge = ahead ?? (await makeEdge());
      if (edge === undefined) return;
      this.#config = config;
      const versionNumber = this.#serving.serve(config, engine.files, this.#options.clock.wallMs());
      const failed = (error: StreamlineError): void => this.#failed(attempt, error);
      const run = new TransformRun({ config, engine, edge, versionNumber }, this.#options, failed);
      engine = undefined;
      await this.#run(run);
      if (prepared !== undefined) this.#reloads.served += 1;
    } catch (thrown) {
      this.#failed(attempt, toStreamlineError(thrown));
    } finally {
      await engine?.executor.close().catch(() => undefined);
    }
  }

  /** @param wish when it was read: what was told after that is newer */
  #wasRead(config: TransformationConfig, { files }: GuestEngine, wish: number): void {
    if (wish === this.#wish && this.#wanted.config.sha256 === config.sha256)
      this.#wanted = { ...this.#wanted, ...digestsOf(files) };
  }

  async #run(run: TransformRun): Promise<void> {
    this.#running = run;
    if (this.#target === 'PAUSED') run.pause();
    await run.start();
    this.#pause.running();
    this.#state = 'RUNNING';
    this.#error = undefined;
    const { inputTopic, outputTopic } = this.#config;
    this.#options.log.info({ input: inputTopic, output: outputTopic ?? '(route)' }, 'transform running');
  }

  /** I8: a stop waits for no compiler and no cluster that does not answer. What comes too late is released by itself. */
  async #unlessStopped<T>(work: Promise<T>, release: (late: T) => Promise<unknown>): Promise<T | undefined> {
    const made = await Promise.race([work.then((value) => ({ value })), this.#stopAsked.promise]);
    if (made !== undefined) return made.value;
    void work.then(release).catch(() => undefined);
    return undefined;
  }

  /** Told by the pipeline or a failed start, possibly in the middle of another change: only queues the consequences. */
  #failed(attempt: number, error: StreamlineError): void {
    void this.#enqueue(async () => {
      if (!this.#isWanted || attempt !== this.#attempt) return;
      this.#attempt += 1;
      this.#error = error;
      const restarts = isWorthRestarting(error);
      this.#state = restarts ? 'RESTARTING' : 'FAILED';
      await this.#takeDown();
      const fields = { ...error.toJSON() };
      if (!restarts) {
        this.#options.log.error(fields, 'transform failed');
        return;
      }
      const delayMs = this.#pause.nextMs();
      this.#options.log.warn({ ...fields, restartInMs: Math.round(delayMs) }, 'transform will be restarted');
      this.#restartAfter(delayMs);
    });
  }

  #restartAfter(delayMs: number): void {
    this.#cancelRestart = this.#options.clock.after(delayMs, () => {
      this.#cancelRestart = undefined;
      if (!this.#isWanted) return;
      this.#restarts += 1;
      void this.start().then(() => {
        // It was on trial when the pipeline went.
        const lost = this.#candidate?.stage === 'CANARY' && this.#running?.pipeline.trial === undefined;
        return lost ? this.#changed() : undefined;
      });
    });
  }

  async #takeDown(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    await running.stop();
    this.#serving.ended(running.pipeline.serving);
    // At the end: what the guests did while draining counts too.
    this.#past = running.totals(this.#past);
    this.#running = undefined;
  }

  // ---- versions ------------------------------------------------------------------------------------------------

  /** What is wanted is the version that serves: another that is on its way makes no sense any more. */
  async #withdraw(): Promise<void> {
    const edition = (this.#edition += 1);
    this.#cancelRetry?.();
    this.#running?.pipeline.withdraw();
    this.#candidate = undefined;
    // It may be past the point where it can be called off: the old one is drained for it.
    await this.#enqueue(() => Promise.resolve());
    if (edition === this.#edition && !this.#stopping) await this.#catchUp();
  }

  /** After a stop what is wanted may be another version than the one that serves. */
  async #catchUp(): Promise<void> {
    const standing = this.#standing;
    if (standing !== undefined && !isSameVersion(standing, this.#wanted)) await this.#changed();
  }

  /** What the next start brings up: it served last, or was about to. undefined: whatever is wanted by then. */
  get #standing(): VersionIdentity | undefined {
    const { identity, files } = this.#serving;
    return identity ?? (files && { config: this.#config, ...digestsOf(files) });
  }

  /** Another version is wanted. */
  async #changed(): Promise<void> {
    const edition = (this.#edition += 1);
    this.#cancelRetry?.();
    // What is on trial is not wanted any more, whatever becomes of the one that is.
    this.#running?.pipeline.withdraw();
    const wanted = this.#wanted;
    this.#candidate = { ...wanted, stage: 'PREPARING', sinceMs: this.#options.clock.wallMs(), error: undefined };
    let begun = false;
    // A start under way ends first, one way or the other.
    await this.#enqueue(async () => {
      const goesOn = this.#running !== undefined || this.#state === 'RESTARTING' || this.#restartsAsked > 0;
      begun = edition === this.#edition && !this.#stopping && !goesOn;
      if (begun) await this.#beginAnew();
    });
    if (begun || edition !== this.#edition || this.#stopping) return;
    if (this.#serving.is(wanted)) this.#candidate = undefined;
    else await this.#replace(wanted, edition);
  }

  /** Nothing serves that could go on meanwhile. */
  async #beginAnew(): Promise<void> {
    this.#forget();
    this.#candidate = undefined;
    this.#pause.reset();
    if (!this.#isWanted) return;
    this.#state = 'UNASSIGNED';
    this.#error = undefined;
    this.#attempt += 1;
    await this.#bringUp();
  }

  async #replace(wanted: VersionIdentity, edition: number): Promise<void> {
    let prepared: Prepared | undefined;
    try {
      prepared = await this.#prepare(wanted.config);
    } catch (thrown) {
      if (edition === this.#edition) this.#refuse(wanted, toStreamlineError(thrown), edition);
      return;
    }
    if (prepared === undefined) return;
    const ready = prepared;
    await this.#enqueue(() => this.#takeOver(wanted.config, ready, edition));
  }

  /** Beside what serves: read, checked, compiled, initialised, warm; its topics are there. undefined: a stop came first. */
  async #prepare(config: TransformationConfig): Promise<Prepared | undefined> {
    const { factory } = this.#options;
    const wish = this.#wish;
    const engine = await this.#unlessStopped(factory.guest(config), (late) => late.executor.close());
    if (engine === undefined) return undefined;
    try {
      // Not its start offsets: of a group that has this member no coordinator takes any from outside.
      const topics = await this.#unlessStopped(factory.topics(config), async () => undefined);
      const { executor, files } = engine;
      if (topics !== undefined) {
        return { engine, parts: { config, executor, topics, moduleSha256: digestsOf(files).moduleSha256 }, wish };
      }
    } catch (thrown) {
      await engine.executor.close();
      throw thrown;
    }
    await engine.executor.close();
    return undefined;
  }

  async #takeOver(config: TransformationConfig, prepared: Prepared, edition: number): Promise<void> {
    const { engine, parts, wish } = prepared;
    if (edition !== this.#edition || !this.#isWanted) {
      // Stopped: the next start sees to it.
      if (edition === this.#edition) this.#candidate = undefined;
      await engine.executor.close();
      return;
    }
    this.#wasRead(config, engine, wish);
    const running = this.#running;
    if (running !== undefined && this.#serving.is({ config, ...digestsOf(engine.files) })) {
      // Come up by itself meanwhile, after a restart.
      this.#candidate = undefined;
      await engine.executor.close();
      return;
    }
    if (running !== undefined && groupChanges(this.#config, config).length === 0) {
      this.#adopt(running, engine, parts, edition);
      return;
    }
    this.#cancelRestarting();
    await this.#takeDown();
    this.#attempt += 1;
    this.#forget();
    this.#config = config;
    this.#serving.files = engine.files;
    this.#candidate = undefined;
    this.#state = 'UNASSIGNED';
    this.#error = undefined;
    await this.#bringUp(prepared);
  }

  #adopt(running: TransformRun, engine: GuestEngine, parts: VersionParts, edition: number): void {
    const { log, clock } = this.#options;
    const { config } = parts;
    const { canary } = config.rollout;
    const wanted = { config, ...digestsOf(engine.files) };
    this.#candidate = { ...wanted, stage: 'CANARY', sinceMs: clock.wallMs(), error: undefined };
    if (canary > 0) log.info({ ...versionFields(wanted), canary }, 'version on trial');
    running.adopt(engine, parts, this.#serving.nextNumber(), {
      tookOver: ({ number }) => {
        this.#config = config;
        this.#serving.serve(config, engine.files, clock.wallMs(), number);
        this.#reloads.served += 1;
        // Else it is of one that was wanted later, and is on its way.
        if (edition === this.#edition) this.#candidate = undefined;
        log.info({ version: number, ...versionFields(wanted) }, 'version took over');
      },
      takenBack: (error) => this.#refuse(wanted, error, edition),
    });
  }

  /** I10: the version before goes on, and everybody can see why. */
  #refuse(wanted: VersionIdentity, error: StreamlineError, edition: number): void {
    const { clock, log } = this.#options;
    this.#candidate = { ...wanted, stage: 'REFUSED', sinceMs: clock.wallMs(), error };
    this.#reloads.refused += 1;
    log.error({ ...error.toJSON(), ...versionFields(wanted) }, 'new version refused, the one before goes on');
    if (error.origin !== 'broker') return;
    // What the cluster refused it may take later.
    this.#cancelRetry = clock.after(this.#options.restartBackoffMaxMs, () => {
      if (edition === this.#edition && this.#isWanted) void this.#changed();
    });
  }

  #enqueue(change: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(change).catch((thrown: unknown) => {
      this.#options.log.error({ err: toStreamlineError(thrown).toJSON() }, 'transform life cycle');
    });
    return this.#work;
  }
}

function versionFields({ config, moduleSha256, schemasSha256 }: VersionIdentity): Record<string, unknown> {
  const schemas = schemasSha256 === undefined ? {} : { schemasSha256 };
  return { moduleSha256, configSha256: config.sha256, ...schemas, module: stageNames(config) };
}

/** The cluster (and bugs of ours) may be better next time; a module, a spec or a record will not change by itself. */
function isWorthRestarting(error: StreamlineError): boolean {
  return error.origin === 'broker' || error.origin === 'bug';
}
