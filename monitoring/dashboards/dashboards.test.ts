import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Dashboard, GridPos } from '@grafana/grafana-foundation-sdk/dashboard';
import { unknownIn } from '../known-metrics.ts';
import { parsePromql } from '../promql.ts';
import { DASHBOARDS, dashboardText } from './dashboards.ts';
import { filledIn, panelsOf, queriesOf } from './queries.ts';

const FOLDER = join(import.meta.dirname, '..', 'grafana', 'dashboards');
const GRID_WIDTH = 24;
const CHOSEN = { transform: 'mask', instance: '.*', rangeSeconds: 60 };

test('the files of monitoring/grafana/dashboards are what is written here', () => {
  assert.deepEqual(readdirSync(FOLDER).toSorted(), Object.keys(DASHBOARDS).toSorted());
  for (const [file, dashboard] of Object.entries(DASHBOARDS)) {
    assert.equal(
      readFileSync(join(FOLDER, file), 'utf8'),
      dashboardText(dashboard),
      `${file} is old: run node scripts/write-dashboards.ts`,
    );
  }
});

test('dashboards are told apart by uid and title', () => {
  const all = Object.values(DASHBOARDS);
  assert.equal(new Set(all.map(({ uid }) => uid)).size, all.length);
  assert.equal(new Set(all.map(({ title }) => title)).size, all.length);
  // Grafana takes 40 characters at most.
  for (const { uid = '' } of all) assert.match(uid, /^[a-z-]{8,40}$/);
});

for (const [file, dashboard] of Object.entries(DASHBOARDS)) describe(file, () => checks(dashboard));

function checks(dashboard: Dashboard): void {
  const panels = panelsOf(dashboard);

  test('is one that Grafana provisions: a schema version, no id of some database', () => {
    assert.ok(dashboard.schemaVersion >= 39);
    assert.equal(dashboard.id, undefined);
    assert.ok((dashboard.description ?? '').length > 20);
  });

  test('each panel has an id of its own, a place of its own, and is told about', () => {
    const ids = (dashboard.panels ?? []).map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    const taken = new Map<string, string>();
    for (const { title = '', gridPos } of dashboard.panels ?? []) {
      assert.ok(gridPos !== undefined, title);
      assert.ok(gridPos.x >= 0 && gridPos.x + gridPos.w <= GRID_WIDTH, `${title} is off the grid`);
      for (const cell of cellsOf(gridPos)) {
        assert.equal(taken.get(cell), undefined, `${title} lies on ${taken.get(cell)}`);
        taken.set(cell, title);
      }
    }
    for (const { title = '', description = '', fieldConfig, targets = [] } of panels) {
      assert.ok(description.length > 15, `${title} is not described`);
      assert.ok(fieldConfig?.defaults.unit !== undefined, `${title} has no unit`);
      assert.ok(targets.length > 0, `${title} asks for nothing`);
    }
  });

  test('each row of panels is full', () => {
    const widths = new Map<number, number>();
    for (const { gridPos } of panels) {
      if (gridPos !== undefined) widths.set(gridPos.y, (widths.get(gridPos.y) ?? 0) + gridPos.w);
    }
    for (const [y, width] of widths) assert.equal(width, GRID_WIDTH, `at ${y}`);
  });

  test('everything is asked of the Prometheus that is chosen', () => {
    const [source, ...others] = dashboard.templating.list ?? [];
    assert.deepEqual([source?.name, source?.type, source?.query], ['datasource', 'datasource', 'prometheus']);
    const chosen = { type: 'prometheus', uid: '${datasource}' };
    for (const variable of others) assert.deepEqual(variable.datasource, chosen, variable.name);
    for (const panel of panels) {
      assert.deepEqual(panel.datasource, chosen, panel.title);
      for (const target of panel.targets ?? []) {
        assert.deepEqual((target as { datasource?: object }).datasource, chosen, panel.title);
      }
    }
  });

  test('each variable in a query is one that the dashboard has, and each is used', () => {
    const names = (dashboard.templating.list ?? []).map(({ name }) => name).filter((name) => name !== 'datasource');
    const used = new Set<string>();
    for (const { place, expression } of queriesOf(dashboard)) {
      for (const [, name = ''] of expression.matchAll(/\$(?!__)(\w+)/g)) {
        assert.ok(names.includes(name), `${place} asks for $${name}`);
        used.add(name);
      }
    }
    assert.deepEqual([...used].toSorted(), names.toSorted());
  });

  test('each query asks for metrics, labels and values that are exported', () => {
    for (const { place, expression } of queriesOf(dashboard)) {
      assert.deepEqual(unknownIn(filledIn(expression, CHOSEN)), [], `${place}: ${expression}`);
    }
    for (const { name, definition = '' } of dashboard.templating.list ?? []) {
      if (name === 'datasource') continue;
      const [, query = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(definition) ?? [];
      assert.deepEqual(unknownIn(`sum by (${label}) (${filledIn(query, CHOSEN)})`), [], definition);
    }
  });

  test('each series has a legend of labels that the query keeps', () => {
    for (const { title = '', type, targets = [] } of panels) {
      const legends = queriesOf({ ...dashboard, panels: [{ type, title, targets }] });
      for (const { place, expression, legend } of type === 'table' ? [] : legends) {
        assert.ok(legend !== undefined && legend !== '', `${place} has no legend`);
        const labels = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
        const { groupings } = parsePromql(filledIn(expression, CHOSEN));
        for (const label of labels) assert.ok(groupings.includes(label), `${place} has no ${label}: ${expression}`);
      }
    }
  });

  test('a link to another dashboard leads to one', () => {
    const uids = Object.values(DASHBOARDS).map(({ uid }) => uid);
    for (const [, uid = ''] of JSON.stringify(dashboard).matchAll(/"\/d\/([\w-]+)\?/g))
      assert.ok(uids.includes(uid), uid);
  });
}

function cellsOf({ x, y, w, h }: GridPos): string[] {
  return Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`);
}
