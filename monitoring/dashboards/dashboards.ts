import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { deadLetters } from './dead-letters.ts';
import { overview } from './overview.ts';
import { runtime } from './runtime.ts';
import { transform } from './transform.ts';

/** File in monitoring/grafana/dashboards → what it holds. */
export const DASHBOARDS: Readonly<Record<string, Dashboard>> = {
  'overview.json': overview(),
  'transform.json': transform(),
  'dead-letters.json': deadLetters(),
  'runtime.json': runtime(),
};

export function dashboardText(dashboard: Dashboard): string {
  return `${JSON.stringify(dashboard, undefined, 2)}\n`;
}
