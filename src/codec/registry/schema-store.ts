import { createHash } from 'node:crypto';
import { within, type Clock } from '../../base/clock.ts';
import { StreamlineError, toStreamlineError } from '../../base/error.ts';
import type { RegistryConfig } from '../../spec/registry-config.ts';
import { isRenewal, wishKey, type RegisteredSchema, type SchemaAnswer, type SchemaWish } from '../schema.ts';
import { RecentMap } from './recent-map.ts';
import type { RegistryClient, SchemaToRegister } from './registry-client.ts';
import { Turnstile } from './turnstile.ts';

export type SchemaFetcher = Pick<RegistryClient, 'schema' | 'subject' | 'register' | 'registered'>;

/** A schema that is not the registry's but a spec's, and what to do with it under a subject. */
export interface FileSchema {
  readonly schema: SchemaToRegister;
  /** Registers it where it is not registered; else it must be. */
  readonly autoRegister: boolean;
}

/** A wish as the store can grant it: a file is a transform's own. */
export type StoreWish =
  | Exclude<SchemaWish, { readonly by: 'file' }>
  | { readonly by: 'file'; readonly subject: string; readonly file: FileSchema };

export type StoreLimits = Pick<
  RegistryConfig,
  'cachedSchemas' | 'cachedSchemaBytesMax' | 'subjectTtlMs' | 'unknownTtlMs'
>;

interface Known {
  readonly schema: RegisteredSchema;
  /** Of the clock's monotonic time; Infinity for what never changes: an id, a version with a number. */
  readonly freshUntilMs: number;
}

interface Fault {
  readonly fault: StreamlineError;
  readonly freshUntilMs: number;
}

const FETCHES_AT_ONCE = 8;
/** How soon whoever got the old latest version asks again, and how soon it is looked up again after that failed. */
const STALE_ASK_MS = 1000;
const STALE_RETRY_MS = 10_000;
/** A latest that a record does not fit is believed for so long after it was looked up: one question a second for a topic full of misfits. */
const BELIEVED_MS = 1000;
/** And for so many times what that took: where the registry is slow, a fifth of the time at most goes into waiting for it. */
const BELIEVED_PER_WAIT = 4;
/** It is judged by what is known when the registry takes longer. */
const RENEWAL_WAIT_MS = 2000;
/** To a renewal: whoever asks has a schema, and nothing else can be had now. */
const NOTHING_NEWER: SchemaAnswer = {
  fault: { code: 'registry.unreachable', message: 'the schema registry does not answer' },
};

/**
 * All schemas of one registry that this process knows: one fetch serves all who ask. What is known stays usable whatever the
 * registry does; what it says it does not have is asked for again soon.
 */
export class SchemaStore {
  readonly #fetcher: SchemaFetcher;
  readonly #limits: StoreLimits;
  readonly #clock: Clock;
  readonly #warn: (message: string) => void;
  readonly #known: RecentMap<Known>;
  /** Apart: a flood of ids that nobody knows must not push out what is known. */
  readonly #faults: RecentMap<Fault>;
  readonly #underWay = new Map<string, Promise<SchemaAnswer>>();
  readonly #turnstile = new Turnstile(FETCHES_AT_ONCE);
  /** Of subjects: until when the latest is not asked for again, though a record does not fit it. */
  readonly #believedUntilMs: RecentMap<number>;
  /** Subjects whose latest version cannot be looked up, with why. */
  readonly #stale: RecentMap<string>;

  /** @param warn told once when the latest version of a subject cannot be looked up any more, and once when it can again */
  constructor(fetcher: SchemaFetcher, limits: StoreLimits, clock: Clock, warn: (message: string) => void = () => {}) {
    this.#fetcher = fetcher;
    this.#limits = limits;
    this.#clock = clock;
    this.#warn = warn;
    this.#known = new RecentMap(limits.cachedSchemas, limits.cachedSchemaBytesMax, ({ schema }) => bytesOf(schema));
    this.#faults = new RecentMap(limits.cachedSchemas);
    this.#believedUntilMs = new RecentMap(limits.cachedSchemas);
    this.#stale = new RecentMap(limits.cachedSchemas);
  }

