import { Failure } from './failure.js';
import { rawOutputs } from './outputs.js';
import { Record } from './record.js';

/** A bug, with its place as far as the engine knows it. */
function describe(error) {
  // Not instanceof: one that the component's bindings throw is of another realm.
  if (typeof error?.message !== 'string') return `thrown: ${String(error)}`;
  const place = /([\w.-]+\.[cm]?js:\d+)/.exec(error.stack?.split('\n').find((line) => /\.[cm]?js:\d/.test(line)) ?? '');
  return `${error.name}: ${error.message}${place === null ? '' : ` (${place[1]})`}`;
}

/** A definition as the WIT has it: `init(json)` and `transform(input)`, which throw what their results have as an error. */
export class Runner {
  #definition;
  #host;

  constructor(definition, host) {
    this.#definition = definition;
    this.#host = host;
  }

  init(json) {
    const { init } = this.#definition;
    const config = JSON.parse(json);
    if (init === undefined) {
      if (Object.keys(config).length > 0) throw 'this transform has no config';
      return;
    }
    try {
      init(config, this.#host);
    } catch (error) {
      throw error instanceof Failure ? error.message : describe(error);
    }
  }

  transform(input) {
    const record = new Record(input);
    const { filter, transform } = this.#definition;
    try {
      if (filter !== undefined && !filter(record, this.#host)) return [];
      return rawOutputs(transform(record, this.#host), record);
    } catch (error) {
      if (error instanceof Failure) throw { message: error.message, retry: error.retry };
      throw { message: describe(error), retry: false };
    }
  }
}
