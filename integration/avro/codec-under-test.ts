import { StreamlineError } from '../../src/base/error.ts';
import { AvroCodec, type AvroOptions } from '../../src/codec/avro/avro-codec.ts';
import { Misfit } from '../../src/codec/misfit.ts';

const ITEMS_MAX = 100_000;
const FIRST_BYTES = 64;

export const AVRO_JSON: AvroOptions = { json: 'avro_json', unknownFields: 'fail', itemsMax: ITEMS_MAX };
export const PLAIN: AvroOptions = { json: 'plain', unknownFields: 'fail', itemsMax: ITEMS_MAX };

/** The last text is the schema, those before it are its references. */
export function compile(texts: readonly string[], options: AvroOptions): AvroCodec | Error {
  const references = texts.slice(0, -1).map((text, i) => ({ name: `reference-${i}`, text }));
  return orError(() => AvroCodec.compile({ text: texts.at(-1) ?? '', references }, options));
}

export function encode(codec: AvroCodec, json: string): Buffer | Error {
  let bytes = Buffer.alloc(FIRST_BYTES);
  const target = {
    get bytes() {
      return bytes;
    },
    grow: (bytesMin: number) => {
      bytes = Buffer.concat([bytes], bytesMin);
    },
  };
  return orError(() => {
    const end = codec.encode(json, target, 0);
    return bytes.subarray(0, end);
  });
}

/** A result, or the error of ours that says why there is none. Whatever else is thrown is a bug. */
export function orError<T>(act: () => T): T | Error {
  try {
    return act();
  } catch (thrown) {
    if (thrown instanceof Misfit || thrown instanceof StreamlineError) return thrown;
    throw thrown;
  }
}
