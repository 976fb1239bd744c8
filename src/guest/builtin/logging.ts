import { RECORD } from '../../pipeline/packed-batch.ts';
import type { GuestConfig } from '../guest-config.ts';
import type { BatchContext, Guest } from '../guest.ts';
import type { LogBuffer } from '../host-functions/log-buffer.ts';
import { PassThrough } from './pass-through.ts';

const KEY_BYTES_SHOWN = 64;

/**
 * `builtin:logging`: one info line per record with partition, offset, timestamp, sizes and the beginning of the key, then the
 * record as it is. Never the value or the headers: those are where the secrets are. Lines beyond the transform's rate
 * limit are counted, not written.
 */
export class Logging implements Guest {
  readonly #log: LogBuffer;
  readonly #pass: PassThrough;

  constructor(config: GuestConfig, log: LogBuffer) {
    this.#log = log;
    this.#pass = new PassThrough(config);
  }

  run(batch: BatchContext, at: number, recordIndex: number): boolean {
    if (this.#log.admit()) this.#log.addText('info', summary(batch, at));
    return this.#pass.run(batch, at, recordIndex);
  }
}

function summary(batch: BatchContext, at: number): string {
  const { reader } = batch;
  const keyLength = reader.keyLength(at);
  const valueLength = reader.valueLength(at);
  const keyStart = at + RECORD.key;
  const shown = batch.input.bytes.toString(
    'utf8',
    keyStart,
    keyStart + Math.min(Math.max(0, keyLength), KEY_BYTES_SHOWN),
  );
  const key = keyLength < 0 ? 'null' : `${JSON.stringify(shown)}${keyLength > KEY_BYTES_SHOWN ? '…' : ''}`;
  return [
    `record partition=${String(reader.partition(at))}`,
    `offset=${String(reader.offset(at))}`,
    `timestamp=${String(reader.timestampMs(at))}`,
    `key=${key}`,
    `value_bytes=${valueLength < 0 ? 'null' : String(valueLength)}`,
    `headers_bytes=${String(reader.headersLength(at))}`,
  ].join(' ');
}
