import { StreamlineError } from '../../src/base/error.ts';
import type { ErrorCode } from '../../src/base/error-code.ts';
import { AVRO } from './plan.ts';
import type { FedRecord } from './record.ts';

/** What has to become of an event. Worked out from the event alone: not by the code under test. */
export type Expectation =
  | {
      readonly kind: 'output';
      readonly topic: string;
      /** Of Avro, the JSON of what is in it. */
      readonly value: string | null;
    }
  | { readonly kind: 'dead_letter'; readonly code: ErrorCode };

const PERSONAL = /("(?:email|phone|ssn)":)("(?:[^"\\]|\\.)*")/g;
const MASK = '"***REDACTED***"';

export function expectationOf({ transform, sample }: FedRecord): Expectation {
  const { kind, value } = sample;
  if (kind === 'malformed' || kind === 'incomplete') return { kind: 'dead_letter', code: 'guest.failed' };
  if (kind === 'spin') return { kind: 'dead_letter', code: 'guest.out_of_fuel' };
  if (kind === 'trap') return { kind: 'dead_letter', code: 'guest.trap' };
  switch (transform) {
    case 'mask-pii':
      return { kind: 'output', topic: 'clean-events', value: value?.replace(PERSONAL, `$1${MASK}`) ?? null };
    case 'route-by-region': {
      // A tombstone has no region, and this spec no other topic.
      const region = /"region":"([a-z]+)"/.exec(value ?? '')?.[1];
      if (region === undefined) return { kind: 'dead_letter', code: 'route.missing' };
      return { kind: 'output', topic: `orders-${region}`, value };
    }
    case 'fragile-enrich': {
      const upper = value?.replace(/"device_id":"[^"]*"/, (field) => `"device_id"${field.slice(11).toUpperCase()}`);
      return { kind: 'output', topic: 'device-events-clean', value: upper ?? null };
    }
    case 'json-to-avro':
      return { kind: 'output', topic: AVRO.topic, value: value === null ? null : JSON.stringify(apiLogOf(value)) };
    default:
      throw new StreamlineError('bug.assertion', `the demo expects nothing of ${transform}`);
  }
}

/** The record of examples/data/api-log.avsc that a log line becomes, its fields in the schema's order. */
function apiLogOf(line: string): Readonly<Record<string, unknown>> {
  const { ts, req_id, method, path, status, latency_ms, bytes_out, ip, user, ua } = JSON.parse(line) as ApiLogLine;
  return {
    timestamp: Date.parse(ts),
    request_id: req_id,
    method: method.toUpperCase(),
    path,
    status,
    duration_ms: latency_ms,
    response_bytes: bytes_out,
    client_ip: ip,
    user_id: user,
    user_agent: ua,
  };
}

interface ApiLogLine {
  readonly ts: string;
  readonly req_id: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly latency_ms: number;
  readonly bytes_out: number;
  readonly ip: string;
  readonly user: string | null;
  readonly ua: string;
}

/** The email addresses, phone numbers and social security numbers of an event, as text without escapes. */
export function personalValues(value: string): string[] {
  return [...value.matchAll(PERSONAL)].map((match) => String(JSON.parse(match[2] ?? '""')));
}
