import type { StartOffset } from './transformation-config.ts';

/** As JSON Schema and editors see it; parseStartOffset has the last word. */
export const START_PATTERN = /^(?:latest|earliest|@.+|[+-][0-9]+)$/;

const TIMESTAMP_MS_MAX = 8_640_000_000_000_000; // ECMA-262, the range of Date
const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:[Tt](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2}))?$/;

/** `latest | earliest | @ms | @ISO date-time | +n | -n`, as written in the file: YAML drops the sign of +5. */
export function parseStartOffset(text: string): StartOffset | { readonly suggestion: string } {
  if (text === 'latest' || text === 'earliest') return { at: text };
  if (text.startsWith('@')) return parseTimestamp(text.slice(1));
  if (/^[+-][0-9]{1,16}$/.test(text)) {
    const records = Number(text);
    if (!Number.isSafeInteger(records)) return { suggestion: 'Write a smaller number.' };
    // Nothing after the earliest, nothing before the latest.
    if (records === 0) return { at: text.startsWith('+') ? 'earliest' : 'latest' };
    return { at: 'relative', records };
  }
  if (/^[0-9]{1,9}$/.test(text))
    return { suggestion: `Write +${text} (records after the earliest) or -${text} (records before the latest).` };
  if (/^[0-9]{10,}$/.test(text) || ISO.test(text)) return { suggestion: `For a time write \`start: "@${text}"\`.` };
  return { suggestion: 'Write latest, earliest, "@1767225600000", "@2026-01-01T00:00:00Z", +n or -n.' };
}

function parseTimestamp(text: string): StartOffset | { readonly suggestion: string } {
  if (/^[0-9]{1,16}$/.test(text)) {
    const timestampMs = Number(text);
    return timestampMs > TIMESTAMP_MS_MAX
      ? { suggestion: 'Write milliseconds since 1970.' }
      : { at: 'timestamp', timestampMs };
  }
  const parts = ISO.exec(text);
  if (parts === null) {
    // Without a zone the same spec would begin elsewhere on another machine.
    const zoneless = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}/.test(text);
    return {
      suggestion: zoneless
        ? 'Write T between date and time, and a zone: "@2026-01-31T12:00:00Z".'
        : 'Write "@" and milliseconds since 1970 or a date-time: "@2026-01-31T12:00:00Z".',
    };
  }
  const [year, month, day] = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  const timestampMs = Date.parse(text.toUpperCase());
  // Date.parse takes the 30th of February for the 2nd of March.
  if (Number.isNaN(timestampMs) || day > new Date(Date.UTC(year, month, 0)).getUTCDate())
    return { suggestion: 'There is no such date or time: check month, day, hour and zone.' };
  if (timestampMs < 0) return { suggestion: 'Kafka has no timestamps before 1970.' };
  return { at: 'timestamp', timestampMs };
}
