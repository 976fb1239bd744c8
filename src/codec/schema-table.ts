import type { ErrorCode } from '../base/error-code.ts';
import { StreamlineError } from '../base/error.ts';
import { AvroCodec, type AvroOptions, type AvroReader } from './avro/avro-codec.ts';
import { JsonSchema } from './json-schema.ts';
import { Misfit } from './misfit.ts';
import { SchemaNeeded } from './schema-needed.ts';
import {
  isRenewal,
  wishKey,
  type RegisteredSchema,
  type SchemaAnswer,
  type SchemaFault,
  type SchemaWish,
} from './schema.ts';

type Side = 'input' | 'output';

/** A schema in this thread, compiled when it is first used. What is wrong with it is each record's failure that needs it. */
export class KnownSchema {
  readonly id: number;
  readonly #schema: RegisteredSchema;
  readonly #options: Readonly<Record<Side, AvroOptions>>;
  readonly #avro: Partial<Record<Side, AvroCodec | SchemaFault>> = {};
  #json: JsonSchema | SchemaFault | undefined;
  #readers = new Map<AvroCodec, AvroReader | SchemaFault>();

  constructor(schema: RegisteredSchema, options: Readonly<Record<Side, AvroOptions>>) {
    this.id = schema.id;
    this.#schema = schema;
    this.#options = options;
  }

  get textCharacters(): number {
    const { text, references } = this.#schema;
    return references.reduce((sum, reference) => sum + reference.text.length, text.length);
  }

