import type { TransformTally } from './ledger.ts';
import type { MetricsPage } from './metrics-page.ts';

/** Where the sidecar's own counts differ from what lies in the topics; one line each. */
export function disagreements(tallies: readonly TransformTally[], page: MetricsPage): string[] {
  return tallies.flatMap(({ name, output, deadLettered, foreignOutput, foreignDeadLettered }) => {
    const said = page.outcomes(name);
    const found: Readonly<Record<string, readonly [said: number, is: number]>> = {
      'as output': [said.output, output + foreignOutput],
      'as dead-lettered': [said.deadLettered, deadLettered + foreignDeadLettered],
      'as filtered': [said.filtered, 0],
      'as skipped': [said.skipped, 0],
      'as returned': [said.returned, 0],
      'in flight': [said.inFlight, 0],
      'unaccounted for': [said.unaccounted, 0],
    };
    return Object.entries(found)
      .filter(([, [metric, is]]) => metric !== is)
      .map(([what, [metric, is]]) => `metrics: ${name} shows ${metric} records ${what}, and it is ${is}`);
  });
}
