import type { Arrivals } from './arrivals.ts';
import type { Reload } from './live-transform.ts';

/** On each side of a switch. */
const SWITCH_MS = 250;
/** So long after a reload the records are as before. */
const CALM_MS = 500;

/** Of the monotonic clock. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** How long records took that were sent in one of the spans, which ascend and do not overlap; NaN when there was none. */
export function quantileMs({ sentMs, tookMs }: Arrivals, spans: readonly Span[], share: number): number {
  const took: number[] = [];
  for (const [row, ms] of tookMs.entries()) if (inSome(spans, sentMs[row] ?? NaN)) took.push(ms);
  const sorted = Float64Array.from(took).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

function inSome(spans: readonly Span[], ms: number): boolean {
  let [low, high] = [0, spans.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((spans[middle]?.toMs ?? 0) < ms) low = middle + 1;
    else high = middle;
  }
  const span = spans[low];
  return span !== undefined && ms >= span.fromMs && ms <= span.toMs;
}

/** Arrivals a second. */
export function rateOf({ sentMs, tookMs }: Arrivals, { fromMs, toMs }: Span): number {
  const arrived = tookMs.reduce((count, took, row) => {
    const atMs = (sentMs[row] ?? NaN) + took;
    return atMs >= fromMs && atMs <= toMs ? count + 1 : count;
  }, 0);
  return (arrived * 1000) / (toMs - fromMs);
}

export interface Spans {
  readonly steady: readonly Span[];
  /** Around each moment a version took over. */
  readonly switches: readonly Span[];
  /** From a change to its outcome, and a little longer. */
  readonly changes: readonly Span[];
}

export function spansOf(reloads: readonly Reload[], { fromMs, toMs }: Span): Spans {
  const switches = reloads.filter(({ switched }) => switched);
  const begins = [fromMs, ...reloads.map((reload) => reload.toMs + CALM_MS)];
  const ends = [...reloads.map((reload) => reload.fromMs), toMs];
  return {
    steady: begins
      .map((begin, i) => ({ fromMs: begin, toMs: ends[i] ?? begin }))
      .filter((one) => one.toMs > one.fromMs),
    switches: switches.map((reload) => ({ fromMs: reload.toMs - SWITCH_MS, toMs: reload.toMs + SWITCH_MS })),
    changes: reloads.map((reload) => ({ fromMs: reload.fromMs, toMs: reload.toMs + SWITCH_MS })),
  };
}
