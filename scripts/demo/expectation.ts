import { StreamlineError } from '../../src/base/error.ts';
import type { ErrorCode } from '../../src/base/error-code.ts';
import type { FedRecord } from './record.ts';

/** What has to become of an event. Worked out from the event alone, by text: not by the code under test. */
export type Expectation =
  | { readonly kind: 'output'; readonly topic: string; readonly value: string | null }
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
    default:
      throw new StreamlineError('bug.assertion', `the demo expects nothing of ${transform}`);
  }
}

/** The email addresses, phone numbers and social security numbers of an event, as text without escapes. */
export function personalValues(value: string): string[] {
  return [...value.matchAll(PERSONAL)].map((match) => String(JSON.parse(match[2] ?? '""')));
}
