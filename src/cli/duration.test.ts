import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, parseDurationMs, parseMomentMs } from './duration.ts';

void test('durations: units, sums of them, bare seconds; anything else is none', () => {
  const known = {
    '500ms': 500,
    '60s': 60_000,
    '1m30s': 90_000,
    '2h': 7_200_000,
    '1.5s': 1500,
    '60': 60_000,
    '0.2': 200,
    '0s': 0,
    '1d': 86_400_000,
  };
  for (const [text, ms] of Object.entries(known)) assert.equal(parseDurationMs(text), ms, text);
  for (const text of ['', 's', '-1s', '1 s', '1x', '1s2', 'soon', '1e3', '25d', 'Infinity'])
    assert.equal(parseDurationMs(text), undefined, text);
});

void test('durations for a person', () => {
  const known: readonly (readonly [number, string])[] = [
    [Number.NaN, '0s'],
    [-5, '0s'],
    [0, '0s'],
    [200, '200ms'],
    [999.9, '999ms'],
    [12_000, '12s'],
    [60_000, '1m'],
    [250_000, '4m 10s'],
    [3_600_000 + 59_000, '1h'],
    [183_600_000, '2d 3h'],
  ];
  for (const [ms, text] of known) assert.equal(formatDuration(ms), text, String(ms));
});

void test('moments: ago, milliseconds, a date-time with a zone; without a zone it is none', () => {
  const now = 1_800_000_000_000;
  assert.equal(parseMomentMs('10m', now), now - 600_000);
  assert.equal(parseMomentMs('-1h', now), now - 3_600_000);
  assert.equal(parseMomentMs('@1767225600000', now), 1_767_225_600_000);
  assert.equal(parseMomentMs('1767225600000', now), 1_767_225_600_000);
  assert.equal(parseMomentMs('2026-01-01T00:00:00Z', now), 1_767_225_600_000);
  assert.equal(parseMomentMs('@2026-01-01T01:00:00+01:00', now), 1_767_225_600_000);
  assert.equal(parseMomentMs('2026-01-01', now), 1_767_225_600_000);
  for (const text of ['', '10', 'yesterday', '2026-01-01T00:00:00', '2026-13-01', '@x'])
    assert.equal(parseMomentMs(text, now), undefined, text);
});
