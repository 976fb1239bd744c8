import assert from 'node:assert/strict';
import { AvroCodec, type AvroOptions } from '../avro/avro-codec.ts';
import { Misfit } from '../misfit.ts';
import type { ReferencedSchema } from '../schema.ts';

const OPTIONS: AvroOptions = { json: 'plain', unknownFields: 'fail', itemsMax: 1000 };

export function codecOf(
  schema: unknown,
  options: Partial<AvroOptions> = {},
  references: readonly ReferencedSchema[] = [],
): AvroCodec {
  return codecOfText(JSON.stringify(schema), options, references);
}

export function codecOfText(
  text: string,
  options: Partial<AvroOptions> = {},
  references: readonly ReferencedSchema[] = [],
): AvroCodec {
  return AvroCodec.compile({ text, references }, { ...OPTIONS, ...options });
}

/** The Avro binary of a JSON text. */
export function encoded(codec: AvroCodec, json: string): Buffer {
  const target = {
    bytes: Buffer.alloc(0),
    grow(bytesMin: number): void {
      this.bytes = Buffer.concat([this.bytes, Buffer.alloc(bytesMin - this.bytes.length)]);
    },
  };
  const end = codec.encode(json, target, 0);
  assert.equal(end, target.bytes.length, 'grows by what is missing, and fills it');
  return target.bytes.subarray(0, end);
}

/** JSON to binary and back. */
export function roundTrip(codec: AvroCodec, json: string): string {
  return codec.toJson(encoded(codec, json));
}

/** What `run` fails with; a failure that is no Misfit is a bug. */
export function misfitOf(run: () => unknown): Misfit {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof Misfit) return thrown;
    throw thrown;
  }
  return assert.fail('it was taken');
}

/** What a JSON text is refused with: `$.path: reason`. */
export function refusal(codec: AvroCodec, json: string): string {
  const misfit = misfitOf(() => encoded(codec, json));
  assert.equal(misfit.code, 'record.schema_mismatch');
  return misfit.describe();
}

/** What bytes are refused with. */
export function malformed(codec: Pick<AvroCodec, 'toJson'>, bytes: Buffer | readonly number[]): string {
  const misfit = misfitOf(() => codec.toJson(Buffer.from(bytes)));
  assert.equal(misfit.code, 'record.malformed');
  return misfit.describe();
}

/** Zigzag and 7 bits a byte, by BigInts: as the specification says it. */
export function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  for (let zigzag = value >= 0n ? 2n * value : -2n * value - 1n; ; zigzag /= 128n) {
    if (zigzag < 128n) return Buffer.from([...bytes, Number(zigzag)]);
    bytes.push(Number(zigzag % 128n) + 128);
  }
}

/** Runs within a bound: a hostile record may cost a moment, never more. */
export function within(boundMs: number, run: () => void): void {
  const startedAt = performance.now();
  run();
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs < boundMs, `took ${Math.round(tookMs)} ms, more than ${boundMs}`);
}