  /** Throws Misfit schema.*. */
  avro(side: Side): AvroCodec {
    this.#assertType('AVRO');
    return orMisfit((this.#avro[side] ??= attempt(() => AvroCodec.compile(this.#schema, this.#options[side]))));
  }

  /** Throws Misfit schema.*. */
  json(): JsonSchema {
    this.#assertType('JSON');
    const { text, references } = this.#schema;
    return orMisfit((this.#json ??= attempt(() => JsonSchema.compile(text, references))));
  }

  /** What was written with this schema, read as another. Throws Misfit schema.*. */
  readAs(reader: AvroCodec): AvroReader {
    let known = this.#readers.get(reader);
    if (known === undefined) {
      known = attempt(() => reader.readerOf(this.avro('input')));
      // One for a reader that has changed meanwhile is of no use any more.
      this.#readers = new Map([[reader, known]]);
    }
    return orMisfit(known);
  }

  get name(): string {
    if (this.#schema.type === 'AVRO') return this.avro('input').name;
    return this.#schema.type === 'JSON' ? this.json().name : '';
  }

  #assertType(wanted: 'AVRO' | 'JSON'): void {
    const { type, id } = this.#schema;
    if (type === wanted) return;
    throw new Misfit('schema.unsupported', `schema ${id} is ${TYPE_NAMES[type]}: ${INSTEAD[type]}`);
  }
}

const TYPE_NAMES = { AVRO: 'Avro', JSON: 'a JSON Schema', PROTOBUF: 'Protobuf' } as const;
const INSTEAD = {
  AVRO: 'its values are for format: avro',
  JSON: 'its values are for format: json',
  PROTOBUF: 'Protobuf is not supported yet, use format: bytes',
} as const;

function attempt<T>(make: () => T): T | SchemaFault {
  try {
    return make();
  } catch (thrown) {
    if (thrown instanceof StreamlineError || thrown instanceof Misfit)
      return { code: thrown.code, message: thrown.message };
    throw thrown;
  }
}

function orMisfit<T extends object>(made: T | SchemaFault): T {
  if ('code' in made && 'message' in made) throw new Misfit(made.code as Misfit['code'], made.message as string);
  return made as T;
}

/** What another schema of the same subject may have nothing against. */
const OF_SCHEMA: ReadonlySet<ErrorCode> = new Set([
  'record.schema_mismatch',
  'schema.incompatible',
  'schema.unsupported',
  'schema.invalid',
]);

/** An answer is believed for the batch, or the record, that asked, and one that is being looked after is not asked for again with every batch. */
const FRESH_MS_MIN = 100;

/**
 * Of all schemas of a thread together. Compiled, a schema takes about fifty times its text (33 to 89 KB for 10 to 30 fields), and the
 * thread's heap is bounded: see RESOURCE_LIMITS of the guest's slot.
 */
const TEXT_CHARACTERS_MAX = 4 * 1024 * 1024;

/** However large: one record may need as many, and they must not push each other out. */
const NEWEST_KEPT = 8;

interface Entry {
  readonly known: KnownSchema | SchemaFault;
  /** On the clock of the table's caller. */
  readonly staleAtMs: number;
  /** A misfit is not put down to its age before; on the clock of `triedMs`. */
  readonly doubtedFromMs: number;
}

/** The schemas a guest thread has. */
export class SchemaTable {
  readonly #options: Readonly<Record<Side, AvroOptions>>;
  readonly #schemasMax: number;
  /** Oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #pinned = new Set<string>();
  /** Set by whoever runs batches, before each. */
  nowMs = 0;
  /** Since when the record at hand is tried; set before each, and before `supply`: how long a record takes does not make a schema older. */
  triedMs = 0;

  constructor(options: Readonly<Record<Side, AvroOptions>>, schemasMax: number) {
    this.#options = options;
    this.#schemasMax = schemasMax;
  }

  /** Throws SchemaNeeded, or Misfit when the registry has no such schema. */
  find(wish: SchemaWish): KnownSchema {
    const entry = this.#entries.get(wishKey(wish));
    // A subject's latest that has grown old serves until there is another; that there is nothing is not believed for long.
    if (entry === undefined || (isFault(entry.known) && entry.staleAtMs <= this.nowMs)) throw new SchemaNeeded(wish);
    if (isFault(entry.known)) throw new Misfit(entry.known.code, entry.known.message);
    return entry.known;
  }

  has(wish: SchemaWish): boolean {
    const entry = this.#entries.get(wishKey(wish));
    return entry !== undefined && !(isFault(entry.known) && entry.staleAtMs <= this.nowMs);
  }

  /** As supply, for what is there from the start and cannot be asked for again, or is in use all the time: it stays. */
  pin(wish: SchemaWish, answer: SchemaAnswer): void {
    this.#pinned.add(wishKey(wish));
    this.supply(wish, answer);
  }

  /**
   * What is to be thrown in place of what was thrown while the schema of `wish` was used. A record that does not fit a subject's latest may fit one
   * that came since: a misfit is believed of a latest that was asked for a moment ago.
   */
  judged(wish: SchemaWish, thrown: unknown): unknown {
    if (wish.by !== 'subject' || !(thrown instanceof Misfit) || !OF_SCHEMA.has(thrown.code)) return thrown;
    const entry = this.#entries.get(wishKey(wish));
    const mayBeOld = entry !== undefined && !isFault(entry.known) && entry.staleAtMs !== Infinity;
    return mayBeOld && entry.doubtedFromMs <= this.triedMs ? new SchemaNeeded({ ...wish, renews: true }) : thrown;
  }

  /** Takes in what was asked for. */
  supply(wish: SchemaWish, answer: SchemaAnswer): void {
    const key = wishKey(wish);
    const before = this.#entries.get(key);
    const isRenewed = isRenewal(wish);
    const doubtedFromMs = isRenewed
      ? this.triedMs + Math.max(answer.believedForMs ?? 0, FRESH_MS_MIN)
      : (before?.doubtedFromMs ?? 0);
    if (isRenewed && 'fault' in answer) {
      // Whatever is the matter with the registry, the schema that is here serves, and the record is judged by it.
      if (before !== undefined) this.#entries.set(key, { ...before, doubtedFromMs });
      return;
    }
    this.#entries.delete(key);
    const freshForMs = answer.freshForMs ?? Infinity;
    const staleAtMs = this.nowMs + Math.max(freshForMs, FRESH_MS_MIN);
    if ('fault' in answer) {
      // What served and is gone now goes on serving: its id stays valid.
      const known = before === undefined || isFault(before.known) ? answer.fault : before.known;
      this.#entries.set(key, { known, staleAtMs, doubtedFromMs });
    } else {
      const isSame = before !== undefined && !isFault(before.known) && before.known.id === answer.schema.id;
      this.#entries.set(key, {
        known: isSame ? before.known : new KnownSchema(answer.schema, this.#options),
        staleAtMs,
        doubtedFromMs,
      });
    }
    this.#evict();
  }

  /** What was compiled first goes first, ids before subjects: each record may have another id, and all have the same few subjects. */
  #evict(): void {
    const weigh = ({ known }: Entry): number => (isFault(known) ? 0 : known.textCharacters);
    let characters = [...this.#entries.values()].reduce((sum, entry) => sum + weigh(entry), 0);
    const isFull = (): boolean => this.#entries.size > this.#schemasMax || characters > TEXT_CHARACTERS_MAX;
    if (!isFull()) return;
    const keys = [...this.#entries.keys()].slice(0, -NEWEST_KEPT);
    const free = keys.filter((key) => !this.#pinned.has(key));
    for (const key of [...free.filter(isId), ...free.filter((other) => !isId(other))]) {
      if (!isFull()) return;
      const entry = this.#entries.get(key);
      characters -= entry === undefined ? 0 : weigh(entry);
      this.#entries.delete(key);
    }
  }

  /** Whether the answer may be another by now. */
  isStale(wish: SchemaWish): boolean {
    const entry = this.#entries.get(wishKey(wish));
    return entry !== undefined && entry.staleAtMs <= this.nowMs;
  }
}

function isId(key: string): boolean {
  return key.startsWith('#');
}

function isFault(known: KnownSchema | SchemaFault): known is SchemaFault {
  return !(known instanceof KnownSchema);
}
