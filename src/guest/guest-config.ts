import type { RecordFormats } from '../codec/record-formats.ts';
import type { PayloadAbi } from '../spec/transformation-config.ts';

/** What a guest thread needs to know of one transform. Structured-cloneable. */
export interface GuestConfig {
  readonly transform: string;
  readonly inputTopic: string;
  /** `builtin:NAME`, or undefined for a compiled module. */
  readonly builtin: string | undefined;
  readonly payload: PayloadAbi;
  readonly configJson: string;
  readonly timeoutMs: number;
  readonly tombstones: 'forward' | 'transform' | 'drop';
  /** Output partition: by key, or the input's number. */
  readonly partition: 'key' | 'input';
  /** undefined: keys and values are bytes on both sides. */
  readonly formats?: RecordFormats | undefined;
  readonly limits: GuestLimits;
}

export interface GuestLimits {
  /** Largest output (framed: with key) a guest may return for one record. */
  readonly outputBytesMax: number;
  /** Outputs that one record may have. */
  readonly outputsMax: number;
  /** Budget of `_initialize` and `init`, as timeout_ms is of a record. */
  readonly initTimeoutMs: number;
  /** Guest log lines per second and transform; more are counted and dropped. */
  readonly logLinesPerSecond: number;
  readonly logLineBytesMax: number;
}
