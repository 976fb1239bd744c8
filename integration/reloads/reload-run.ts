import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRng } from '../../src/base/rng.ts';
import { TopicClient } from '../../bench/e2e/client.ts';
import { rssMb } from '../../bench/e2e/process-usage.ts';
import { eventually } from '../cluster/client.ts';
import { OpenScope, type Scope } from '../harness/scope.ts';
import { Sidecar, sidecarHome, type LogLine } from '../harness/sidecar.ts';
import { specText, uniqueName } from '../harness/spec.ts';
import { SteadyLoad, type Arrivals } from './arrivals.ts';
import { generationOf } from './generation.ts';
import { LiveTransform, monotonicMs, SPEC_FILE, type Edition, type Reload } from './live-transform.ts';
import { digestOf, FIELDS, maskedLook, PARTITIONS } from './load.ts';
import { LIVE_MODULE, Reloads } from './reload-kinds.ts';
import { quantileMs, rateOf, spansOf, type Span } from './latency.ts';
import { judge } from './verdict.ts';

export interface ReloadOptions {
  readonly seed: number;
  /** At least so many, in whole rounds of all kinds; what mends a bad one counts too. */
  readonly reloads: number;
  readonly perSecond: number;
  /** Before the first reload, and between two, by the version that serves. */
  readonly warmUpRecords: number;
  readonly recordsBetween: number;
  /** Where the sidecar's log goes when something is wrong. */
  readonly logs?: string | undefined;
  readonly progress?: (line: string) => void;
}

export interface ReloadReport {
  readonly reloads: readonly Reload[];
  readonly records: number;
  /** Of those that arrived, between the first reload and the last. */
  readonly perSecond: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly outOfOrder: number;
  readonly rebalances: number;
  /** Of the group, in the end as at the beginning; undefined: this cluster does not tell. */
  readonly generation: number | undefined;
  /** How long records took, ms, at the 99th percentile: between reloads, within 250 ms of a switch, while a change was prepared. */
  readonly p99: { readonly steadyMs: number; readonly switchMs: number; readonly changeMs: number };
  readonly noticedMsMax: number;
  /** Before the first, and after each. */
  readonly rssMb: readonly number[];
  readonly seconds: number;
  readonly violations: readonly string[];
}

export const PER_SECOND = 20_000;
/** Each kind once, with few records between two. */
export const QUICK: ReloadOptions = {
  ...{ seed: 5, reloads: 1, perSecond: PER_SECOND, warmUpRecords: PER_SECOND, recordsBetween: PER_SECOND / 5 },
};

const SETTLE_MS_MAX = 180_000;
const SECONDS_MAX = 3600;
const NOTICED_MS_MAX = 1000;
const GROUP_EVERY = 10;
const EXPECTED_ERRORS = new Set(['new version refused, the one before goes on', 'spec refused']);
const REBALANCE = new Set(['partitions assigned', 'partitions revoked', 'partitions lost', 'transform running']);
/** The API is asked again and again for the moment a change is noticed. */
const LIMITS = { requests_per_minute: 100_000 };

/** One sidecar under a steady load whose transform is changed again and again; then every record is accounted for. */
export async function runReloads(bootstrap: string, options: ReloadOptions): Promise<ReloadReport> {
  const scope = new OpenScope();
  try {
    const run = await ReloadRun.start(scope, bootstrap, options);
    return await run.toEnd();
  } finally {
    await scope.close();
  }
}

interface Topics {
  readonly client: TopicClient;
  readonly input: string;
  readonly deadLetters: string;
}

/** What the cluster says of the group. */
interface Membership {
  readonly members: readonly string[];
  readonly generation: number | undefined;
}

class ReloadRun {
  readonly #bootstrap: string;
  readonly #options: ReloadOptions;
  readonly #topics: Topics;
  readonly #sidecar: Sidecar;
  readonly #live: LiveTransform;
  readonly #load: SteadyLoad;
  readonly #rssMb: number[] = [];

