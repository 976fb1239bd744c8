import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DASHBOARDS } from '../monitoring/dashboards/dashboards.ts';
import { filledIn, queriesOf } from '../monitoring/dashboards/queries.ts';
import { promtoolTest, runPromtool, type PrometheusTools } from './prometheus/prometheus-tools.ts';

/* What is handed to Prometheus and Grafana, seen by Prometheus' own parser. */

const FOLDER = join(dirname(import.meta.dirname), 'monitoring', 'prometheus');

async function passes(tools: PrometheusTools, args: readonly string[]): Promise<string> {
  const { ok, output } = await runPromtool(tools, args);
  assert.ok(ok, output);
  return output;
}

promtoolTest('the alert rules and the configuration are taken', async (tools) => {
  assert.match(await passes(tools, ['check', 'rules', join(FOLDER, 'alerts.yml')]), /SUCCESS: \d\d rules found/);
  // Not whether the token is there: that is for where it runs.
  await passes(tools, ['check', 'config', '--syntax-only', join(FOLDER, 'prometheus.yml')]);
});

promtoolTest('each alert fires when it should, and does not when it should not', async (tools) => {
  await passes(tools, ['test', 'rules', join(FOLDER, 'alerts.test.yml')]);
});

promtoolTest('each query of the dashboards is PromQL that can be computed', async (tools, t) => {
  const folder = mkdtempSync(join(tmpdir(), 'streamline-promtool-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const check = async (queries: readonly { place: string; expression: string }[]): Promise<string> => {
    const rules = queries.map(({ expression }, i) => ({ record: `query:${i}`, expr: expression }));
    const file = join(folder, 'queries.yml');
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }));
    return passes(tools, ['check', 'rules', '--lint=none', file]);
  };
  const chosen = { transform: 'mask', instance: '.*', rangeSeconds: 60 };
  const queries = Object.values(DASHBOARDS)
    .flatMap(queriesOf)
    .map(({ place, expression }) => ({ place, expression: filledIn(expression, chosen) }));
  assert.match(await check(queries), new RegExp(`SUCCESS: ${queries.length} rules found`));
  // A grammar alone does not see this: the check can fail.
  await assert.rejects(check([{ place: 'none', expression: 'rate(up)' }]), /expected type range vector/);
});
