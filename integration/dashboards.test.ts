import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { DASHBOARDS } from '../monitoring/dashboards/dashboards.ts';
import { filledIn, queriesOf } from '../monitoring/dashboards/queries.ts';
import { parsePromql } from '../monitoring/promql.ts';
import { clusterTest } from '../testcontainers.config.ts';
import { createTopic, eventually, produceAll, type RecordToProduce } from './cluster/client.ts';
import { recordValue } from './guests/verdicts.ts';
import { addressOf } from './harness/api.ts';
import { startSidecar } from './harness/sidecar.ts';
import { specText, uniqueName } from './harness/spec.ts';
import { Prometheus } from './prometheus/prometheus.ts';
import { toolsOrReason } from './prometheus/prometheus-tools.ts';

/* A real Prometheus scrapes a real sidecar: what the dashboards ask for is there, and what the alerts ask for is not. */

const RULES_FILE = join(dirname(import.meta.dirname), 'monitoring', 'prometheus', 'alerts.yml');
const SCRAPE_INTERVAL = '250ms';
/** Longer than the test: all there is counts. */
const RANGE_SECONDS = 120;
const DATA_MS_MAX = 30_000;

/** Queries that are right to have no data, by their place, and why. */
const EMPTY: Readonly<Record<string, string>> = {
  'Counters and gauges of the guest B': 'the guest sets no gauge',
  'Requests A': 'this sidecar has no schema registry',
  'Latency of a request A': 'this sidecar has no schema registry',
  'Latency of a request B': 'this sidecar has no schema registry',
};

/** Metrics of alert rules that are right to be missing, and why. */
const UNUSED: Readonly<Record<string, string>> = {
  streamline_schema_registry_requests_total: 'this sidecar has no schema registry',
};

interface Rule {
  readonly alert: string;
  readonly expr: string;
}

function rules(): readonly Rule[] {
  const { groups } = parse(readFileSync(RULES_FILE, 'utf8')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap((group) => group.rules);
}

/** Every tenth is a duplicate of the one before, which the guest drops. */
function records(count: number, order: string): RecordToProduce[] {
  return Array.from({ length: count }, (_, i) => ({
    key: `${order}${i % 10 === 9 ? i - 1 : i}`,
    value: recordValue(i % 10 === 5 ? order : '', i),
    partition: 0,
  }));
}

clusterTest(
  'no alert is near with a sidecar that is well; each panel has data once records have failed in each way',
  async ({ bootstrap }, t) => {
    const tools = await toolsOrReason();
    if (typeof tools === 'string') return t.skip(tools);
    // A chain with counters, and dead letters after a retry; and one that skips.
    const chain = uniqueName('chain');
    const skip = uniqueName('skip');
    for (const topic of [chain, skip]) {
      await createTopic(bootstrap, topic, 2);
      await produceAll(bootstrap, topic, records(200, ''));
    }
    const specOf = (name: string, fields: object): string =>
      specText({
        ...{ name, input_topic: name, output_topic: `${name}.out`, input: { start: 'earliest' } },
        ...fields,
      });
    const sidecar = await startSidecar(t, bootstrap, {
      specs: {
        'chain.yaml': specOf(chain, {
          transforms: [
            { wasm_module: 'transforms/dedup_in_memory.wasm', config: {} },
            { wasm_module: 'hostile/misbehave.wasm' },
          ],
          errors: { max_retries: 1, retry_backoff_ms: 10 },
        }),
        'skip.yaml': specOf(skip, { wasm_module: 'hostile/misbehave.wasm', errors: { on_failure: 'skip' } }),
      },
    });
    const prometheus = await Prometheus.start(t, tools, {
      global: { scrape_interval: SCRAPE_INTERVAL, evaluation_interval: SCRAPE_INTERVAL },
      rule_files: [RULES_FILE],
      scrape_configs: [{ job_name: 'streamline', static_configs: [{ targets: [new URL(addressOf(sidecar)).host] }] }],
    });

    const settled = async (count: number): Promise<void> => {
      for (const name of [chain, skip]) {
        await sidecar.settles(name, count);
        await eventually(async () => {
          const [sample] = await prometheus.query(
            `sum(streamline_transform_records_total{transform="${name}",outcome!="returned"})`,
          );
          assert.equal(sample?.value, count, `${name} as Prometheus has seen it`);
        }, DATA_MS_MAX);
      }
    };
    await settled(200);
    await eventually(async () => {
      const [target] = await prometheus.targets();
      assert.equal(target?.health, 'up', target?.lastError);
      for (const { name, health, lastError } of await prometheus.alertRules())
        assert.equal(health, 'ok', `${name}: ${lastError}`);
      for (const { alert, expr } of rules())
        assert.deepEqual(await prometheus.query(expr), [], `${alert} is true: ${expr}`);
      assert.deepEqual(await prometheus.alerts(), [], 'pending or firing');
    }, DATA_MS_MAX);
    assert.equal((await prometheus.alertRules()).length, rules().length, 'all rules are loaded');

    for (const topic of [chain, skip]) await produceAll(bootstrap, topic, records(100, 'trap'));
    await settled(300);
    for (const [file, dashboard] of Object.entries(DASHBOARDS)) {
      const transform = file === 'transform.json' ? chain : `${chain}|${skip}`;
      for (const { place, expression } of queriesOf(dashboard)) {
        const query = filledIn(expression, { transform, instance: '.*', rangeSeconds: RANGE_SECONDS });
        if (place in EMPTY) {
          assert.deepEqual(await prometheus.query(query), [], `${place} has data after all: ${query}`);
          continue;
        }
        await eventually(async () => {
          const samples = await prometheus.query(query);
          assert.ok(
            samples.some(({ value }) => !Number.isNaN(value)),
            `${file}, ${place} has no data: ${query}`,
          );
        }, DATA_MS_MAX);
      }
    }
    // The rules do see this sidecar: all they ask for is there, and one is on its way to fire.
    for (const { alert, expr } of rules()) {
      for (const { metric } of parsePromql(expr).selectors) {
        if (metric in UNUSED) continue;
        assert.ok((await prometheus.query(metric)).length > 0, `${alert} asks for ${metric}`);
      }
    }
    await eventually(async () => {
      const pending = (await prometheus.alerts()).map(({ labels }) => `${labels['alertname']} ${labels['transform']}`);
      for (const name of [chain, skip]) assert.ok(pending.includes(`StreamlineRecordsGivenUp ${name}`), pending.join());
    }, DATA_MS_MAX);
  },
  { timeoutMs: 180_000 },
);