  private constructor(
    bootstrap: string,
    options: ReloadOptions,
    parts: { topics: Topics; sidecar: Sidecar; live: LiveTransform; load: SteadyLoad },
  ) {
    this.#bootstrap = bootstrap;
    this.#options = options;
    this.#topics = parts.topics;
    this.#sidecar = parts.sidecar;
    this.#live = parts.live;
    this.#load = parts.load;
  }

  /** Records flow from here on. */
  static async start(scope: Scope, bootstrap: string, options: ReloadOptions): Promise<ReloadRun> {
    const name = uniqueName('reloads');
    const [output, deadLetters] = [`${name}.out`, `${name}.dlq`];
    const client = new TopicClient(bootstrap);
    scope.after(() => client.close());
    for (const topic of [name, output, deadLetters]) await client.create(topic, PARTITIONS);
    const home = sidecarHome(scope, bootstrap, { limits: LIMITS });
    copyFileSync(join(home.modules, 'transforms', 'mask_pii.wasm'), join(home.modules, LIVE_MODULE));
    const first = firstEdition(name, output, join(home.modules, LIVE_MODULE));
    home.writeSpec(SPEC_FILE, specText(first.spec));
    const sidecar = await Sidecar.start(home);
    await sidecar.reaches('RUNNING', name);
    const live = new LiveTransform(sidecar, name, first, options.recordsBetween);
    const { perSecond } = options;
    const load = await SteadyLoad.start(scope, { bootstrap, input: name, output, perSecond, secondsMax: SECONDS_MAX });
    return new ReloadRun(bootstrap, options, {
      topics: { client, input: name, deadLetters },
      ...{ sidecar, live, load },
    });
  }

  async toEnd(): Promise<ReloadReport> {
    let violations: readonly string[] | undefined;
    try {
      await this.#warmUp();
      const told = this.#sidecar.log.length;
      const before = await this.#membership();
      const fromMs = monotonicMs();
      await this.#reloads(before.members);
      const toMs = monotonicMs();
      const after = await this.#membership();
      const log = this.#sidecar.log.slice(told);
      const arrivals = await this.#load.end();
      await this.#sidecar.stop();
      const report = await this.#report(arrivals, log, { fromMs, toMs }, [before, after]);
      ({ violations } = report);
      return report;
    } finally {
      if (violations?.length !== 0) this.#writeLog();
    }
  }

