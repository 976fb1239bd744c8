import type { ErrorCode } from '../base/error-code.ts';

/* What a cases file says: records to put in, and what is to become of them. */

/** A key or a value as it is written in the file. */
export type WrittenPart =
  | { readonly as: 'null' }
  /** Byte for byte; JSON where the format is avro. */
  | { readonly as: 'text'; readonly text: string }
  /** JSON text, digits as in the file. */
  | { readonly as: 'json'; readonly text: string }
  /** From `base64`: as it is on the topic, a schema's id included. */
  | { readonly as: 'bytes'; readonly bytes: Buffer };

/** Headers in order; a name may be there more than once. */
export type WrittenHeaders = readonly { readonly name: string; readonly value: Buffer | null }[];

export interface InputRecord {
  readonly key: WrittenPart;
  readonly value: WrittenPart;
  readonly headers: WrittenHeaders;
  readonly partition: number;
  /** undefined: its place among the case's records. */
  readonly offset: number | undefined;
  /** -1: none. */
  readonly timestampMs: number;
}

/** What is not named is not compared. */
export interface ExpectedOutput {
  readonly topic: string | undefined;
  readonly key: WrittenPart | undefined;
  readonly value: { readonly match: 'exact' | 'contains'; readonly part: WrittenPart } | undefined;
  /** All of them, whatever their order. */
  readonly headers: WrittenHeaders | undefined;
}

export interface ExpectedError {
  readonly code: ErrorCode;
  /** Of a chain, from 1. */
  readonly stage: number | undefined;
  readonly messageContains: string | undefined;
}

export interface TestCase {
  readonly name: string;
  /** `mask-pii.test.yaml:3:5` */
  readonly place: string;
  readonly input: readonly InputRecord[];
  /** Of all inputs together, in order. Both empty: every record is dropped. */
  readonly outputs: readonly ExpectedOutput[];
  readonly errors: readonly ExpectedError[];
}

export interface CasesFile {
  /** Subjects and the files of their schemas, relative to the cases file. */
  readonly schemas: Readonly<Record<string, string>>;
  readonly cases: readonly TestCase[];
}
