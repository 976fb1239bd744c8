import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Status } from '../../src/api/rest-shapes.ts';
import { parseSpec } from '../../src/spec/parse-spec.ts';
import { eventually } from '../cluster/client.ts';
import type { LogLine, Sidecar } from '../harness/sidecar.ts';
import { specText } from '../harness/spec.ts';
import { TransformApi } from './api.ts';
import type { Look } from './load.ts';
import type { Span } from './latency.ts';
import type { ServedVersion, ToldSwitch } from './verdict.ts';

export const SPEC_FILE = 'spec.yaml';
const OUTCOME_MS_MAX = 20_000;
const FLOW_MS_MAX = 30_000;

export type Spec = Readonly<Record<string, unknown>>;

/** A spec with its module, and what that makes of a record. */
export interface Edition {
  readonly spec: Spec;
  /** Of the module the spec names. */
  readonly digest: string;
  readonly look: Look;
}

/** A change that was made, and what the sidecar made of it. */
export interface Reload extends Span {
  readonly kind: string;
  /** The change was there. `fromMs` is when it was begun, `toMs` when it was over and done. */
  readonly writtenMs: number;
  /** When it was seen that the sidecar had noticed; undefined: an answer of the API said so. */
  readonly noticedMs: number | undefined;
  /** A version took over at `toMs`. */
  readonly switched: boolean;
}

/** What makes a change. */
type Change = () => void | Promise<void>;

/** As a C program's CLOCK_MONOTONIC. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** The transform that is changed under load: how it can be changed, and what must be seen of it then. */
export class LiveTransform {
  readonly api: TransformApi;
  readonly versions: ServedVersion[] = [];
  readonly switches: ToldSwitch[] = [];
  readonly reloads: Reload[] = [];
  readonly #sidecar: Sidecar;
  /** Records between two reloads. */
  readonly #between: number;
  readonly #clockMs = monotonicMs() - Date.now();
  #serving: Edition;

  constructor(sidecar: Sidecar, name: string, first: Edition, between: number) {
    this.api = new TransformApi(sidecar, name);
    this.#sidecar = sidecar;
    this.#between = between;
    this.#serving = first;
    this.#served('the first');
  }

  /** What serves now. */
  get serving(): Edition {
    return this.#serving;
  }

  // ---- changes -------------------------------------------------------------------------------------------------

  /** Written aside and renamed, as editors and deployments do. */
  writeSpec(spec: Spec): void {
    this.#replace(join(this.#sidecar.home.specs, SPEC_FILE), specText(spec));
  }

  replaceModule(path: string, bytes: Uint8Array): void {
    this.#replace(join(this.#sidecar.home.modules, path), bytes);
  }

