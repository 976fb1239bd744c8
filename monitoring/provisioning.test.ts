import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';

const read = (file: string): unknown => parse(readFileSync(join(import.meta.dirname, file), 'utf8'));

/** What the four files must agree on, or Grafana comes up empty. */
test('Grafana is told of one Prometheus, by default, as often as it scrapes', () => {
  const { apiVersion, datasources } = read('grafana/provisioning/datasources/prometheus.yml') as {
    apiVersion: number;
    datasources: { type: string; isDefault: boolean; url: string; jsonData: { timeInterval: string } }[];
  };
  const { global } = read('prometheus/prometheus.yml') as { global: { scrape_interval: string } };
  assert.equal(apiVersion, 1);
  assert.equal(datasources.length, 1);
  const [source] = datasources;
  assert.equal(source?.type, 'prometheus');
  assert.equal(source?.isDefault, true);
  assert.equal(new URL(source?.url ?? '').port, '9090');
  assert.equal(source?.jsonData.timeInterval, global.scrape_interval);
});

test('Grafana is told of one folder of dashboards', () => {
  const { apiVersion, providers } = read('grafana/provisioning/dashboards/streamline.yml') as {
    apiVersion: number;
    providers: { type: string; options: { path: string } }[];
  };
  assert.equal(apiVersion, 1);
  assert.deepEqual(
    providers.map(({ type, options }) => [type, options.path]),
    [['file', '/etc/grafana/dashboards']],
  );
});

test('the sidecars are scraped as the job that the alert rules know', () => {
  const { scrape_configs: jobs, rule_files: rules } = read('prometheus/prometheus.yml') as {
    scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
    rule_files: string[];
  };
  assert.deepEqual(rules, ['alerts.yml']);
  assert.deepEqual(
    jobs.map(({ job_name: name }) => name),
    ['streamline'],
  );
});
