/**
 * Realistic events, the same ones for the same seed: `node examples/data/generate.ts TOPIC [--count 20] [--seed 1]`
 * prints some as JSON lines, as they are in the sample files beside this one.
 */
import { parseArgs } from 'node:util';
import { seededRng } from '../../src/base/rng.ts';
import { apiLog, deviceEvent, order, rawEvent } from './events.ts';
import { picker, type Pick } from './pick.ts';

export const SAMPLE_TOPICS = ['raw-events', 'orders', 'api-logs', 'device-events'] as const;
export type SampleTopic = (typeof SAMPLE_TOPICS)[number];

/**
 * What the specs of the demo make of a record: transformed comes out changed or routed; forwarded is a tombstone that comes out
 * as it is; dead_letter cannot be transformed.
 */
export type Fate = 'transformed' | 'forwarded' | 'dead_letter';

export interface SampleRecord {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string])[];
  readonly timestampMs: number;
  readonly fate: Fate;
  /** What is special about it; `plain` for most. */
  readonly kind: 'plain' | 'tombstone' | 'malformed' | 'incomplete' | 'spin' | 'trap';
}

/** Records in a thousand that are not plain. */
export interface Mix {
  readonly tombstone: number;
  readonly malformed: number;
  /** JSON, but without a field the transform needs. Raw events need none. */
  readonly incomplete: number;
  /** Device events only: makes the guest fragile.wasm loop or trap. */
  readonly spin: number;
  readonly trap: number;
  readonly nullKey: number;
  readonly headers: number;
}

export const DEFAULT_MIX: Mix = {
  tombstone: 10,
  malformed: 10,
  incomplete: 5,
  spin: 3,
  trap: 5,
  nullKey: 50,
  headers: 300,
};

/** For a look at a few: odd ones are frequent. */
export const SAMPLE_MIX: Mix = {
  tombstone: 80,
  malformed: 120,
  incomplete: 80,
  spin: 80,
  trap: 80,
  nullKey: 150,
  headers: 400,
};

/** 2026-03-01T00:00:00Z: samples do not depend on the day they are made. */
const EPOCH_MS = 1_772_323_200_000;

/** `count` records for a topic; a pure function of its arguments. */
export function* generate(
  topic: SampleTopic,
  seed: number,
  count: number,
  mix: Mix = DEFAULT_MIX,
): Generator<SampleRecord> {
  // Topics of one seed must not go through the same draws.
  const pick = picker(seededRng((seed + 1) * 1_000_003 + SAMPLE_TOPICS.indexOf(topic) * 7_919));
  for (let i = 0; i < count; i += 1) {
    const timestampMs = EPOCH_MS + i * 40 + pick.int(0, 39);
    const kind = kindOf(topic, pick, mix);
    yield {
      key: pick.perMille(mix.nullKey) ? null : keyOf(topic, pick),
      value: valueOf(topic, kind, pick, i, timestampMs),
      headers: pick.perMille(mix.headers) ? headersOf(pick) : [],
      timestampMs,
      fate: fateOf(topic, kind),
      kind,
    };
  }
}

function fateOf(topic: SampleTopic, kind: SampleRecord['kind']): Fate {
  if (kind === 'plain') return 'transformed';
  // The order's spec has no output topic but the one route() names, and a tombstone names none.
  return kind === 'tombstone' && topic !== 'orders' ? 'forwarded' : 'dead_letter';
}

function kindOf(topic: SampleTopic, pick: Pick, mix: Mix): SampleRecord['kind'] {
  const poison = topic === 'device-events';
  const shares: readonly (readonly [SampleRecord['kind'], number])[] = [
    ['tombstone', mix.tombstone],
    ['malformed', mix.malformed],
    ['incomplete', topic === 'orders' || topic === 'api-logs' ? mix.incomplete : 0],
    ['spin', poison ? mix.spin : 0],
    ['trap', poison ? mix.trap : 0],
  ];
  let at = pick.int(0, 999);
  for (const [kind, share] of shares) {
    if (at < share) return kind;
    at -= share;
  }
  return 'plain';
}

const KEY_PREFIX: Readonly<Record<SampleTopic, string>> = {
  'raw-events': 'user-',
  orders: 'customer-',
  'api-logs': 'client-',
  'device-events': 'device-',
};

function keyOf(topic: SampleTopic, pick: Pick): string {
  return `${KEY_PREFIX[topic]}${String(pick.int(1, 500))}`;
}

function headersOf(pick: Pick): (readonly [string, string])[] {
  const trace = `00-${pick.hex(32)}-${pick.hex(16)}-01`;
  const tenant = pick.of(['acme', 'globex', 'société-générale']);
  return [
    ['traceparent', trace],
    ['tenant', tenant],
  ];
}

function valueOf(
  topic: SampleTopic,
  kind: SampleRecord['kind'],
  pick: Pick,
  index: number,
  timestampMs: number,
): string | null {
  if (kind === 'tombstone') return null;
  const whole = wholeValue(topic, kind, pick, index, timestampMs);
  return kind === 'malformed' ? broken(whole, pick) : whole;
}

function wholeValue(
  topic: SampleTopic,
  kind: SampleRecord['kind'],
  pick: Pick,
  index: number,
  timestampMs: number,
): string {
  const complete = kind !== 'incomplete';
  switch (topic) {
    case 'raw-events':
      return rawEvent(pick, index, timestampMs);
    case 'orders':
      return order(pick, index, timestampMs, complete);
    case 'api-logs':
      return apiLog(pick, index, timestampMs, complete);
    case 'device-events':
      return deviceEvent(pick, index, timestampMs, kind === 'spin' || kind === 'trap' ? kind : undefined);
  }
}

/** Ways in which real pipelines break JSON. */
function broken(text: string, pick: Pick): string {
  return pick.of([
    text.slice(0, pick.int(1, text.length - 2)),
    text.replaceAll('"', "'"),
    `${text.slice(0, -1)},}`,
    `not json at all: ${text}`,
    '',
  ]);
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { count: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' } },
    allowPositionals: true,
  });
  const topic = SAMPLE_TOPICS.find((name) => name === positionals[0]);
  if (topic === undefined) {
    console.error(`usage: node examples/data/generate.ts ${SAMPLE_TOPICS.join('|')} [--count N] [--seed N]`);
    process.exitCode = 2;
  } else {
    const records = generate(topic, Number(values.seed), Number(values.count), SAMPLE_MIX);
    for (const record of records) console.log(JSON.stringify(record));
  }
}
