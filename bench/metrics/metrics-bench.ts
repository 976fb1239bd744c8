import { Metrics } from '../../src/observe/metrics.ts';
import { METRICS } from '../../src/observe/metric-names.ts';
import type { BenchOptions } from '../main.ts';
import { median, quantile, say, type Row } from '../rows.ts';
import { BusyTransform } from './busy-transform.ts';

const TRANSFORMS = 50;
const PARTITIONS = 12;
const SCRAPES = 100;
const SCRAPES_QUICK = 10;
const WARM_UP = 20;

/** What a scrape takes on the main thread, and how long others wait for their turn meanwhile. No Kafka, no guests. */
export async function metricsBench({ quick }: BenchOptions): Promise<Row[]> {
  const transforms = Array.from({ length: TRANSFORMS }, (_, i) => new BusyTransform(`transform-${i}`, PARTITIONS));
  const metrics = new Metrics({
    transforms: () => transforms.map((transform) => transform.snapshot()),
    specErrors: () => 0,
    schemaRegistry: () => undefined,
    logTopic: () => undefined,
    version: 'bench',
    transport: 'bridge',
  });
  const tookMs: number[] = [];
  const cpuMs: number[] = [];
  const waitedMs: number[] = [];
  let page = '';
  const scrapes = quick ? SCRAPES_QUICK : SCRAPES;
  for (let i = 0; i < WARM_UP + scrapes; i += 1) {
    for (const transform of transforms) transform.goOn();
    const waits = new Waits();
    const cpuBeganMs = threadCpuMs();
    const beganMs = performance.now();
    page = await metrics.text();
    const elapsedMs = performance.now() - beganMs;
    const longestMs = await waits.end();
    if (i < WARM_UP) continue;
    tookMs.push(elapsedMs);
    cpuMs.push(threadCpuMs() - cpuBeganMs);
    waitedMs.push(longestMs);
  }
  const lag = page.split('\n').filter((line) => line.startsWith(`${METRICS.lag.name}{`));
  if (lag.length !== TRANSFORMS * PARTITIONS) throw new Error(`${lag.length} partitions on the page`);
  say(`  a page of ${page.split('\n').length} lines, ${Math.round(page.length / 1000)} kB`);
  const name = `metrics.scrape_${TRANSFORMS}x${PARTITIONS}`;
  return [
    { name, value: median(tookMs), unit: 'ms' },
    { name: `${name}.cpu`, value: median(cpuMs), unit: 'CPU ms' },
    { name: `${name}.p99`, value: quantile(tookMs, 0.99), unit: 'ms' },
    { name: `${name}.event_loop_wait`, value: median(waitedMs), unit: 'ms' },
    { name: `${name}.event_loop_wait_p99`, value: quantile(waitedMs, 0.99), unit: 'ms' },
  ];
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** How long whoever wants the event loop's next turn waits for it, at most, until the end. */
class Waits {
  #longestMs = 0;
  #turnMs = performance.now();
  #over = false;
  readonly #ended = Promise.withResolvers<number>();

  constructor() {
    setImmediate(this.#turn);
  }

  end(): Promise<number> {
    this.#over = true;
    return this.#ended.promise;
  }

  readonly #turn = (): void => {
    const nowMs = performance.now();
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#turnMs);
    this.#turnMs = nowMs;
    if (this.#over) this.#ended.resolve(this.#longestMs);
    else setImmediate(this.#turn);
  };
}
