import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Patience } from '../../src/base/patience.ts';
import { eventually } from '../cluster/client.ts';
import { Flow } from '../harness/flow.ts';
import type { Ledger } from '../harness/ledger.ts';
import { Rig } from '../harness/rig.ts';
import type { Scope } from '../harness/scope.ts';
import { Sidecar } from '../harness/sidecar.ts';
import type { SidecarHome } from '../harness/sidecar-home.ts';
import { fateOf, PARTITIONS, recordOf } from './load.ts';
import { OutputWatch } from './output-watch.ts';
import { describeTail, judge, type Delivery, type Tail, type TailRange, type Verdict } from './verdict.ts';

export type Adapter = 'confluent' | 'bridge';

/** How partitions move: all at once, only those that change hands, or not at all when a member comes back in time. */
export type Assignor = 'eager' | 'cooperative' | 'static';

export interface FleetOptions {
  readonly adapter: Adapter;
  readonly delivery: Delivery;
  readonly assignor: Assignor;
}

const MEMBER_VARIABLE = 'FAULTS_MEMBER';
const ASSIGNORS: Readonly<Record<Assignor, Readonly<Record<string, string>>>> = {
  eager: {},
  cooperative: { 'partition.assignment.strategy': 'cooperative-sticky' },
  static: { 'group.instance.id': `\${env:${MEMBER_VARIABLE}}` },
};

/** A broker's session of a killed member ends this long after: a fault costs that much, and what is asked of it in the meantime holds. */
const SESSION_MS = 3000;
const LIMITS = {
  // Small batches, few of them, rare commits: a fault finds records in every stage, and much that is not committed.
  ...{ poll_records: 100, in_flight_batches: 16, commit_interval_ms: 300 },
  // The partitions of a killed member stand still until its transaction has timed out.
  ...{ transaction_interval_ms: 300, transaction_timeout_ms: 3000 },
  ...{ drain_timeout_ms: 1500, restart_backoff_ms: 200 },
};
/** 2,400 records a second at most: what piles up while partitions move comes in one go afterwards. */
const PACE = { batch: 600, pauseMs: 250 };
const SHARE_MS_MAX = 60_000;
const COMMIT_MS_MAX = 60_000;
const CRASH_MS_MAX = 60_000;
const VISIBLE_MS_MAX = 90_000;

const OUT = new Set(['partitions lost', 'partitions revoked', 'transform will be restarted']);

/** Records of a member that are polled and not settled, at most. */
const IN_FLIGHT_RECORDS_MAX = LIMITS.poll_records * LIMITS.in_flight_batches;

/** A sidecar of the group. */
export interface Member {
  readonly name: string;
  readonly home: SidecarHome;
  readonly sidecar: Sidecar;
}

/** What a group came to, judged. */
export interface FleetEnd extends Verdict {
  /** The faults, in words: what was uncommitted, what came again. */
  readonly tails: readonly string[];
  /** How often a member was given its share. */
  readonly assignments: number;
}

/** One consumer group of real sidecars, records that flow through it, and the faults they are put to. */
export class Fleet {
  readonly #scope: Scope;
  readonly #rig: Rig;
  readonly #flow: Flow;
  readonly #watch: OutputWatch;
  readonly #delivery: Delivery;
  /** Every sidecar that ever ran. */
  readonly #all: Member[] = [];
  readonly #members = new Set<Member>();
  readonly #freeHomes: SidecarHome[];
  readonly #tails: Tail[] = [];

  private constructor(scope: Scope, bootstrap: string, rig: Rig, watch: OutputWatch, delivery: Delivery) {
    this.#scope = scope;
    this.#rig = rig;
    this.#watch = watch;
    this.#delivery = delivery;
    this.#freeHomes = [rig.home];
    this.#flow = new Flow(scope, bootstrap, rig.name, recordOf, PACE);
  }

