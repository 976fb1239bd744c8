import { join } from 'node:path';
import { consumerConfig, producerConfig } from '../../src/kafka/client-config.ts';
import { compileC } from '../e2e/c-program.ts';
import { outputOf, type Contestant } from '../e2e/contestant.ts';
import { Subject } from '../e2e/subject.ts';

/** What differs from the sidecar's own properties: what the C loop is best with, and the reports it commits by. */
const PRODUCER = {
  'linger.ms': 50,
  // As in the bridge.
  'batch.size': 786_432,
  'delivery.report.only.error': false,
};

/** The same copy in C on the same librdkafka with the sidecar's properties: how far the bridge is from what there is to be had. */
export async function cLoopContestant(folder: string): Promise<Contestant> {
  const program = await compileC(join(import.meta.dirname, 'c-loop.c'), folder);
  return {
    name: 'c_loop',
    topicOf: outputOf,
    start: ({ bootstrap, input }, run) => {
      const identity = { kafka: { 'bootstrap.servers': bootstrap }, clientId: 'bench-c-loop' };
      const limits = { recordBytesMax: 1_000_000, queueBytesMax: 32 * 1024 * 1024, queueRecordsMax: 100_000 };
      const { dr_msg_cb: _ofJavaScript, ...producer } = producerConfig(identity, limits);
      return new Subject(program, [
        ...[input, outputOf(run)],
        ...properties('-C', consumerConfig(identity, `bench-${run}`, {})),
        ...properties('-P', { ...producer, ...PRODUCER }),
      ]);
    },
  };
}

function properties(option: '-C' | '-P', conf: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(conf).flatMap(([name, value]) => [option, `${name}=${String(value)}`]);
}
