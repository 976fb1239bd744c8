import { toStreamlineError, type StreamlineError } from '../../base/error.ts';
import { seededRng, type Rng } from '../../base/rng.ts';
import type { TransformationConfig } from '../../spec/transformation-config.ts';
import { Pipeline } from '../pipeline.ts';
import type { TopicDirectory } from '../ports.ts';
import { unaccounted } from '../transformation-stats.ts';
import { BufferWatch } from './buffer-watch.ts';
import { checkArrivals, checkCommit, type Rules } from './ledger-check.ts';
import { SimClock } from './sim-clock.ts';
import { SimCluster, SimMember, type Faults } from './sim-cluster.ts';
import { simConfig } from './sim-config.ts';
import { SimExecutor } from './sim-executor.ts';
import { simLog } from './sim-record.ts';

const PARTITIONS = 3;
const DEAD_LETTER_TOPIC = 'sim.dlq';
/** Simulated time with faults, ms; after it the world is kind, and everything has to get done. */
const FAULTY_MS = 2500;
const STEPS_MAX = 60_000;
/** A member that is silent for longer leaves the group: two seconds of a poll where nothing comes, one more poll, and their latencies, ms. */
const SILENT_MAX_MS = 2500;
/** One batch of 12 records from each partition, and the results of three batches, on top of the limit. */
const OVER_BYTES_MAX = 12_000;

interface Running {
  readonly member: SimMember;
  readonly pipeline: Pipeline;
  versions: number;
  failed: boolean;
}

export interface SimOutcome {
  readonly violations: readonly string[];
  readonly restarts: number;
  readonly rebalances: number;
  /** Versions that took over, and that trapped on trial and were taken back. */
  readonly switches: number;
  readonly takenBack: number;
  readonly steps: number;
}

/** One whole run: two sidecars, one topic, faults drawn from the seed. The same seed gives the same run. */
export async function simulate(
  seed: number,
  delivery: TransformationConfig['delivery'] = 'at_least_once',
): Promise<SimOutcome> {
  return new SimWorld(seed, delivery).run();
}

class SimWorld {
  readonly #rng: Rng;
  /** Of its own, so that what else a seed does stays as it was. */
  readonly #versionRng: Rng;
  readonly #topicRng: Rng;
  readonly #directory: TopicDirectory = {
    known: (topic) => (topic === 'routed' && this.#topicRng() >= this.#faults.topicFails ? 'ok' : 'unknown'),
    check: async (topic) =>
      topic === 'routed'
        ? { code: 'broker.unreachable', message: 'simulated: nobody answers' }
        : { code: 'route.invalid_topic', message: topic },
  };
  readonly #clock = new SimClock();
  readonly #rules: Rules;
  #config: TransformationConfig;
  readonly #cluster: SimCluster;
  readonly #faults: { -readonly [K in keyof Faults]: Faults[K] };
  readonly #failedOnce = new Set<string>();
  readonly #mended = new Set<string>();
  readonly #buffers = new BufferWatch();
  readonly #inFlightBytesMax: number;
  readonly #everRan: Running[] = [];
  readonly #executors: SimExecutor[] = [];
  #switches = 0;
  #takenBack = 0;
  readonly #violations: string[] = [];
  #deathRate: number;
  #slowRate: number;
  #running: Running[] = [];
  #members = 0;
  #restarts = 0;
  #rebalances = 0;
  readonly #moving = new Set<number>();
  #quiet = false;
  #over = false;

