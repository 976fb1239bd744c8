import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unknownIn } from './known-metrics.ts';
import { parsePromql } from './promql.ts';

test('a query says which metrics, labels and values it asks for, in whatever way', () => {
  const query =
    'sum by (transform, le) (rate(streamline_a_bucket{transform=~"x|y", code!="z"}[5m])) / on (instance) group_left (version) b > 2 unless c';
  assert.deepEqual(parsePromql(query), {
    selectors: [
      {
        metric: 'streamline_a_bucket',
        matchers: [
          { label: 'transform', value: 'x|y', isPattern: true },
          { label: 'code', value: 'z', isPattern: false },
        ],
        rangeFunction: 'rate',
      },
      { metric: 'b', matchers: [], rangeFunction: undefined },
      { metric: 'c', matchers: [], rangeFunction: undefined },
    ],
    groupings: ['transform', 'le', 'instance', 'version'],
  });
});

test('what is no PromQL is refused', () => {
  for (const query of ['sum by (a (b)', 'rate(a[5m]', 'a{b=}', 'a b', '', 'sum(']) {
    assert.throws(() => parsePromql(query), SyntaxError, query);
  }
});

const mistakes: Readonly<Record<string, RegExp>> = {
  streamline_transform_lag: /no metric is named streamline_transform_lag/,
  'streamline_transform_lag_records{topic="a"}': /streamline_transform_lag_records has no label topic/,
  'sum by (code) (streamline_transform_lag_records)': /nothing in it has the label code/,
  streamline_transform_execution_latency_seconds: /no metric is named/,
  'rate(streamline_transform_lag_records[5m])': /rate of streamline_transform_lag_records, which is no counter/,
  'increase(nodejs_eventloop_lag_p99_seconds[5m])': /which is no counter/,
  'sum by (le) (rate(streamline_transform_execution_latency_seconds_sum[5m]))': /nothing in it has the label le/,
  'streamline_transform_state{state=~"RUNNING|FALIED"}': /state of streamline_transform_state is never FALIED/,
  'streamline_transform_records_total{outcome!="dead_letter"}': /outcome of .* is never dead_letter/,
  'vector(1)': /asks for no metric/,
};

for (const [query, problem] of Object.entries(mistakes)) {
  test(`found out: ${query}`, () => assert.match(unknownIn(query).join('\n'), problem));
}

test('what is right is let pass', () => {
  for (const query of [
    'histogram_quantile(0.9, sum by (transform, le) (rate(streamline_transform_fuel_units_bucket{instance="a"}[5m])))',
    'streamline_transform_state{state=~"RUNNING|FAILED"}',
    'streamline_transform_records_total{outcome!="dead_lettered",transform=~"a.+"}',
    'up{job="streamline"} == 0',
    'time() - max by (instance) (process_start_time_seconds)',
  ]) {
    assert.deepEqual(unknownIn(query), [], query);
  }
});
