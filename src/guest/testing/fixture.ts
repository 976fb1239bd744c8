import { readFileSync } from 'node:fs';
import { inspectModule } from '../../catalog/inspect-module.ts';
import { meterModule } from '../../catalog/meter-module.ts';
import { FUEL_PER_MS, type PreparedModule } from '../../catalog/prepared-module.ts';
import { packBatch, readHeaders, type PackedBatch, type PlainRecord } from '../../pipeline/packed-batch.ts';
import {
  HEADERS_FROM_INPUT,
  KEY_FROM_INPUT,
  KIND_FAILED,
  KIND_FILTERED,
  DEFAULT_TOPIC,
  RESULT,
  ResultReader,
  VALUE_FROM_INPUT,
} from '../../pipeline/packed-results.ts';
import type { WorkResult } from '../../pipeline/ports.ts';
import type { GuestSource } from '../batch-runner.ts';
import type { GuestConfig, GuestLimits } from '../guest-config.ts';

/** chameleon.c: does what the first byte of a record's value says. */
export type Fixture = 'chameleon' | 'chameleon-alloc' | 'chameleon-lying-alloc';

const MAX_MEMORY_MB = 2;

/** A fixture as the catalog would hand it over. Without a meter, nothing but the wall clock stops it. */
function preparedFixture(name: Fixture, metered = true): PreparedModule {
  const bytes = readFileSync(new URL(`./${name}.wasm`, import.meta.url));
  const { facts, errors } = inspectModule(bytes);
  if (facts === undefined) throw new AggregateError(errors, `fixture ${name}`);
  const options = { maxMemoryPages: MAX_MEMORY_MB * 16, initialFuel: FUEL_PER_MS };
  const module = new WebAssembly.Module(metered ? meterModule(bytes, options) : bytes);
  return { facts, module, maxMemoryMb: MAX_MEMORY_MB };
}

type ConfigChanges = Partial<Omit<GuestConfig, 'limits'>> & { readonly limits?: Partial<GuestLimits> };

export function guestConfig(changes: ConfigChanges = {}): GuestConfig {
  return {
    transform: 'test',
    inputTopic: 'input',
    builtin: undefined,
    payload: 'framed',
    configJson: '{}',
    timeoutMs: 10,
    tombstones: 'forward',
    partition: 'key',
    ...changes,
    limits: {
      outputBytesMax: 256 * 1024,
      outputsMax: 10,
      initTimeoutMs: 100,
      logLinesPerSecond: 10,
      logLineBytesMax: 64,
      ...changes.limits,
    },
  };
}

export function fixtureSource(changes: ConfigChanges = {}, name: Fixture = 'chameleon', metered = true): GuestSource {
  return { config: guestConfig(changes), module: preparedFixture(name, metered) };
}

export type TestRecord = Partial<Omit<PlainRecord, 'key' | 'value'>> & {
  readonly key?: string | null;
  readonly value?: string | null;
};

export function batchOf(records: readonly (TestRecord | string)[]): PackedBatch {
  return packBatch(
    records.map((given, i) => {
      const record = typeof given === 'string' ? { value: given } : given;
      return {
        partition: 0,
        offset: 100 + i,
        timestampMs: 1_700_000_000_000 + i,
        headers: [],
        ...record,
        key: record.key === null || record.key === undefined ? null : Buffer.from(record.key),
        value: record.value === null ? null : Buffer.from(record.value ?? ''),
      };
    }),
  );
}

/** One entry as text: `= ` passed through, `! code` failed, `- ` filtered, else key and value written. */
export interface Outcome {
  readonly record: number;
  readonly kind: 'output' | 'filtered' | 'failed';
  readonly topic: string | undefined;
  readonly partition: number;
  /** `input` = the input's; undefined for kinds without a body. */
  readonly key?: string | null;
  readonly value?: string | null;
  readonly headers?: 'input' | 'own';
  /** Name and value, when they are its own. */
  readonly ownHeaders?: readonly (readonly [string, string | null])[] | undefined;
  readonly code?: string;
  readonly message?: string;
  readonly fuelUsed: number;
}

/** Every entry of every segment, in order. */
export function outcomes(result: WorkResult): Outcome[] {
  const reader = new ResultReader(result.buffer);
  const found: Outcome[] = [];
  for (const segment of result.segments) {
    for (let at = segment.startByte; at < segment.endByte; at = reader.next(at))
      found.push(outcome(reader, at, result));
  }
  return found;
}

function outcome(reader: ResultReader, at: number, result: WorkResult): Outcome {
  const kind = reader.kind(at);
  const base = { record: reader.recordIndex(at), partition: reader.partition(at), fuelUsed: reader.fuelUsed(at) };
  if (kind === KIND_FAILED) {
    const { code, message } = reader.failure(at);
    return { ...base, kind: 'failed', topic: undefined, code, message };
  }
  if (kind === KIND_FILTERED) return { ...base, kind: 'filtered', topic: undefined };
  const flags = reader.flags(at);
  const keyLength = reader.keyLength(at);
  const text = (start: number, length: number): string | null =>
    length < 0 ? null : Buffer.from(reader.bytes.slice(start, start + length)).toString('utf8');
  const topic = reader.topic(at);
  const own = (flags & HEADERS_FROM_INPUT) === 0;
  const headersAt = at + RESULT.key + Math.max(0, keyLength) + Math.max(0, reader.valueLength(at));
  return {
    ...base,
    kind: 'output',
    topic: topic === DEFAULT_TOPIC ? undefined : result.topics[topic],
    key: (flags & KEY_FROM_INPUT) !== 0 ? 'input' : text(at + RESULT.key, keyLength),
    value:
      (flags & VALUE_FROM_INPUT) !== 0
        ? 'input'
        : text(at + RESULT.key + Math.max(0, keyLength), reader.valueLength(at)),
    headers: own ? 'own' : 'input',
    ownHeaders: own
      ? readHeaders(reader.bytes, reader.view, headersAt, reader.headersLength(at)).map(({ name, value }) => [
          name,
          value === null ? null : Buffer.from(value).toString('utf8'),
        ])
      : undefined,
  };
}

/** What most tests compare: `code`, `filtered`, or the value. */
export function gist(result: WorkResult): string[] {
  return outcomes(result).map((found) => found.code ?? (found.kind === 'filtered' ? 'filtered' : String(found.value)));
}
