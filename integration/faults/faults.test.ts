import assert from 'node:assert/strict';
import { clusterTest } from '../../testcontainers.config.ts';
import { ADAPTERS, DELIVERIES, whyNot } from './availability.ts';
import { FAULT_CASES, runFaultCase } from './fault-case.ts';

/* A short selection of the fault suite, within three minutes in all; `npm run faults` is the whole of it. */

const SELECTION = {
  confluent: ['rounds_sigkill'],
  bridge: ['rounds_sigkill', 'crash_before_ack', 'zombie'],
} as const;

for (const adapter of ADAPTERS) {
  for (const delivery of DELIVERIES) {
    for (const name of SELECTION[adapter]) {
      clusterTest(
        `${name}, ${adapter}, ${delivery}: nothing lost, order kept, repeats as promised (I1, I2, I3, I4, I5, I8)`,
        async ({ bootstrap }, t) => {
          const reason = await whyNot(adapter, delivery);
          if (reason !== undefined) {
            t.skip(reason);
            return;
          }
          const one = FAULT_CASES.find((known) => known.name === name);
          assert.ok(one !== undefined);
          const report = await runFaultCase(bootstrap, one, { adapter, delivery, assignor: 'eager', quick: true });
          const { records, duplicates, tails, violations } = report;
          for (const tail of tails) t.diagnostic(tail);
          t.diagnostic(`${records} records, ${duplicates} repeats`);
          assert.deepEqual(violations, []);
        },
        { timeoutMs: 180_000 },
      );
    }
  }
}
