/** Runs a transform in Node, for unit tests: no WebAssembly, and nothing to build. */
import type { Transform } from './index.js';

export interface Given {
  readonly key?: Uint8Array | string | null;
  /** Left out or null: a tombstone. */
  readonly value?: Uint8Array | string | null;
  readonly headers?: readonly { readonly name: string; readonly value?: Uint8Array | string | null }[];
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: bigint;
  /** Left out: the record has no timestamp. */
  readonly timestampMs?: number;
}

/** What is UTF-8 is shown as text. */
export interface Shown {
  /** null: the spec's `output_topic`. */
  readonly topic: string | null;
  readonly key: Uint8Array | string | null;
  readonly value: Uint8Array | string | null;
  /** Those of the input, too, where the output has none of its own. */
  readonly headers: readonly { readonly name: string; readonly value: Uint8Array | string | null }[];
}

/** One instance of a transform. */
export class Trial {
  /** Throws Failure with the message when `init` refuses the config. */
  constructor(definition: Transform, config?: unknown);
  /** What becomes of a record, or of one that is nothing but this value. None: it is dropped. Throws Failure when it fails. */
  run(given: Given | string): Shown[];
  readonly log: { readonly level: string; readonly message: string }[];
  readonly counters: Map<string, number>;
  readonly gauges: Map<string, number>;
  /** What the host's clock shows; 0 unless set. */
  nowMs: number;
}
