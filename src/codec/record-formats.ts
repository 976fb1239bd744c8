import type { JsonEncoding } from './avro/json-leaf.ts';
import type { SchemaAnswer, SchemaWish } from './schema.ts';

export type PartFormat = 'bytes' | 'json' | 'avro';

/** Whose schema an output is written with. */
export interface SubjectRule {
  /** One subject for all, or made of the topic that a record goes to. */
  readonly strategy: 'fixed' | 'topic' | 'record' | 'topic_record';
  /** fixed: the subject. record, topic_record: the record's full name. topic: empty. */
  readonly name: string;
  /** topic: `-value` or `-key`. */
  readonly suffix: string;
  /** Of the subject; `file`: the schema is the spec's own, registered there. */
  readonly version: number | 'latest' | 'file';
}

/** What a guest thread needs to know of a transform's formats. Structured-cloneable. */
export interface RecordFormats {
  readonly input: {
    readonly value: PartFormat;
    readonly key: PartFormat;
    readonly json: JsonEncoding;
    /** The schema values are read as, when it is not the one they were written with. */
    readonly reader: SchemaWish | undefined;
  };
  readonly output: {
    readonly value: PartFormat;
    readonly key: PartFormat;
    readonly json: JsonEncoding;
    readonly unknownFields: 'fail' | 'drop';
    /** undefined: nothing is registered, as for plain JSON. */
    readonly valueSubject: SubjectRule | undefined;
    readonly keySubject: SubjectRule | undefined;
    /** What DEFAULT_TOPIC stands for. */
    readonly topic: string | undefined;
  };
  /** Schemas a thread keeps. */
  readonly schemasMax: number;
  /** limits.avro_items */
  readonly itemsMax: number;
  /** Known before the first record: compiled while the guest is made. */
  readonly schemas: readonly FirstSchema[];
}

export interface FirstSchema {
  /** Of outputs, or what input values are read as. */
  readonly part: 'value' | 'key' | 'reader';
  readonly wish: SchemaWish;
  readonly answer: SchemaAnswer;
}

/** The subject of a record that goes to `topic`. */
export function subjectFor(rule: SubjectRule, topic: string): string {
  switch (rule.strategy) {
    case 'fixed':
    case 'record':
      return rule.name;
    case 'topic':
      return `${topic}${rule.suffix}`;
    case 'topic_record':
      return `${topic}-${rule.name}`;
  }
}

/** How that schema is asked for. */
export function wishFor(rule: SubjectRule, topic: string): SchemaWish {
  const subject = subjectFor(rule, topic);
  return rule.version === 'file' ? { by: 'file', subject } : { by: 'subject', subject, version: rule.version };
}