  async #warmUp(): Promise<void> {
    await eventually(async () => {
      const records = (await this.#live.api.status()).version?.records ?? 0;
      assert.ok(records >= this.#options.warmUpRecords, `${records} records of the warm-up`);
    }, SETTLE_MS_MAX);
  }

  async #reloads(members: readonly string[]): Promise<void> {
    const { seed, reloads, progress = () => {} } = this.#options;
    const live = this.#live;
    const changes = new Reloads(live, this.#sidecar.home, seededRng(seed));
    this.#rssMb.push(rssMb(this.#sidecar.pid));
    while (live.reloads.length < reloads || !changes.roundIsOver) {
      const done = live.reloads.length;
      await changes.next();
      this.#load.assertFlows();
      const mb = rssMb(this.#sidecar.pid);
      for (const { kind, writtenMs, noticedMs = NaN, toMs } of live.reloads.slice(done)) {
        this.#rssMb.push(mb);
        const figures = `noticed after ${ms(noticedMs - writtenMs)}, done after ${ms(toMs - writtenMs)}`;
        progress(`${String(this.#rssMb.length - 1).padStart(4)} ${kind}: ${figures}; ${Math.round(mb)} MB`);
      }
      const tens = (count: number): number => Math.floor(count / GROUP_EVERY);
      if (tens(done) !== tens(live.reloads.length))
        assert.deepEqual(await this.#members(), members, 'who is in the group');
    }
  }

  async #members(): Promise<string[]> {
    const { group } = await this.#live.api.status(true);
    assert.equal(group?.members.length, 1, `one member: ${JSON.stringify(group)}`);
    return group.members.map(({ member_id: id, partitions }) => `${id} ${partitions.join()}`);
  }

  async #membership(): Promise<Membership> {
    const group = `streamline.${this.#topics.input}`;
    return { members: await this.#members(), generation: await generationOf(this.#bootstrap, group) };
  }

  async #report(
    arrivals: Arrivals,
    log: readonly LogLine[],
    span: Span,
    [before, after]: readonly [Membership, Membership],
  ): Promise<ReloadReport> {
    const { versions, switches, reloads } = this.#live;
    const verdict = judge({ arrivals, partitions: PARTITIONS, versions, switches });
    const rebalances = log.filter(({ msg }) => REBALANCE.has(msg)).length;
    const noticedMsMax = Math.max(...reloads.map(({ noticedMs, writtenMs }) => (noticedMs ?? writtenMs) - writtenMs));
    const same = JSON.stringify(before) === JSON.stringify(after);
    const violations = [
      ...verdict.violations,
      ...(await this.#countProblems(arrivals.sent)),
      ...(rebalances === 0 ? [] : [`${rebalances} lines of the log tell of a rebalance`]),
      ...(same ? [] : [`the group was ${JSON.stringify(before)} and is ${JSON.stringify(after)}`]),
      ...(noticedMsMax < NOTICED_MS_MAX ? [] : [`a change was noticed after ${ms(noticedMsMax)}`]),
      ...this.#troubles(log),
    ];
    const spans = spansOf(reloads, span);
    const p99 = (some: readonly Span[]): number => quantileMs(arrivals, some, 0.99);
    return {
      ...{ ...verdict, violations, reloads, rebalances, noticedMsMax },
      generation: after.generation,
      ...{ records: arrivals.sent, perSecond: rateOf(arrivals, span) },
      p99: { steadyMs: p99(spans.steady), switchMs: p99(spans.switches), changeMs: p99(spans.changes) },
      rssMb: this.#rssMb,
      seconds: (span.toMs - span.fromMs) / 1000,
    };
  }

  async #countProblems(sent: number): Promise<string[]> {
    const { client, input, deadLetters } = this.#topics;
    const produced = await client.endOffset(input, PARTITIONS);
    const dead = await client.endOffset(deadLetters, PARTITIONS);
    return [
      ...(produced === sent ? [] : [`${produced} records are in the input, ${sent} were sent`]),
      ...(dead === 0 ? [] : [`${dead} dead letters`]),
    ];
  }

  /** What the sidecar complained about, besides what was refused. */
  #troubles(log: readonly LogLine[]): string[] {
    const lines = log
      .filter(({ level, msg }) => level !== 'info' && !EXPECTED_ERRORS.has(msg))
      .map((line) => `it logged: ${JSON.stringify(line)}`);
    const { noise, stderr } = this.#sidecar;
    const printed = [...noise, stderr.trim()].filter((text) => text !== '');
    return [...lines, ...printed.map((text) => `it printed: ${text.slice(0, 500)}`)];
  }

  #writeLog(): void {
    const { logs } = this.#options;
    if (logs === undefined) return;
    mkdirSync(logs, { recursive: true });
    const lines = this.#sidecar.log.map((line) => `${JSON.stringify(line)}\n`);
    writeFileSync(join(logs, `${this.#topics.input}.log`), lines.join(''));
  }
}

function firstEdition(name: string, output: string, module: string): Edition {
  const spec = {
    ...{ name, input_topic: name, output_topic: output, input: { start: 'earliest' } },
    ...{ wasm_module: LIVE_MODULE, config: { fields_to_mask: FIELDS } },
    output: { partition: 'input', module_header: true },
    // Of a machine that others use too.
    timeout_ms: 100,
  };
  return { spec, digest: digestOf(readFileSync(module)), look: maskedLook(FIELDS) };
}

function ms(value: number): string {
  return Number.isNaN(value) ? '-' : `${Math.round(value)} ms`;
}
