import { StreamlineError } from '../base/error.ts';
import { jsonPointer } from './problem-list.ts';
import { placeOf, REGISTRY_SUBJECTS } from './spec-place.ts';
import { quoted } from './quoted.ts';
import type { TransformationConfig } from './transformation-config.ts';

/** The field that names a stage's module: in `transforms` or at the top, as the spec has it. */
export function modulePath(config: TransformationConfig, stage = 0): string {
  const inChain = `/transforms/${stage}/wasm_module`;
  return placeOf(config, inChain) === config.source ? '/wasm_module' : inChain;
}

/** The field that names the subject of output values: in `config` as the seed has it, or under `output`. */
export function subjectPath(config: TransformationConfig): string {
  const inConfig = REGISTRY_SUBJECTS.map(jsonPointer).find((path) => placeOf(config, path) !== config.source);
  return inConfig ?? '/output/subject';
}

/** The module is not where the spec says. `looked` is the file as tried. */
export function missingModule(config: TransformationConfig, stage: number, looked: string): StreamlineError {
  const configPath = modulePath(config, stage);
  const name = (config.stages[stage] ?? config.stages[0]).wasmModule;
  return new StreamlineError('spec.module_missing', `there is no module ${quoted(name)}`, {
    place: placeOf(config, configPath),
    configPath,
    suggestion: `Put the file to ${looked}, or correct wasm_module.`,
  });
}

/** Routes are the last stage's to choose: what one before it would choose, nobody would look at. */
export function routeInTheMidst(config: TransformationConfig, stage: number): StreamlineError {
  const configPath = modulePath(config, stage);
  const name = (config.stages[stage] ?? config.stages[0]).wasmModule;
  return new StreamlineError('spec.conflict', `${quoted(name)} has route() and is not the last stage`, {
    place: placeOf(config, configPath),
    configPath,
    suggestion: 'Put it last, or build it without route().',
  });
}

/** What a module may do about topics, as a deploy looks at it. */
interface Routing {
  readonly facts: { readonly abi: 'core' | 'component'; readonly exports: { readonly route: boolean } };
}

/**
 * Throws where a stage before the last exports route(), or none can name the topic that the spec does not.
 * @param modules of the stages; undefined for a builtin
 */
export function checkRoutes(config: TransformationConfig, modules: readonly (Routing | undefined)[]): void {
  const routes = (module: Routing | undefined): boolean => module?.facts.exports.route ?? false;
  // A component may route, or not: it shows record by record.
  const early = modules.slice(0, -1).findIndex((module) => module?.facts.abi === 'core' && routes(module));
  if (early >= 0) throw routeInTheMidst(config, early);
  const fault = missingOutput(config, { route: routes(modules.at(-1)) });
  if (fault !== undefined) throw fault;
}

/** output_topic "" asks route() for a topic; without one records would have nowhere to go. */
export function missingOutput(
  config: TransformationConfig,
  exports: { readonly route: boolean },
): StreamlineError | undefined {
  if (config.outputTopic !== undefined || exports.route) return undefined;
  return new StreamlineError(
    'spec.no_output',
    `output_topic is "" and ${quoted((config.stages.at(-1) ?? config.stages[0]).wasmModule)} exports no route()`,
    {
      place: placeOf(config, '/output_topic'),
      configPath: '/output_topic',
      suggestion: 'Name the topic to write to, or export route() from the module.',
    },
  );
}
