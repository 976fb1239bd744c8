// `node scripts/load.ts --bootstrap HOST:PORT`: demo events without end, for docker-compose.yml and whoever wants to see a dashboard move.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { generate, SAMPLE_TOPICS, type SampleTopic } from '../examples/data/generate.ts';
import { EventProducer } from './demo/event-producer.ts';

const TICK_MS = 100;
const PER_SECOND_MAX = 50_000;
/** An event that was refused or not taken is told; so much later the next ones are tried. */
const PAUSE_MS = 2000;

const USAGE = `usage: node scripts/load.ts [options]

  --bootstrap HOST:PORT   the cluster (localhost:9092)
  --per-second N          events of each topic, 1–${String(PER_SECOND_MAX)} (100)
  --topics A,B            of ${SAMPLE_TOPICS.join(', ')} (raw-events,orders,api-logs); they must exist
  --seconds N             ends after so many; without it, by SIGTERM`;

interface Arguments {
  readonly bootstrap: string;
  readonly perSecond: number;
  readonly topics: readonly SampleTopic[];
  readonly seconds: number;
}

function readArguments(): Arguments | undefined {
  try {
    const { values } = parseArgs({
      options: {
        bootstrap: { type: 'string', default: 'localhost:9092' },
        'per-second': { type: 'string', default: '100' },
        topics: { type: 'string', default: 'raw-events,orders,api-logs' },
        seconds: { type: 'string', default: 'Infinity' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    const topics = values.topics.split(',').map((name) => {
      const topic = SAMPLE_TOPICS.find((known) => known === name);
      if (topic === undefined) throw new Error(`there are no events for ${name}`);
      return topic;
    });
    const [perSecond, seconds] = [Number(values['per-second']), Number(values.seconds)];
    if (!Number.isInteger(perSecond) || perSecond < 1 || perSecond > PER_SECOND_MAX)
      throw new Error(`--per-second is ${values['per-second']}`);
    if (!(seconds > 0)) throw new Error(`--seconds is ${values.seconds}`);
    return { bootstrap: values.bootstrap, perSecond, topics, seconds };
  } catch (thrown) {
    console.error(`load: ${thrown instanceof Error ? thrown.message : String(thrown)}\n\n${USAGE}`);
    return undefined;
  }
}

/** Produces until told to stop; as many events a second as were asked for, also after a tick that came late. */
async function run({ bootstrap, perSecond, topics, seconds }: Arguments, signal: AbortSignal): Promise<number> {
  const producer = await EventProducer.connect(bootstrap);
  try {
    const startMs = performance.now();
    let produced = 0;
    for (let seed = 1; !signal.aborted; seed += 1) {
      const elapsedSeconds = Math.min((performance.now() - startMs) / 1000, seconds);
      const due = Math.floor(elapsedSeconds * perSecond) - produced;
      for (const topic of topics) {
        for (const sample of generate(topic, seed, due))
          producer.produce(topic, { ...sample, timestampMs: Date.now() });
      }
      produced += due;
      if (elapsedSeconds === seconds) break;
      await delay(TICK_MS, undefined, { signal }).catch(() => undefined);
    }
    await producer.flush();
    return produced * topics.length;
  } finally {
    await producer.close();
  }
}

async function main(args: Arguments): Promise<number> {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupt.abort());
  for (;;) {
    try {
      const count = await run(args, interrupt.signal);
      console.log(`load: ${String(count)} events`);
      return 0;
    } catch (thrown) {
      console.error(`load: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      if (interrupt.signal.aborted || args.seconds !== Infinity) return 1;
      await delay(PAUSE_MS, undefined, { signal: interrupt.signal }).catch(() => undefined);
    }
  }
}

const args = readArguments();
// The client's threads keep a process alive that has nothing left to do.
process.exit(args === undefined ? 2 : await main(args));
