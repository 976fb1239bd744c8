import assert from 'node:assert/strict';
import { test } from 'node:test';
import { METRIC_LABELS, METRICS, PROCESS_METRICS, type MetricDefinition } from './metric-names.ts';

/*
 * https://prometheus.io/docs/practices/naming/
 */

const all: readonly MetricDefinition[] = Object.values(METRICS);

test('names are of one kind: prefix, lower case, the unit, _total for counters alone', () => {
  for (const { name, type, unit } of all) {
    assert.match(name, /^streamline_[a-z]+(?:_[a-z]+)*$/, name);
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    // What a histogram adds, and what would be taken for it.
    assert.doesNotMatch(name, /_(?:bucket|sum|count)$/, name);
    // Base units: https://prometheus.io/docs/practices/naming/#base-units
    assert.doesNotMatch(
      name,
      /_(?:ms|milliseconds?|us|microseconds|nanoseconds|minutes|hours|kb|mb|kilobytes|percent)(?:_|$)/,
    );
    if (unit !== 'none') assert.ok(name.split('_').includes(unit), `${name} does not say ${unit}`);
    else assert.doesNotMatch(name, /_(?:seconds|bytes|units)(?:_|$)/, `${name} has a unit`);
    if (unit === 'seconds' || unit === 'bytes') assert.ok(name.replace(/_total$/, '').endsWith(`_${unit}`), name);
    if (name.endsWith('_info')) assert.equal(type, 'gauge', name);
  }
  assert.equal(new Set(all.map(({ name }) => name)).size, all.length, 'each name once');
});

test('each has a sentence of help, and labels that are explained', () => {
  const used = new Set<string>();
  for (const { name, help, labels } of all) {
    assert.match(help, /^\S.*[^ ]$/s, name);
    assert.ok(help.length > 10 && !help.includes('\n'), name);
    for (const label of labels) used.add(label);
    assert.equal(new Set(labels).size, labels.length, name);
    assert.equal(name.startsWith('streamline_transform_'), labels[0] === 'transform', name);
    // prom-client's own.
    assert.ok(!labels.some((label) => ['le', 'quantile'].includes(label)), name);
  }
  assert.deepEqual([...used].toSorted(), Object.keys(METRIC_LABELS).toSorted(), 'a label nobody uses');
});

test('bounds ascend, belong to histograms, and those of times tell a p99 from 100 µs to 10 s', () => {
  for (const { name, type, unit, bounds = [] } of all) {
    assert.equal(bounds.length > 0, type === 'histogram', name);
    assert.deepEqual(
      bounds,
      bounds.toSorted((a, b) => a - b),
      name,
    );
    if (unit !== 'seconds' || bounds.length === 0) continue;
    const within = bounds.filter((bound) => bound >= 1e-4 && bound <= 10);
    assert.deepEqual([within[0], within.at(-1)], [1e-4, 10], name);
    for (const [i, bound] of within.entries()) assert.ok(i === 0 || bound <= 2.5 * (within[i - 1] ?? 0) * 1.001, name);
  }
});

test('what the process tells of itself has names of its own', () => {
  for (const name of PROCESS_METRICS) assert.doesNotMatch(name, /^streamline_/);
});