  constructor(seed: number, delivery: TransformationConfig['delivery']) {
    this.#rng = seededRng(seed);
    this.#versionRng = seededRng(seed + 1_000_003);
    this.#topicRng = seededRng(seed + 2_000_003);
    const rng = this.#rng;
    const pick = <T>(...choices: [T, ...T[]]): T => choices[Math.floor(rng() * choices.length)] ?? choices[0];
    this.#rules = {
      onFailure: pick('dead_letter', 'dead_letter', 'skip', 'stop'),
      maxRetries: pick(0, 1, 3),
      ordering: delivery === 'exactly_once' ? 'partition' : pick('partition', 'key'),
      delivery,
    };
    this.#config = this.#configWithBreaker(pick(0, 0, 3));
    this.#faults = {
      produceFails: pick(0, 0.001, 0.01),
      topicFails: seed % 3 === 0 ? 0.1 : 0,
      ackLost: pick(0, 0.01),
      commitRefused: pick(0, 0.2),
      pollFails: pick(0, 0.01),
      startFails: pick(0, 0.1),
      sinkStalls: pick(0, 0, 0.01, 0.05),
      commitLost: pick(0, 0.02, 0.1),
      fenced: pick(0, 0, 0.02),
      delayMaxMs: pick(2, 20, 120),
    };
    this.#deathRate = pick(0, 0.01, 0.05);
    this.#slowRate = pick(0, 0.05);
    this.#inFlightBytesMax = pick(3000, 20_000);
    const logs = Array.from({ length: PARTITIONS }, (_, p) => simLog(rng, p, 20 + Math.floor(rng() * 60)));
    this.#cluster = new SimCluster(logs, this.#buffers, this.#mended, (partition, offset) =>
      this.#checkCommit(partition, offset),
    );
  }

  #configWithBreaker(failures: number): TransformationConfig {
    const { onFailure, maxRetries, ordering, delivery } = this.#rules;
    const backoff = { retryBackoffMs: 20, retryBackoffMaxMs: 100 };
    return simConfig({ onFailure, maxRetries, ...backoff, stopAfter: { failures, window: 20 } }, ordering, delivery);
  }

  async run(): Promise<SimOutcome> {
    void this.#join();
    void this.#join();
    this.#scheduleTrouble();
    this.#scheduleVersion();
    let steps = 0;
    let still = 0;
    while (!this.#done() || this.#moving.size > 0) {
      const moved = await this.#clock.step();
      if (!moved && (still += 1) > 50) break;
      if (!this.#quiet && this.#clock.nowMs() > FAULTY_MS) this.#calm();
      for (const running of this.#running) this.#checkRunning(running);
      if ((steps += 1) > STEPS_MAX) break;
    }
    if (!this.#done())
      this.#violations.push(`liveness: committed ${JSON.stringify([...this.#cluster.committed])} and no further`);
    await this.#stopAll();
    this.#checkLeftBehind();
    this.#violations.push(
      ...this.#cluster.violations,
      ...this.#buffers.violations,
      ...checkArrivals(this.#cluster.logs, this.#cluster.visible, DEAD_LETTER_TOPIC, this.#rules),
    );
    return {
      violations: this.#violations,
      restarts: this.#restarts,
      rebalances: this.#rebalances,
      switches: this.#switches,
      takenBack: this.#takenBack,
      steps,
    };
  }

  // ---- members ---------------------------------------------------------------------------------------------

  async #join(): Promise<void> {
    if (this.#over) return;
    const id = (this.#members += 1);
    const { delivery } = this.#rules;
    const member = new SimMember(id, this.#cluster, this.#clock, this.#rng, this.#faults, delivery);
    const executor = this.#executor(this.#rng, false);
    const running: Running = {
      member,
      versions: 1,
      failed: false,
      pipeline: this.#pipeline(member, executor, (error) => this.#onFailed(running, error)),
    };
    this.#running.push(running);
    this.#everRan.push(running);
    try {
      await running.pipeline.start();
    } catch (thrown) {
      // One that was stopped while it started is replaced already.
      if (!running.failed) this.#onFailed(running, toStreamlineError(thrown));
      return;
    }
    this.#assignOrphans();
  }

  #executor(rng: Rng, broken: boolean): SimExecutor {
    const executor = new SimExecutor({
      clock: this.#clock,
      rng,
      delayMaxMs: this.#faults.delayMaxMs,
      deathRate: this.#deathRate,
      slowRate: this.#slowRate,
      failedOnce: this.#failedOnce,
      mended: this.#mended,
      buffers: this.#buffers,
      broken,
    });
    this.#executors.push(executor);
    return executor;
  }

  #pipeline(member: SimMember, executor: SimExecutor, failed: (error: StreamlineError) => void): Pipeline {
    return new Pipeline(
      {
        config: this.#config,
        limits: {
          pollRecordsMax: 12,
          inFlightBatchesMax: 4,
          inFlightBytesMax: this.#inFlightBytesMax,
          commitIntervalMs: 40,
          transactionIntervalMs: 40,
          drainTimeoutMs: 150,
          recordBytesMax: 1000,
        },
        source: member,
        sink: member,
        executor,
        topics: this.#directory,
        clock: this.#clock,
        rng: this.#rng,
        moduleSha256: 'sim',
        workerId: String(member.id),
        log: { info: () => undefined, warn: () => undefined },
      },
      failed,
    );
  }

  /** As the registry does: stop the failed one, start anew after a pause. What stopped it is mended. */
  #onFailed(running: Running, error: StreamlineError): void {
    if (error.origin === 'bug') this.#violations.push(`${error.code}: ${error.message}`);
    const record = error.place?.split('/')[1];
    if (this.#rules.onFailure === 'stop' && record !== undefined) this.#mended.add(record);
    // An open breaker stays a reason to stop until somebody looks: here, they find the failures worth it.
    if (error.code === 'breaker.open') this.#config = this.#configWithBreaker(0);
    this.#restart(running);
  }

  #restart(running: Running): void {
    running.failed = true;
    void running.pipeline.stop().then(() => {
      this.#checkStopped(running.pipeline);
      this.#running = this.#running.filter((r) => r !== running);
      this.#restarts += 1;
      this.#assignOrphans();
      this.#clock.after(50, () => void this.#join());
    });
  }

  /** kill -9: no drain, no word; the group notices later. */
  #kill(running: Running): void {
    for (const partition of running.pipeline.partitions) running.member.lose(partition);
    this.#restart(running);
  }

  async #stopAll(): Promise<void> {
    this.#over = true;
    this.#quiet = true;
    const stopping = this.#running.map(({ pipeline }) => pipeline.stop());
    let stopped = false;
    const all = Promise.all(stopping).then(() => (stopped = true));
    while (!stopped) await this.#clock.step();
    await all;
    // Answers of guests and cluster that nobody waits for any more.
    while (await this.#clock.step());
    for (const { pipeline } of this.#running) this.#checkStopped(pipeline);
  }

  // ---- the coordinator -------------------------------------------------------------------------------------

  #assignOrphans(): void {
    const able = this.#running.filter((r) => !r.failed && r.member.joined);
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const to = able[Math.floor(this.#rng() * able.length)];
      if (to === undefined || this.#moving.has(partition)) continue;
      if (!this.#cluster.owners.has(partition)) void to.member.assign(partition);
    }
  }

  async #move(partition: number): Promise<void> {
    const from = this.#cluster.owners.get(partition);
    if (from === undefined || this.#moving.has(partition)) return;
    this.#rebalances += 1;
    this.#moving.add(partition);
    if (this.#rng() < 0.25) from.lose(partition);
    else await from.revoke(partition);
    this.#moving.delete(partition);
    this.#assignOrphans();
  }

  #scheduleTrouble(): void {
    const delay = 50 + this.#rng() * 600;
    this.#clock.after(delay, () => {
      if (this.#quiet) return;
      const draw = this.#rng();
      const victim = this.#running[Math.floor(this.#rng() * this.#running.length)];
      if (draw < 0.6) void this.#move(Math.floor(this.#rng() * PARTITIONS));
      else if (draw < 0.75) this.#clock.jumpWall((this.#rng() - 0.5) * 1e7);
      else if (draw < 0.88 && victim !== undefined && !victim.failed) this.#kill(victim);
      // SIGTERM: drains, commits, leaves; another takes its place.
      else if (draw < 0.95 && victim !== undefined && !victim.failed) this.#restart(victim);
      this.#scheduleTrouble();
    });
  }

  /** I10: versions come and go, broken ones on trial; now and then nothing is read for a while. */
  #scheduleVersion(): void {
    this.#clock.after(20 + this.#versionRng() * 300, () => {
      if (this.#quiet) return;
      const running = this.#running[Math.floor(this.#versionRng() * this.#running.length)];
      const draw = this.#versionRng();
      if (running !== undefined && !running.failed && running.member.joined) {
        if (draw < 0.15) this.#pauseAwhile(running);
        else this.#adopt(running, draw < 0.5);
      }
      this.#scheduleVersion();
    });
  }

  #adopt(running: Running, broken: boolean): void {
    const canary = broken ? 50 : this.#versionRng() < 0.5 ? 15 : 0;
    running.versions += 1;
    const parts = {
      config: { ...this.#config, rollout: { canary } },
      executor: this.#executor(this.#versionRng, broken),
      topics: this.#directory,
      moduleSha256: broken ? 'broken' : 'sim',
    };
    running.pipeline.adopt(parts, running.versions, {
      tookOver: ({ moduleSha256 }) => {
        if (moduleSha256 === 'broken') this.#violations.push('I10: a broken version took over');
        this.#switches += 1;
      },
      takenBack: () => (this.#takenBack += 1),
    });
  }

  #pauseAwhile({ pipeline }: Running): void {
    pipeline.pause();
    this.#clock.after(this.#versionRng() * 3000, () => pipeline.resume());
  }

  #calm(): void {
    this.#quiet = true;
    Object.assign(this.#faults, {
      produceFails: 0,
      topicFails: 0,
      ackLost: 0,
      commitRefused: 0,
      pollFails: 0,
      startFails: 0,
      sinkStalls: 0,
      commitLost: 0,
      fenced: 0,
    });
    this.#deathRate = 0;
    this.#slowRate = 0;
    // The executors' rates are fixed at birth: those with a deadly one are replaced.
    for (const running of this.#running) if (!running.failed) this.#kill(running);
  }

  // ---- judgement -------------------------------------------------------------------------------------------

  #done(): boolean {
    return this.#cluster.logs.every((log, p) => this.#cluster.committed.get(p) === (log.at(-1)?.offset ?? -1) + 1);
  }

  #checkCommit(partition: number, offset: number): void {
    const { logs, arrived } = this.#cluster;
    this.#violations.push(...checkCommit(logs[partition] ?? [], arrived, partition, offset, this.#rules));
  }

  #checkRunning({ member, pipeline, failed }: Running): void {
    this.#checkStats(pipeline);
    if (pipeline.inFlightBytes > this.#inFlightBytesMax + OVER_BYTES_MAX) {
      this.#violations.push(`back-pressure: ${pipeline.inFlightBytes} bytes in flight of ${this.#inFlightBytesMax}`);
    }
    const silentMs = this.#clock.nowMs() - (member.lastPollMs ?? Infinity);
    if (!failed && silentMs > SILENT_MAX_MS) this.#violations.push(`keep-alive: no poll for ${silentMs} ms`);
  }

  /** After everything has stopped and every answer has come. */
  #checkLeftBehind(): void {
    if (this.#buffers.out > 0) this.#violations.push(`buffers: ${this.#buffers.out} never released`);
    const alive = this.#executors.filter(({ closed }) => !closed).length;
    if (alive > 0) this.#violations.push(`I10: ${alive} versions whose guests were never closed`);
    for (const { member, pipeline } of this.#everRan) {
      if (pipeline.inFlightBytes !== 0) this.#violations.push(`${pipeline.inFlightBytes} bytes left in flight`);
      if (!member.closed) this.#violations.push(`member ${member.id} never left the group`);
    }
  }

  #checkStats(pipeline: Pipeline): void {
    const rest = unaccounted(pipeline.stats);
    if (rest !== 0) this.#violations.push(`I2: ${rest} records unaccounted for: ${JSON.stringify(pipeline.stats)}`);
    this.#checkMeasures(pipeline);
  }

  /** What is measured beside the counts says the same as they do. */
  #checkMeasures({ stats, measures, queued }: Pipeline): void {
    const places = Object.values(queued);
    const sum = (counts: Iterable<number>): number => [...counts].reduce((all, one) => all + one, 0);
    const settled = stats.output + stats.filtered + stats.skipped + stats.deadLettered;
    const same: readonly (readonly [string, number, number])[] = [
      ['in flight', sum(places), stats.inFlight],
      ['dead letters', sum(stats.deadLetters.values()), stats.deadLettered],
      ['skips', sum(stats.skips.values()), stats.skipped],
      ['end to end', sum(measures.endToEnd.counts), settled],
    ];
    for (const [what, measured, counted] of same) {
      if (measured !== counted) this.#violations.push(`I2: ${what}: ${measured} measured, ${counted} counted`);
    }
    if (places.some((records) => records < 0)) this.#violations.push(`I2: queued ${JSON.stringify(queued)}`);
  }

  #checkStopped(pipeline: Pipeline): void {
    this.#checkStats(pipeline);
    if (pipeline.stats.inFlight !== 0) this.#violations.push('I2: stopped with records in flight');
  }
}
