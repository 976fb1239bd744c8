import { StreamlineError } from '../base/error.ts';
import { Misfit } from '../codec/misfit.ts';
import { PartReader, PartWriter } from '../codec/part-codec.ts';
import type { RecordFormats } from '../codec/record-formats.ts';
import { SchemaNeeded } from '../codec/schema-needed.ts';
import { SchemaTable } from '../codec/schema-table.ts';
import { wishKey, type SchemaWish } from '../codec/schema.ts';
import type { LocalSchemas } from './local-schemas.ts';

type Side = 'input' | 'output';
type Part = 'key' | 'value';

/** Avro as a person reads and writes it: JSON to what stands on a topic, and back. */
export class AvroLens {
  readonly #formats: RecordFormats;
  readonly #schemas: LocalSchemas;
  /** With the JSON of either side. */
  readonly #tables: Readonly<Record<Side, SchemaTable>>;

  constructor(formats: RecordFormats, schemas: LocalSchemas) {
    const { input, output, itemsMax, schemasMax } = formats;
    const table = (json: typeof input.json): SchemaTable => {
      const options = { json, unknownFields: 'fail', itemsMax } as const;
      return new SchemaTable({ input: options, output: options }, schemasMax);
    };
    this.#formats = formats;
    this.#schemas = schemas;
    this.#tables = { input: table(input.json), output: table(output.json) };
  }

  isAvro(side: Side, part: Part): boolean {
    return this.#formats[side][part] === 'avro';
  }

  /** JSON, framed with the schema of a subject. Throws StreamlineError with the code of what does not fit. */
  encode(json: string, subject: string): Buffer {
    const target = {
      bytes: Buffer.alloc(1024),
      grow(bytesMin: number) {
        const larger = Buffer.alloc(Math.max(bytesMin, this.bytes.length * 2));
        this.bytes.copy(larger);
        this.bytes = larger;
      },
    };
    const wish: SchemaWish = { by: 'subject', subject, version: 'latest' };
    const writer = new PartWriter('avro', this.#tables.input);
    const end = this.#with('input', () => writer.write(Buffer.from(json, 'utf8'), wish, target, 0));
    return target.bytes.subarray(0, end);
  }

  /** The JSON of what is framed; undefined when it cannot be read. */
  decode(side: Side, framed: Uint8Array): string | undefined {
    const bytes = Buffer.from(framed);
    const reader = new PartReader('avro', this.#tables[side], undefined);
    try {
      const json = this.#with(side, () => reader.read(bytes, 0, bytes.length));
      return typeof json === 'string' ? json : undefined;
    } catch (thrown) {
      if (thrown instanceof StreamlineError) return undefined;
      throw thrown;
    }
  }

  /** What is needed is there, or it never comes: one answer each. */
  #with<T>(side: Side, work: () => T): T {
    const asked = new Set<string>();
    for (;;) {
      try {
        return work();
      } catch (thrown) {
        if (thrown instanceof Misfit) throw new StreamlineError(thrown.code, thrown.describe());
        if (!(thrown instanceof SchemaNeeded) || asked.has(wishKey(thrown.wish))) throw thrown;
        asked.add(wishKey(thrown.wish));
        this.#tables[side].supply(thrown.wish, this.#schemas.answer(thrown.wish));
      }
    }
  }
}