  #replace(path: string, content: string | Uint8Array): void {
    // Not hidden: the watch is to bear strange files that come and go.
    const aside = `${path}~`;
    writeFileSync(aside, content);
    renameSync(aside, path);
  }

  /** In place, shorter than it was. */
  truncateSpec(text: string): void {
    writeFileSync(join(this.#sidecar.home.specs, SPEC_FILE), text);
  }

  // ---- what must come of them ----------------------------------------------------------------------------------

  /** The change takes over. */
  async takesOver(kind: string, next: Edition, change: Change): Promise<void> {
    const { configSha256 } = identityOf(next);
    const reload = await this.#reload(kind, change, (line) => {
      const isOwn = line['configSha256'] === configSha256 && line['moduleSha256'] === next.digest;
      assert.ok(!isOwn || line.msg !== REFUSED, `${kind} was refused: ${line.code} ${line.message}`);
      return isOwn && line.msg === TOOK_OVER;
    });
    this.reloads.push({ ...reload, switched: true });
    this.#serving = next;
    this.#served(`${kind} #${this.reloads.length}`);
    const number = Number(reload.line['version']);
    const { version, candidate, spec_errors: errors } = await this.#flows();
    assert.equal(version?.number, number, `${kind}: the version that serves`);
    assert.deepEqual([version?.module_sha256, version?.config_sha256], [next.digest, configSha256], kind);
    assert.deepEqual([candidate, errors], [undefined, []], kind);
    await this.#noteSwitches(number);
  }

  /**
   * The change is refused with one of these codes and the version before goes on.
   * @param trial of a version that has had records: so many may have left before it trapped
   */
  async isRefused(
    kind: string,
    codes: readonly string[],
    change: Change,
    trial?: Edition & { readonly recordsMax: number },
  ): Promise<void> {
    const before = (await this.api.status()).version?.number;
    const reload = await this.#reload(kind, change, ({ msg }) => {
      assert.notEqual(msg, TOOK_OVER, `${kind} took over`);
      return msg === REFUSED;
    });
    this.reloads.push(reload);
    assert.ok(codes.includes(reload.line.code ?? ''), `${kind}: ${reload.line.code} ${reload.line.message}`);
    if (trial !== undefined) {
      const { digest: module, look, recordsMax: trialRecordsMax } = trial;
      this.versions.push({ name: `${kind} #${this.reloads.length}`, module, look, trialRecordsMax });
      this.#served(`the one before ${kind} #${this.reloads.length}`);
    }
    const { version, candidate } = await this.#flows();
    assert.deepEqual([version?.number, candidate?.stage], [before, 'REFUSED'], kind);
    assert.ok(codes.includes(candidate?.error?.code ?? ''), `${kind}: ${candidate?.error?.code} in the status`);
  }

  /** The spec cannot be read, and the version before goes on. */
  async isUnreadable(kind: string, change: Change): Promise<void> {
    const before = (await this.api.status()).version?.number;
    const reload = await this.#reload(kind, change, ({ msg }) => msg === 'spec refused');
    this.reloads.push(reload);
    const { version, spec_errors: errors } = await this.#flows();
    assert.equal(version?.number, before, kind);
    assert.ok(errors.length > 0, `${kind}: the status has its errors`);
  }

  /** What serves is wanted again: nothing else is left of what was refused. */
  async isTakenBack(kind: string, change: Change): Promise<void> {
    const before = (await this.api.status()).version?.number;
    const fromMs = monotonicMs();
    await change();
    const writtenMs = monotonicMs();
    const noticedMs = await eventually(async () => {
      const { candidate, spec_errors: errors } = await this.api.status();
      assert.deepEqual([candidate, errors], [undefined, []], kind);
      return monotonicMs();
    });
    this.reloads.push({ kind, fromMs, writtenMs, noticedMs, toMs: noticedMs, switched: false });
    const { version } = await this.#flows();
    assert.equal(version?.number, before, kind);
  }

  /** The API answers with an error by itself, and nothing has changed. */
  async changesNothing(kind: string, change: Change): Promise<void> {
    const before = (await this.api.status()).version?.number;
    const fromMs = monotonicMs();
    await change();
    const toMs = monotonicMs();
    this.reloads.push({ kind, fromMs, writtenMs: toMs, noticedMs: undefined, toMs, switched: false });
    const { version, candidate, spec_errors: errors } = await this.#flows();
    assert.deepEqual([version?.number, candidate, errors], [before, undefined, []], kind);
  }

  // ---- seeing --------------------------------------------------------------------------------------------------

  /** Makes the change and waits for the log line that ends it; looks at the status meanwhile, for the moment it is noticed. */
  async #reload(
    kind: string,
    change: Change,
    isOver: (line: LogLine) => boolean,
  ): Promise<Reload & { readonly line: LogLine }> {
    const told = this.#sidecar.log.length;
    const fromMs = monotonicMs();
    await change();
    const writtenMs = monotonicMs();
    let seenMs = Infinity;
    const line = await eventually(async () => {
      const found = this.#sidecar.log.slice(told).find(isOver);
      if (found !== undefined) return found;
      const { candidate } = await this.api.status();
      if (candidate !== undefined && candidate.stage !== 'REFUSED') seenMs = Math.min(seenMs, monotonicMs());
      throw new Error(`${kind}: no outcome yet; candidate ${JSON.stringify(candidate)}`);
    }, OUTCOME_MS_MAX);
    const toMs = this.#clockMs + new Date(line['time'] as string | number).getTime();
    return { kind, fromMs, writtenMs, noticedMs: Math.min(seenMs, toMs), toMs, switched: false, line };
  }

  /** Records go on: as many as there are to be between two reloads, by the version that serves, which is well. */
  async #flows(): Promise<Status> {
    const begin = (await this.api.status()).version;
    return eventually(async () => {
      const status = await this.api.status();
      const { version } = status;
      assert.equal(status.connector.state, 'RUNNING', JSON.stringify(status.error));
      assert.equal(version?.number, begin?.number, 'another version has taken over');
      const more = (version?.records ?? 0) - (begin?.records ?? 0);
      assert.ok(more >= this.#between, `only ${more} records since the reload`);
      return status;
    }, FLOW_MS_MAX);
  }

  async #noteSwitches(number: number): Promise<void> {
    const index = this.versions.length - 1;
    const offsets = await eventually(async () => {
      const all = await this.api.offsets();
      const missing = all.filter(({ switched }) => switched?.version !== number);
      assert.deepEqual(missing, [], `partitions that do not say where version ${number} took over`);
      return all;
    });
    for (const { partition, switched } of offsets) {
      assert.equal(switched?.module_sha256, this.#serving.digest);
      this.switches.push({ version: index, partition: partition.kafka_partition, offset: switched.offset });
    }
  }

  #served(name: string): void {
    const { digest: module, look } = this.#serving;
    this.versions.push({ name, module, look });
  }
}

const TOOK_OVER = 'version took over';
const REFUSED = 'new version refused, the one before goes on';

function identityOf({ spec }: Edition): { readonly configSha256: string } {
  const outcome = parseSpec(specText(spec), SPEC_FILE);
  assert.ok('config' in outcome, `a spec of this test is wrong: ${JSON.stringify(outcome)}`);
  return { configSha256: outcome.config.sha256 };
}
