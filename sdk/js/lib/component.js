/* What a component exports. Only componentize-js finds these imports; unit tests run without this file, by trial.js. */
import { nowMs } from 'streamline:transform/clock@0.1.0';
import { log } from 'streamline:transform/log@0.1.0';
import { add, set } from 'streamline:transform/metric@0.1.0';
import { Runner } from './runner.js';

const host = {
  log,
  metricAdd: (name, amount = 1) => add(name, amount),
  metricSet: set,
  nowMs: () => Number(nowMs()),
};

export function component(definition) {
  const runner = new Runner(definition, host);
  return {
    config: { init: (json) => runner.init(json) },
    transform: { transform: (input) => runner.transform(input) },
  };
}
