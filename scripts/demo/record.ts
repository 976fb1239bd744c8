import type { SampleRecord } from '../../examples/data/generate.ts';

/** On every event of the demo, and so on everything made of it: which run it is of, and which event of it. */
export const RUN_HEADER = 'demo.run';
export const EVENT_HEADER = 'demo.event';

export interface Header {
  readonly name: string;
  readonly value: string;
}

/** An event as it was produced. */
export interface FedRecord {
  readonly transform: string;
  readonly sequence: number;
  readonly sample: SampleRecord;
}

/** A record as it lies in an output or dead-letter topic. */
export interface ReadRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  /** As text; of Avro, the JSON of what is in it. */
  readonly value: string | null;
  readonly headers: readonly Header[];
}

/** `mask-pii#17`. */
export function eventId({ transform, sequence }: Pick<FedRecord, 'transform' | 'sequence'>): string {
  return `${transform}#${String(sequence)}`;
}

export function headerOf(record: ReadRecord, name: string): string | undefined {
  return record.headers.find((header) => header.name === name)?.value;
}
