import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Rng } from '../../src/base/rng.ts';
import type { SidecarHome } from '../harness/sidecar-home.ts';
import { specText } from '../harness/spec.ts';
import type { Edition, LiveTransform, Spec } from './live-transform.ts';
import { digestOf, FIELD_SETS, maskedLook, UPPER_LOOK, variantOf, type Field } from './load.ts';

/** The module a spec names, unless it names an upload. */
export const LIVE_MODULE = 'transforms/live.wasm';
const CANARY_RECORDS = 500;
/** Between two pieces of a file: longer than the sidecar waits for more, so that it sees what is half there. */
const PIECE_PAUSE_MS = 150;
const PIECES = 3;
const INIT_REJECTS = ['guest.init_rejected'];
const TRAPS = ['guest.trap'];

/** How a running transform may be changed, well or badly. Each is drawn once before one comes again. */
export class Reloads {
  readonly #live: LiveTransform;
  readonly #rng: Rng;
  readonly #home: SidecarHome;
  readonly #module: Uint8Array;
  #bag: (() => Promise<void>)[] = [];
  #variants = 0;

  constructor(live: LiveTransform, home: SidecarHome, rng: Rng) {
    this.#live = live;
    this.#home = home;
    this.#rng = rng;
    this.#module = readFileSync(join(home.modules, LIVE_MODULE));
  }

  get roundIsOver(): boolean {
    return this.#bag.length === 0;
  }

  /** One change, and, after a bad one, what mends it. */
  async next(): Promise<void> {
    if (this.#bag.length === 0) this.#bag = this.#shuffled(this.#kinds());
    await this.#bag.pop()?.();
  }

  #kinds(): (() => Promise<void>)[] {
    return [
      ...[() => this.#configOnDisk(), () => this.#put(), () => this.#patch(), () => this.#policy()],
      ...[() => this.#moduleRenamed(), () => this.#moduleInPieces(), () => this.#upload(), () => this.#canaryPasses()],
      ...[() => this.#badModule(), () => this.#specHalfWritten(), () => this.#specInvalid(), () => this.#initRejects()],
      ...[
        () => this.#moduleMissing(),
        () => this.#canaryTraps(),
        () => this.#canaryTrapsLater(),
        () => this.#apiRefuses(),
      ],
    ];
  }

  // ---- good ones -----------------------------------------------------------------------------------------------

  async #configOnDisk(kind = 'config_on_disk'): Promise<void> {
    const next = this.#masking({});
    await this.#live.takesOver(kind, next, () => this.#live.writeSpec(next.spec));
  }

  async #put(kind = 'put'): Promise<void> {
    const next = this.#masking({ description: `put ${this.#live.reloads.length}` });
    await this.#live.takesOver(kind, next, () => this.#live.api.put(next.spec));
  }

  async #patch(): Promise<void> {
    const next = this.#masking({});
    const { config, wasm_module: module, rollout } = next.spec;
    await this.#live.takesOver('patch', next, () => this.#live.api.patch({ config, wasm_module: module, rollout }));
  }

  /** What becomes of failures, and limits: the output is as before. */
  async #policy(): Promise<void> {
    const { serving, api } = this.#live;
    const patch = {
      errors: { max_retries: this.#below(5), retry_backoff_ms: 10 + this.#below(1000) },
      ...{ timeout_ms: 100 + this.#below(1000), max_memory_mb: 32 + this.#below(64), instances: 1 + this.#below(2) },
    };
    const next = { ...serving, spec: { ...serving.spec, ...patch } };
    await this.#live.takesOver('policy', next, () => api.patch(patch));
  }

  async #moduleRenamed(kind = 'module_renamed'): Promise<void> {
    await this.#backToLive();
    const { bytes, edition } = this.#newModule();
    await this.#live.takesOver(kind, edition, () => this.#live.replaceModule(LIVE_MODULE, bytes));
  }

