import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import { seededRng, type Rng } from '../base/rng.ts';
import type { PreparedModule } from '../catalog/prepared-module.ts';
import type { RecordSource } from '../pipeline/ports.ts';
import { settled, SimClock } from '../pipeline/sim/sim-clock.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { TargetState } from './control.ts';
import { ManagedTransform } from './managed-transform.ts';
import { FakeFactory, spec } from './testing/fake-factory.ts';
import type { GuestEngine, KafkaEdge } from './transform-factory.ts';
import type { VersionFiles } from './version-change.ts';

/*
 * One transform under everything that can be wanted of it and can happen to it, in any order and at any time: what was wished last is
 * what there is in the end, one member at a time, no guest left behind, no bad module ever served.
 */

const SEEDS = 1000;
const STEPS = 14;
/** Longer than every pause and every time-out of the options below, several times over. */
const REST_MS = 6000;

const away = (): StreamlineError => new StreamlineError('broker.unreachable', 'no broker');

class Parts extends FakeFactory {
  readonly #clock: SimClock;
  readonly #rng: Rng;
  /** How often something of the cluster or of the guests fails by itself. */
  trouble = 0.15;
  made = 0;
  closed = 0;
  members = 0;
  readonly told: string[] = [];

  constructor(clock: SimClock, rng: Rng) {
    super();
    this.#clock = clock;
    this.#rng = rng;
  }