  /**
   * Rejects with registry.* when the registry cannot be asked, with guest.closed when its client is closed. A renewal is answered with what is known
   * then, or a fault of that code.
   */
  get(wish: StoreWish): Promise<SchemaAnswer> {
    const key = keyOf(wish);
    if (isRenewal(wish)) return this.#doubted(wish, key);
    const known = this.#known.get(key);
    if (known !== undefined) {
      if (known.freshUntilMs > this.#clock.nowMs()) return Promise.resolve(this.#answer(known));
      // Whoever asks does not wait; how it ends is told by #learn and #keep.
      this.#fetch(wish, key).catch(() => undefined);
      return Promise.resolve(this.#answer(known));
    }
    const fault = this.#faults.get(key);
    if (fault !== undefined && fault.freshUntilMs > this.#clock.nowMs()) return Promise.resolve(this.#answer(fault));
    return this.#fetch(wish, key);
  }

  /**
   * As get, and asks the registry whatever is known: whoever starts or deploys may have registered another schema a moment ago. What is
   * known is the answer where the registry has none.
   */
  async renew(wish: StoreWish): Promise<SchemaAnswer> {
    const key = keyOf(wish);
    // What is under way may have been asked before that.
    await this.#underWay.get(key)?.catch(() => undefined);
    return this.#fetch(wish, key);
  }

  async #doubted(wish: StoreWish, key: string): Promise<SchemaAnswer> {
    if (this.#clock.nowMs() >= (this.#believedUntilMs.get(key) ?? 0)) {
      try {
        const isInTime = await within(this.#clock, RENEWAL_WAIT_MS, this.#fetch(wish, key));
        if (!isInTime) this.#believe(key, STALE_RETRY_MS);
      } catch (thrown) {
        if (!(thrown instanceof StreamlineError) || !thrown.code.startsWith('registry.')) throw thrown;
      }
    }
    const known = this.#known.get(key);
    const believedForMs = (this.#believedUntilMs.get(key) ?? 0) - this.#clock.nowMs();
    return { ...(known === undefined ? NOTHING_NEWER : this.#answer(known)), believedForMs };
  }

  #believe(key: string, forMs: number): void {
    this.#believedUntilMs.set(key, this.#clock.nowMs() + forMs);
  }

  #fetch(wish: StoreWish, key: string): Promise<SchemaAnswer> {
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const beganMs = this.#clock.nowMs();
    const fetch = this.#turnstile
      .pass(() => this.#ask(wish))
      .then(
        (schema) => {
          if (isLatest(wish)) {
            const tookMs = this.#clock.nowMs() - beganMs;
            this.#believe(key, Math.max(BELIEVED_MS, BELIEVED_PER_WAIT * tookMs));
          }
          return this.#learn(wish, key, schema);
        },
        (error: unknown) => {
          if (isLatest(wish)) this.#believe(key, STALE_RETRY_MS);
          return this.#fail(wish, key, error);
        },
      )
      .finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, fetch);
    return fetch;
  }

  #ask(wish: StoreWish): Promise<RegisteredSchema> {
    switch (wish.by) {
      case 'id':
        return this.#fetcher.schema(wish.id);
      case 'subject':
        return this.#fetcher.subject(wish.subject, wish.version);
      case 'file':
        return this.#askForFile(wish.subject, wish.file);
    }
  }

  async #askForFile(subject: string, { schema, autoRegister }: FileSchema): Promise<RegisteredSchema> {
    const id = autoRegister
      ? await this.#fetcher.register(subject, schema)
      : (await this.#fetcher.registered(subject, schema))?.id;
    if (id !== undefined) return { id, type: schema.type, text: schema.text, references: [] };
    throw new StreamlineError('schema.not_registered', `subject ${subject} does not have the schema of schema_file`, {
      suggestion: 'Register it, or write `auto_register: true`.',
    });
  }

  #learn(wish: StoreWish, key: string, schema: RegisteredSchema): SchemaAnswer {
    const ttlMs = isLatest(wish) ? this.#limits.subjectTtlMs : Infinity;
    const known: Known = { schema, freshUntilMs: this.#clock.nowMs() + ttlMs };
    this.#known.set(key, known);
    this.#faults.delete(key);
    if (this.#stale.get(key) !== undefined) {
      this.#stale.delete(key);
      this.#warn(`${wishKey(wish)} can be looked up again: it is schema id ${schema.id}`);
    }
    return this.#answer(known);
  }

  #fail(wish: StoreWish, key: string, error: unknown): SchemaAnswer {
    const known = this.#known.get(key);
    if (known !== undefined) return this.#keep(wish, key, known, toStreamlineError(error));
    if (!(error instanceof StreamlineError) || !error.code.startsWith('schema.')) throw error;
    const answer: Fault = { fault: error, freshUntilMs: this.#clock.nowMs() + this.#limits.unknownTtlMs };
    this.#faults.set(key, answer);
    return this.#answer(answer);
  }

  /** A subject that was deleted, a registry that is down: what was there goes on being it. */
  #keep(wish: StoreWish, key: string, known: Known, error: StreamlineError): SchemaAnswer {
    const pauseMs = Math.min(this.#limits.subjectTtlMs, STALE_RETRY_MS);
    const freshUntilMs = Math.max(known.freshUntilMs, this.#clock.nowMs() + pauseMs);
    this.#known.set(key, { ...known, freshUntilMs });
    if (this.#stale.get(key) !== error.code && error.code !== 'guest.closed') {
      this.#stale.set(key, error.code);
      const name = wishKey(wish);
      this.#warn(
        `${name} cannot be looked up, schema id ${known.schema.id} stays in use: ${error.message} [${error.code}]`,
      );
    }
    return this.#answer(known);
  }

  #answer(entry: Known | Fault): SchemaAnswer {
    const leftMs = entry.freshUntilMs - this.#clock.nowMs();
    const fresh = leftMs === Infinity ? {} : { freshForMs: leftMs > 0 ? leftMs : STALE_ASK_MS };
    if ('schema' in entry) return { schema: entry.schema, ...fresh };
    const { code, message } = entry.fault;
    return { fault: { code, message }, ...fresh };
  }
}

function keyOf(wish: StoreWish): string {
  if (wish.by !== 'file') return wishKey(wish);
  const { schema, autoRegister } = wish.file;
  const digest = createHash('sha256').update(schema.text).digest('hex');
  return `${wishKey(wish)}:${schema.type}:${digest}:${autoRegister}`;
}

function bytesOf({ text, references }: RegisteredSchema): number {
  return references.reduce((sum, reference) => sum + Buffer.byteLength(reference.text), Buffer.byteLength(text));
}

function isLatest(wish: StoreWish): boolean {
  return wish.by === 'subject' && wish.version === 'latest';
}