  /** Records flow from here on; nobody reads them yet. */
  static async create(scope: Scope, bootstrap: string, { adapter, delivery, assignor }: FleetOptions): Promise<Fleet> {
    const rig = await Rig.create(scope, bootstrap, {
      records: [],
      partitions: PARTITIONS,
      spec: { wasm_module: 'transforms/fragile.wasm', output: { partition: 'input' }, delivery },
      settings: {
        kafka: {
          ...{ transport: adapter, 'session.timeout.ms': SESSION_MS, 'heartbeat.interval.ms': 300 },
          ...ASSIGNORS[assignor],
        },
        limits: LIMITS,
      },
    });
    const outcomes = [rig.out, rig.dlq];
    await rig.createTopics(PARTITIONS);
    const transactional = delivery === 'exactly_once';
    const topics = { group: rig.group, input: rig.name, outcomes, partitions: PARTITIONS, transactional };
    const watch = await OutputWatch.open(scope, bootstrap, topics);
    return new Fleet(scope, bootstrap, rig, watch, delivery);
  }

  get members(): readonly Member[] {
    return [...this.#members];
  }

  /** Starts sidecars; they need not have joined yet. */
  launch(count: number, env: Record<string, string> = {}): Member[] {
    return Array.from({ length: count }, () => {
      const home = this.#freeHomes.pop() ?? this.#rig.twin(this.#scope);
      const member = {
        name: `#${this.#all.length + 1}`,
        home,
        sidecar: Sidecar.launch(home, { ...env, [MEMBER_VARIABLE]: basename(home.folder) }),
      };
      this.#all.push(member);
      this.#members.add(member);
      return member;
    });
  }

  /** Waits until the partitions are shared out among exactly these members, each with its fair part. */
  async shared(members: readonly Member[] = this.members): Promise<void> {
    const least = Math.floor(PARTITIONS / members.length);
    await eventually(() => {
      const held = members.flatMap(({ name, sidecar }) => {
        const own = [...sidecar.partitions];
        assert.ok(own.length >= least, `${name} has [${own.join()}], too few\n${this.#evidence()}`);
        return own;
      });
      assert.deepEqual(
        held.toSorted((one, other) => one - other),
        Array.from({ length: PARTITIONS }, (_, p) => p),
        'who has what',
      );
    }, SHARE_MS_MAX);
  }

  /** So many records wait for their first reader, or have had theirs. */
  async flowed(records: number): Promise<void> {
    await eventually(() => assert.ok(this.#flow.produced >= records, `${this.#flow.produced} of ${records} flowed`));
  }

  /** Resolves at the very record. */
  async further(outcomes: number): Promise<void> {
    await this.#watch.further(outcomes).catch((thrown: unknown) => {
      throw new Error(`${String(thrown)}\n${this.#evidence()}`, { cause: thrown });
    });
  }

  /** SIGTERM: it drains and ends with 0. */
  async stop(member: Member): Promise<void> {
    await member.sidecar.stop();
    this.#gone(member);
  }

  async kill(member: Member): Promise<void> {
    member.sidecar.killNow();
    await this.dies(member);
  }

  /** Waits for a member that kills itself. */
  async dies(member: Member): Promise<void> {
    await member.sidecar.dies(CRASH_MS_MAX);
    this.#gone(member);
    const held = member.sidecar.partitions;
    // Nobody has its partitions before its session ends.
    const committed = await this.#watch.committed();
    const written = await this.#watch.written();
    const range = (partition: number): TailRange => {
      const from = committed.get(partition) ?? 0;
      const to = Math.max(from, written.get(partition) ?? 0);
      return { from, written: to, to };
    };
    this.#suspect(member, 'killed', held, range);
  }

  /**
   * Stops a member in its tracks until all it had is done by others and `furtherOutcomes` more, then lets it go on: it does not know that
   * it is out. Resolves when it has been let in again.
   */
  async freezeUntilReplaced(member: Member, furtherOutcomes: number): Promise<void> {
    const { sidecar } = member;
    sidecar.freeze();
    const committed = await this.#watch.committed();
    const written = await this.#watch.written();
    // It may have said more than was read yet.
    const told = sidecar.log.length;
    await this.shared(this.members.filter((other) => other !== member));
    await this.further(furtherOutcomes);
    sidecar.thaw();
    // By the end of its session, by a rebalance that went past it, or by its producer, which is fenced.
    const isOut = (): boolean => sidecar.log.slice(told).some(({ msg }) => OUT.has(msg));
    const held = sidecar.partitions;
    await eventually(() => assert.ok(isOut(), `${member.name} does not notice\n${this.#evidence()}`), SHARE_MS_MAX);
    await this.shared();
    const later = await this.#watch.written();
    this.#suspect(member, 'frozen', held, (partition) => ({
      from: committed.get(partition) ?? 0,
      written: written.get(partition) ?? 0,
      to: later.get(partition) ?? 0,
    }));
  }

  /** The flow ends with at least so many records; all of them come to their end and everybody stops. */
  async finish(recordsMin: number): Promise<FleetEnd> {
    const produced = await this.#flow.end(recordsMin);
    await eventually(async () => {
      const committed = await this.#watch.committed();
      const sum = [...committed.values()].reduce((total, offset) => total + offset, 0);
      assert.ok(sum >= produced, `${sum} of ${produced} are committed\n${this.#evidence()}`);
    }, COMMIT_MS_MAX);
    await Promise.all(this.members.map((member) => this.stop(member)));
    const ledger = await this.#wholeLedger();
    const committed = await this.#rig.committed();
    const verdict = judge({
      ledger,
      fateOf,
      delivery: this.#delivery,
      tails: this.#tails,
      committed,
      inFlightMax: IN_FLIGHT_RECORDS_MAX,
    });
    const assigned = this.#all.map(({ sidecar }) => sidecar.log.filter(({ msg }) => msg === 'partitions assigned'));
    const violations = [...verdict.violations, ...this.#noise()];
    if (verdict.records !== produced) violations.push(`${verdict.records} records were read of ${produced} produced`);
    const tails = this.#tails.map((tail) => describeTail(ledger, tail));
    return { ...verdict, violations, tails, assignments: assigned.flat().length };
  }

  /**
   * Exactly once: what a killed member had open hides all that was written behind it from a read_committed reader, until the cluster ends
   * that transaction.
   */
  async #wholeLedger(): Promise<Ledger> {
    let ledger = await this.#rig.ledger();
    const patience = new Patience(VISIBLE_MS_MAX);
    while (this.#delivery === 'exactly_once' && !patience.isOver()) {
      if (ledger.entries.every(({ outputs, deadLetters }) => outputs.length + deadLetters.length > 0)) break;
      ledger = await this.#rig.ledger();
    }
    return ledger;
  }

  #suspect(
    { name }: Member,
    fault: Tail['fault'],
    held: ReadonlySet<number>,
    range: (partition: number) => TailRange,
  ): void {
    const ranges = new Map([...held].map((partition) => [partition, range(partition)]));
    this.#tails.push({ member: name, fault, ranges });
  }

  /** What everybody logged, a file each. */
  writeLogs(folder: string): void {
    mkdirSync(folder, { recursive: true });
    for (const { name, sidecar } of this.#all) {
      const lines = sidecar.log.map((line) => `${JSON.stringify(line)}\n`);
      writeFileSync(join(folder, `${this.#rig.name}.${name.slice(1)}.log`), lines.join(''));
    }
  }

  #gone(member: Member): void {
    this.#members.delete(member);
    this.#freeHomes.push(member.home);
  }

  /** What a sidecar printed that is no log line. */
  #noise(): string[] {
    return this.#all.flatMap(({ name, sidecar }) => {
      const said = [...sidecar.noise, sidecar.stderr.trim()].filter((text) => text !== '');
      return said.length === 0 ? [] : [`${name} printed: ${said.join(' ').slice(0, 500)}`];
    });
  }

  #evidence(): string {
    const { produced, failure } = this.#flow;
    const flowed = `${produced} flowed${failure === undefined ? '' : `, then: ${failure instanceof Error ? failure.message : JSON.stringify(failure)}`}`;
    const said = this.members
      .map(({ name, sidecar }) => {
        const last = sidecar.log
          .slice(-4)
          .map(({ msg, code, message }) => [msg, code, message].filter(Boolean).join(' '));
        return `${name} [${[...sidecar.partitions].join()}]: ${last.join(' · ')}`;
      })
      .join('\n');
    return `${flowed}\n${said}`;
  }
}
