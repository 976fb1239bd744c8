import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStartOffset } from './start-offset.ts';

test('every form of input.start', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['latest', { at: 'latest' }],
    ['earliest', { at: 'earliest' }],
    ['+5', { at: 'relative', records: 5 }],
    ['-5', { at: 'relative', records: -5 }],
    ['+0', { at: 'earliest' }],
    ['-0', { at: 'latest' }],
    ['@0', { at: 'timestamp', timestampMs: 0 }],
    ['@1767225600000', { at: 'timestamp', timestampMs: 1_767_225_600_000 }],
    ['@2026-01-01T00:00:00Z', { at: 'timestamp', timestampMs: 1_767_225_600_000 }],
    ['@2026-01-01t00:00:00.000z', { at: 'timestamp', timestampMs: 1_767_225_600_000 }],
    ['@2026-01-01T02:00+02:00', { at: 'timestamp', timestampMs: 1_767_225_600_000 }],
    ['@2026-01-01', { at: 'timestamp', timestampMs: 1_767_225_600_000 }],
    ['@2024-02-29', { at: 'timestamp', timestampMs: Date.UTC(2024, 1, 29) }],
  ];
  for (const [text, expected] of cases) assert.deepEqual(parseStartOffset(text), expected, text);
});

test('what is no start says what to write', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['5', /\+5 .* or -5/],
    ['1767225600000', /"@1767225600000"/],
    ['2026-01-01', /"@2026-01-01"/],
    ['@2026-01-01T00:00:00', /zone/],
    ['@2026-01-01 00:00:00Z', /Write T/],
    ['@2026-02-30', /no such date/],
    ['@2026-13-01', /no such date/],
    ['@2026-01-01T25:00Z', /no such date/],
    ['@1969-12-31T23:59:59Z', /before 1970/],
    ['@99999999999999999', /milliseconds/],
    ['@9999999999999999', /milliseconds/],
    ['@-5', /milliseconds/],
    ['@', /milliseconds/],
    ['+9999999999999999', /smaller/],
    ['newest', /latest, earliest/],
    ['', /latest, earliest/],
    ['+1.5', /latest, earliest/],
  ];
  for (const [text, says] of cases) {
    const outcome = parseStartOffset(text);
    assert.ok('suggestion' in outcome, text);
    assert.match(outcome.suggestion, says, text);
  }
});
