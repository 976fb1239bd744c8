/** A transform for a Kafka sidecar, in JavaScript. */

/** A record as it was read. */
export interface Record {
  /** null: the record has none. */
  readonly key: Uint8Array | null;
  /** null: a tombstone, shown only where the spec says `input.tombstones: transform`. */
  readonly value: Uint8Array | null;
  /** All of them in their order; a name may come more than once, a value may be null. */
  readonly headers: readonly Header[];
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Milliseconds since 1970; null when the record has no timestamp. */
  readonly timestampMs: number | null;
  /** The last header of that name; undefined when there is none. */
  header(name: string): Uint8Array | null | undefined;
  /** The value as text. Fails the record when it is no UTF-8, or a tombstone. */
  text(): string;
  /** The value as JSON. Fails the record when it is none. Numbers are those of JavaScript: beyond 2^53 they are not exact. */
  json(): unknown;
}

export interface Header {
  readonly name: string;
  readonly value: Uint8Array | null;
}

/** A record to write. What is left out is the input's; null is none; text is written as UTF-8. */
export interface Output {
  /** Left out: the spec's `output_topic`. */
  readonly topic?: string;
  readonly key?: Uint8Array | string | null;
  /** null: a tombstone. */
  readonly value?: Uint8Array | string | null;
  /** Left out: those of the input. An empty list: none. */
  readonly headers?: readonly { readonly name: string; readonly value?: Uint8Array | string | null }[];
}

/** What a transform may call outside of itself. */
export interface Host {
  /** A line in the transform's log; limited in lines a second and bytes a line. */
  log(level: 'trace' | 'debug' | 'info' | 'warn' | 'error', message: string): void;
  /**
   * Adds to a counter of the transform's own, 1 by default. Names are `[a-z_][a-z0-9_]*`, at most 64 bytes and 64 of them; another
   * name, a negative amount or one that is no finite number fails the record.
   */
  metricAdd(name: string, amount?: number): void;
  /** Sets a gauge of the transform's own. */
  metricSet(name: string, value: number): void;
  /** Milliseconds since 1970, by the machine's clock. */
  nowMs(): number;
}

export interface Transform {
  /**
   * Called once on a fresh instance, before any record, with the spec's `config`, `{}` when there is none. What it throws refuses the
   * deploy, with its message. Without `init` any config is refused.
   */
  init?(config: { readonly [name: string]: unknown }, host: Host): void;
  /** Called before `transform`: false drops the record. */
  filter?(record: Record, host: Host): boolean;
  /**
   * What the record becomes: the record itself (it goes on as it came), an output, several in their order, or `drop`. What it throws
   * fails the record: a `Failure` with its message and `retry`, anything else as a bug, with its place.
   */
  transform(record: Record, host: Host): Record | Output | readonly Output[];
}

/** Checks that a transform has what it needs and nothing else. Throws TypeError. */
export function defineTransform(transform: Transform): Transform;

/** What `transform` answers to drop the record. */
export const drop: readonly Output[];

/** Thrown: fails the record, and nothing else. */
export class Failure extends Error {
  /** @param message goes into the dead letter and the log: no secrets */
  constructor(message: string, options?: { readonly retry?: boolean; readonly cause?: unknown });
  /** Whether the same record may succeed when it is tried again (the spec's `errors.max_retries`). */
  readonly retry: boolean;
}

/** UTF-8 to text. Throws Failure, which calls it `what` ("the value"). */
export function decodeText(bytes: Uint8Array, what?: string): string;

/** Text to UTF-8. */
export function encodeText(text: string): Uint8Array;

/** JSON.parse whose Failure does not quote the text. */
export function parseJson(text: string, what?: string): unknown;

/**
 * Changes string values of a JSON text, at any depth, and leaves every other byte as it is: numbers of any length, spaces, escapes.
 * Names are not changed. Throws Failure when it is no JSON.
 *
 * @param change is given each string, and the names that lead to it: for each object and list it is in, outermost first, the field it
 *   stands at; for a list once more the field that holds it, undefined at the root. The names change with the next string.
 */
export function mapJsonStrings(
  json: string,
  change: (text: string, names: readonly (string | undefined)[]) => string,
): string;