  override async topics(config: TransformationConfig): Promise<KafkaEdge['topics']> {
    await this.#while();
    if (this.#fails()) throw away();
    return super.topics(config);
  }

  override async guest(config: TransformationConfig, known?: VersionFiles): Promise<GuestEngine> {
    const sha256 = known?.module?.facts.sha256 ?? this.files.get(config.name) ?? '';
    await this.#while();
    if (sha256.startsWith('bad')) throw new StreamlineError('module.invalid', `${sha256} is no good`);
    const module = { facts: { sha256 } } as PreparedModule;
    const engine = await super.guest(config, { module, schemas: undefined });
    this.made += 1;
    let isOpen = true;
    const close = async (): Promise<void> => {
      if (isOpen) this.closed += 1;
      isOpen = false;
      await this.#while();
    };
    return { ...engine, executor: { ...engine.executor, close } };
  }

  override async edge(config: TransformationConfig): Promise<KafkaEdge> {
    await this.#while();
    if (this.#fails()) throw away();
    const edge = await super.edge(config);
    let isMember = false;
    let isClosed = false;
    const source: RecordSource = {
      ...edge.source,
      start: async (handlers) => {
        await this.#while();
        if (isClosed || this.#fails()) throw away();
        this.members += 1;
        isMember = true;
        assert.equal(this.members, 1, 'one member at a time');
        this.handlers.set(config.name, handlers);
        handlers.assigned([0]);
      },
      close: async () => {
        isClosed = true;
        await this.#while();
        if (isMember) this.members -= 1;
        isMember = false;
      },
    };
    return { ...edge, source };
  }

  #fails(): boolean {
    return this.#rng() < this.trouble;
  }

  /** Takes no time, a moment, or a while. */
  async #while(): Promise<void> {
    const chance = this.#rng();
    if (chance < 0.4) return;
    if (chance < 0.6) return settled();
    const delayMs = this.#rng() * 80;
    await new Promise<void>((resolve) => void this.#clock.after(delayMs, resolve));
  }
}

const EXTRAS = ['', 'timeout_ms: 20\n', 'input: { group_id: other }\n', 'ordering: key\n', 'rollout: { canary: 5 }\n'];
const SPECS = EXTRAS.map((extra) => spec('a', extra));
const MODULES = ['good-1', 'good-2', 'good-3', 'bad-1', 'bad-2'];
const TARGETS: readonly TargetState[] = ['RUNNING', 'PAUSED', 'STOPPED'];

class World {
  readonly clock = new SimClock();
  readonly parts: Parts;
  readonly transform: ManagedTransform;
  readonly history: string[] = [];
  readonly #rng: Rng;
  #config = SPECS[0] ?? spec('a');
  #pending = 0;

  constructor(seed: number) {
    this.#rng = seededRng(seed);
    this.parts = new Parts(this.clock, seededRng(seed + 1_000_000));
    const module = this.#pick(MODULES);
    this.parts.files.set('a', module);
    const quiet = {
      info: () => undefined,
      warn: () => undefined,
      error: (fields: object, text: string) => {
        if (text === 'transform life cycle') this.parts.told.push(JSON.stringify(fields));
      },
    };
    this.transform = new ManagedTransform(this.#config, {
      factory: this.parts,
      clock: this.clock,
      rng: () => 0.5,
      workerId: 'w',
      limits: {
        pollRecordsMax: 10,
        inFlightBatchesMax: 2,
        inFlightBytesMax: 1000,
        commitIntervalMs: 500,
        transactionIntervalMs: 500,
        drainTimeoutMs: 100,
        recordBytesMax: 1000,
      },
      restartBackoffMs: 50,
      restartBackoffMaxMs: 400,
      stallTimeoutMs: 0,
      log: quiet,
      enabled: true,
      digests: { moduleSha256: module, schemasSha256: undefined },
    });
    this.#does('start', this.transform.start());
  }

  get isQuiet(): boolean {
    return this.#pending === 0;
  }

  /** Something is wanted, or happens. */
  act(): void {
    const chance = this.#rng();
    if (chance < 0.5) this.wish(this.#pick(SPECS), this.#pick(MODULES));
    else if (chance < 0.75) this.target(this.#pick(TARGETS));
    else if (chance < 0.87) this.restart();
    else this.fail(chance < 0.96 ? away() : new StreamlineError('guest.stuck', 'stuck'));
  }

  wish(config: TransformationConfig, module: string): void {
    this.#config = config;
    this.parts.files.set('a', module);
    this.#does(
      `update(${SPECS.indexOf(config)}, ${module})`,
      this.transform.update(config, { moduleSha256: module, schemasSha256: undefined }),
    );
  }

  target(target: TargetState): void {
    this.#does(target, this.transform.setTarget(target));
  }

  restart(): void {
    this.#does('restart', this.transform.restart());
  }

  stop(): void {
    this.#does('stop', this.transform.stop());
  }

  fail(error: StreamlineError): void {
    this.history.push(error.code);
    this.parts.handlers.get('a')?.failed(error);
  }

  /** Now and then nothing happens for a while. */
  async pass(): Promise<void> {
    const chance = this.#rng();
    if (chance < 0.3) return;
    if (chance < 0.5) return settled();
    await this.clock.advance(this.#rng() * 150);
  }

  /** Long enough for whatever is under way, also where nothing waits for time. */
  async rest(): Promise<void> {
    for (let i = 0; i < 100; i += 1) await this.clock.advance(REST_MS / 100);
  }

  check(): void {
    const { version, state } = this.transform.snapshot();
    assert.ok(version?.moduleSha256.startsWith('bad') !== true, 'a bad module serves');
    assert.ok(this.parts.members <= 1);
    if (state === 'STOPPED') assert.equal(this.parts.members, 0, 'STOPPED and still a member');
    assert.deepEqual(this.parts.told, []);
  }

  /** What was wished last is what there is. */
  checkEnd(): void {
    const { state, target, version, candidate, config } = this.transform.snapshot();
    const open = this.parts.made - this.parts.closed;
    const seen = JSON.stringify({ state, target, version: version?.moduleSha256, candidate: candidate?.stage, open });
    assert.ok(this.isQuiet, `something never resolves: ${seen}`);
    this.check();
    const module = this.parts.files.get('a') ?? '';
    if (target === 'STOPPED') {
      assert.deepEqual([state, this.parts.members, open], ['STOPPED', 0, 0], seen);
      return;
    }
    const serves = config.sha256 === this.#config.sha256 && version?.moduleSha256 === module;
    if (state === 'FAILED') {
      assert.ok(module.startsWith('bad') && version === undefined, `FAILED with a good module: ${seen}`);
      assert.deepEqual([this.parts.members, open], [0, 0], seen);
      return;
    }
    assert.equal(state, target, seen);
    assert.equal(this.parts.members, 1, seen);
    const waits = candidate?.config.sha256 === this.#config.sha256 && candidate.moduleSha256 === module;
    const stage = module.startsWith('bad') ? 'REFUSED' : 'CANARY';
    assert.ok(serves ? candidate === undefined : waits && candidate.stage === stage, `not what was wished: ${seen}`);
    assert.equal(open, serves || stage === 'REFUSED' ? 1 : 2, `guests left behind: ${seen}`);
  }

  #does(what: string, work: Promise<void>): void {
    this.history.push(what);
    this.#pending += 1;
    void work.then(() => (this.#pending -= 1));
  }

  #pick<T>(from: readonly T[]): T {
    const one = from[Math.floor(this.#rng() * from.length)];
    assert.ok(one !== undefined);
    return one;
  }
}

async function life(seed: number): Promise<void> {
  const world = new World(seed);
  try {
    for (let step = 0; step < STEPS; step += 1) {
      world.act();
      world.check();
      await world.pass();
      world.check();
    }
    world.parts.trouble = 0;
    await world.rest();
    // A module or a record is at fault: that takes a person.
    if (world.transform.snapshot().state === 'FAILED') world.restart();
    await world.rest();
    world.checkEnd();
    world.stop();
    await world.rest();
    assert.deepEqual([world.parts.members, world.parts.made - world.parts.closed], [0, 0], 'left behind by the stop');
  } catch (thrown) {
    throw new Error(`seed ${seed}: ${world.history.join(', ')}`, { cause: thrown });
  }
}

test(`${SEEDS} lives: what was wished last is what there is, one member at a time, no guest left behind`, async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) await life(seed);
});
