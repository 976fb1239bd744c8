import { dirname } from 'node:path';
import { runChecks } from './checks.ts';

const results = await runChecks(dirname(import.meta.dirname), ({ name, ok, output, durationMs }) => {
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${(durationMs / 1000).toFixed(1)} s)`);
  if (!ok) console.log(output);
});
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
