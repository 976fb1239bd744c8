import assert from 'node:assert/strict';
import { clusterTest } from '../testcontainers.config.ts';
import { LoadUnavailable } from './reloads/arrivals.ts';
import { QUICK, runReloads } from './reloads/reload-run.ts';

clusterTest(
  'a transform is changed in every way, well and badly, under 20,000 records/s: nothing lost, nothing twice, order kept, no rebalance (I2, I3, I10)',
  async ({ bootstrap }, t) => {
    const run = runReloads(bootstrap, { ...QUICK, progress: (line) => t.diagnostic(line) });
    const report = await run.catch((thrown: unknown) => {
      // Under CI=true a test that cannot run is a failed test.
      if (!(thrown instanceof LoadUnavailable) || process.env['CI'] === 'true') throw thrown;
      return thrown.message;
    });
    if (typeof report === 'string') {
      t.skip(report);
      return;
    }
    const { records, p99, noticedMsMax, generation } = report;
    t.diagnostic(JSON.stringify({ records, p99, noticedMsMax, generation }));
    assert.deepEqual(report.violations, []);
  },
  { timeoutMs: 180_000 },
);
