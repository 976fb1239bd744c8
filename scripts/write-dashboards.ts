import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DASHBOARDS, dashboardText } from '../monitoring/dashboards/dashboards.ts';

// Run after a change of monitoring/dashboards/: node scripts/write-dashboards.ts
const folder = join(import.meta.dirname, '../monitoring/grafana/dashboards');
mkdirSync(folder, { recursive: true });
for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
  writeFileSync(join(folder, name), dashboardText(dashboard));
  console.log(`monitoring/grafana/dashboards/${name}`);
}
