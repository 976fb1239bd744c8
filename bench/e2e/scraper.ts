import { freePorts } from '../../integration/cluster/free-port.ts';
import type { Contestant } from './contestant.ts';
import { outputOf } from './contestant.ts';
import { startSidecar, type BenchSpec, type KafkaSettings } from './sidecar.ts';

/** Much more often than Prometheus does by default, which is each minute. */
const SCRAPE_INTERVAL_MS = 1000;

/** The sidecar with one transform, and somebody who reads all its metrics each second. */
export function scrapedContestant(
  name: string,
  spec: Omit<BenchSpec, 'name' | 'output'>,
  kafka: KafkaSettings = {},
): Contestant {
  return {
    name,
    topicOf: outputOf,
    start: async ({ bootstrap, input, folder, profileDir }, run) => {
      const [httpPort = 0] = await freePorts(1);
      const specs = [{ name: 'copy', ...spec, output: outputOf(run) }];
      const subject = startSidecar({ bootstrap, input, folder, run, profileDir, kafka, httpPort, specs });
      const scrape = async (): Promise<void> => {
        // It may not listen yet, or any more.
        await fetch(`http://127.0.0.1:${httpPort}/metrics`).then(
          (response) => response.text(),
          () => '',
        );
      };
      const timer = setInterval(() => void scrape(), SCRAPE_INTERVAL_MS);
      void subject.exited.then(() => clearInterval(timer));
      return subject;
    },
  };
}