  async #moduleInPieces(): Promise<void> {
    await this.#backToLive();
    const { bytes, edition } = this.#newModule();
    await this.#live.takesOver('module_in_pieces', edition, () => this.#rewriteInPieces(bytes));
  }

  async #rewriteInPieces(bytes: Uint8Array): Promise<void> {
    const file = openSync(join(this.#home.modules, LIVE_MODULE), 'w');
    try {
      const step = Math.ceil(bytes.length / PIECES);
      for (let at = 0; at < bytes.length; at += step) {
        if (at > 0) await delay(PIECE_PAUSE_MS);
        writeSync(file, bytes.subarray(at, at + step));
      }
    } finally {
      closeSync(file);
    }
  }

  async #upload(): Promise<void> {
    const { api, serving } = this.#live;
    const { bytes, edition } = this.#newModule();
    const path = await api.upload('mask', bytes);
    const next = { ...edition, spec: { ...serving.spec, wasm_module: path } };
    await this.#live.takesOver('upload', next, () => api.patch({ wasm_module: path }));
  }

  async #canaryPasses(): Promise<void> {
    const next = this.#masking({ rollout: { canary: CANARY_RECORDS } });
    await this.#live.takesOver('canary_passes', next, () => this.#live.writeSpec(next.spec));
  }

  // ---- bad ones ------------------------------------------------------------------------------------------------

  async #badModule(): Promise<void> {
    await this.#backToLive();
    const [kind, bytes] = this.#pick([
      ['module_truncated', this.#module.subarray(0, this.#module.length - 100)],
      ['module_no_wasm', Buffer.from('{"this": "is JSON"}\n')],
      ['module_empty', new Uint8Array()],
    ] as const);
    const good = this.#bytesOf(this.#live.serving);
    await this.#live.isRefused(kind, ['module.invalid'], () => this.#live.replaceModule(LIVE_MODULE, bytes));
    if (this.#rng() < 0.5) await this.#moduleRenamed('module_mended');
    else await this.#live.isTakenBack('module_restored', () => this.#live.replaceModule(LIVE_MODULE, good));
  }

  async #specHalfWritten(): Promise<void> {
    const next = this.#masking({});
    const text = specText(next.spec);
    await this.#live.isUnreadable('spec_half_written', () => this.#live.truncateSpec(text.slice(0, text.length / 2)));
    if (this.#rng() < 0.5) await this.#live.takesOver('spec_completed', next, () => this.#live.truncateSpec(text));
    else await this.#restore();
  }

  async #specInvalid(): Promise<void> {
    const { spec } = this.#live.serving;
    const text = this.#pick([specText({ ...spec, timeout_ms: 'soon' }), 'name: [\n', specText({ ...spec, colour: 1 })]);
    await this.#live.isUnreadable('spec_invalid', () => this.#live.truncateSpec(text));
    await this.#mend();
  }

  async #initRejects(): Promise<void> {
    const { serving, api } = this.#live;
    const [how, change] = this.#pick([
      ['disk', () => this.#live.writeSpec({ ...serving.spec, wasm_module: 'hostile/init_zero.wasm' })],
      ['patch', () => api.patch({ wasm_module: 'hostile/init_zero.wasm' })],
      // It masks nothing, which the guest does not accept.
      ['put', () => api.put({ ...serving.spec, config: { fields_to_mask: 'email' } })],
    ] as const);
    await this.#live.isRefused(`init_rejects_${how}`, INIT_REJECTS, change);
    await this.#mend();
  }

  async #moduleMissing(): Promise<void> {
    const spec = { ...this.#live.serving.spec, wasm_module: 'transforms/nowhere.wasm' };
    await this.#live.isRefused('module_missing', ['spec.module_missing'], () => this.#live.writeSpec(spec));
    await this.#mend();
  }

  /** At the very first record. */
  async #canaryTraps(): Promise<void> {
    const { config: _none, ...spec } = this.#live.serving.spec;
    const trial = this.#trial('hostile/misbehave.wasm', spec, 0);
    await this.#live.isRefused('canary_traps', TRAPS, () => this.#live.writeSpec(trial.spec), trial);
    await this.#mend();
  }

  /** When some of its batches have left. */
  async #canaryTrapsLater(): Promise<void> {
    const spec = { ...this.#live.serving.spec, config: {} };
    const trial = this.#trial('transforms/fragile.wasm', spec, CANARY_RECORDS);
    await this.#live.isRefused('canary_traps_later', TRAPS, () => this.#live.api.put(trial.spec), trial);
    await this.#mend();
  }

  #trial(module: string, spec: Spec, recordsMax: number): Edition & { readonly recordsMax: number } {
    const digest = digestOf(readFileSync(join(this.#home.modules, module)));
    const rollout = { canary: CANARY_RECORDS };
    return { spec: { ...spec, wasm_module: module, rollout }, digest, look: UPPER_LOOK, recordsMax };
  }

  async #apiRefuses(): Promise<void> {
    const { serving, api } = this.#live;
    const [how, change] = this.#pick([
      ['put', () => api.put({ ...serving.spec, timeout_ms: 0 }, 422)],
      ['patch', () => api.patch({ wasm_module: 'hostile/truncated.wasm' }, 422)],
      ['upload', () => api.upload('mask', this.#module.subarray(0, 1000), 422)],
    ] as const);
    await this.#live.changesNothing(`api_refuses_${how}`, async () => void (await change()));
  }

  // ---- parts ---------------------------------------------------------------------------------------------------

  /** A bad spec is replaced by the one that serves, or by a better one. */
  async #mend(): Promise<void> {
    const draw = this.#rng();
    if (draw < 0.4) await this.#restore();
    else if (draw < 0.7) await this.#configOnDisk('config_mended_on_disk');
    else await this.#put('config_mended_by_put');
  }

  async #restore(): Promise<void> {
    const { spec } = this.#live.serving;
    await this.#live.isTakenBack('spec_restored', () => this.#live.writeSpec(spec));
  }

  /** A module on disk is replaced only where the spec names it. */
  async #backToLive(): Promise<void> {
    if (this.#live.serving.spec['wasm_module'] !== LIVE_MODULE) await this.#configOnDisk('config_back_to_file');
  }

  /** The module on disk, with other fields to mask than those of what serves. */
  #masking(fields: Spec): Edition {
    const { serving } = this.#live;
    const set: readonly Field[] = this.#pick(FIELD_SETS.filter((one) => maskedLook(one) !== serving.look));
    const digest = digestOf(readFileSync(join(this.#home.modules, LIVE_MODULE)));
    const spec = {
      ...serving.spec,
      ...{ wasm_module: LIVE_MODULE, config: { fields_to_mask: set }, rollout: { canary: 0 } },
      ...fields,
    };
    return { spec, digest, look: maskedLook(set) };
  }

  #newModule(): { readonly bytes: Uint8Array; readonly edition: Edition } {
    this.#variants += 1;
    const bytes = variantOf(this.#module, this.#variants);
    return { bytes, edition: { ...this.#live.serving, digest: digestOf(bytes) } };
  }

  #bytesOf({ spec }: Edition): Uint8Array {
    return readFileSync(join(this.#home.modules, String(spec['wasm_module'])));
  }

  #below(n: number): number {
    return Math.floor(this.#rng() * n);
  }

  #pick<T>(items: readonly T[]): T {
    const item = items[this.#below(items.length)];
    if (item === undefined) throw new Error('nothing to choose from');
    return item;
  }

  #shuffled<T>(items: readonly T[]): T[] {
    const left = [...items];
    return items.map(() => left.splice(this.#below(left.length), 1)).flat();
  }
}
