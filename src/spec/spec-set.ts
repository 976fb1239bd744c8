import { StreamlineError } from '../base/error.ts';
import type { ErrorCode } from '../base/error-code.ts';
import { placeOf } from './spec-place.ts';
import type { TopicName, TransformationConfig } from './transformation-config.ts';

/** An error of one file: what runs from that file is left as it is. */
export interface SpecFault {
  readonly source: string;
  readonly error: StreamlineError;
}

export interface SpecSet {
  readonly accepted: readonly TransformationConfig[];
  readonly errors: readonly SpecFault[];
}

/** Rules between specs. Each spec that breaks one is refused; the others run on. */
export function checkSpecs(configs: readonly TransformationConfig[]): SpecSet {
  const errors: SpecFault[] = [];
  const named = withoutTwins(configs, errors, (config) => config.name, {
    code: 'spec.duplicate_name',
    configPath: '/name',
    says: (name) => `the name ${name} is also used by`,
    suggestion: 'Rename or remove one of them.',
  });
  const grouped = withoutTwins(named, errors, (config) => config.input.groupId, {
    code: 'spec.conflict',
    configPath: '/input/group_id',
    says: (group) => `the consumer group ${group} is also used by`,
    suggestion: 'Remove group_id or write another: two transforms in one group would take each other’s offsets.',
  });
  return { accepted: withoutCycles(grouped, errors), errors };
}

interface TwinRule {
  readonly code: ErrorCode;
  readonly configPath: string;
  readonly says: (value: string) => string;
  readonly suggestion: string;
}

/** Which of two came first cannot be told from a directory: neither starts. */
function withoutTwins(
  configs: readonly TransformationConfig[],
  errors: SpecFault[],
  valueOf: (config: TransformationConfig) => string,
  rule: TwinRule,
): TransformationConfig[] {
  const holders = Map.groupBy(configs, valueOf);
  return configs.filter((config) => {
    const twins = (holders.get(valueOf(config)) ?? []).filter((other) => other !== config);
    if (twins.length === 0) return true;
    const others = twins.slice(0, 3).map((twin) => placeOf(twin, rule.configPath));
    const more = twins.length > others.length ? ` and ${twins.length - others.length} more` : '';
    const { code, configPath, suggestion } = rule;
    const message = `${rule.says(valueOf(config))} ${others.join(', ')}${more}`;
    errors.push({
      source: config.source,
      error: new StreamlineError(code, message, { place: placeOf(config, configPath), configPath, suggestion }),
    });
    return false;
  });
}

interface Edge {
  readonly spec: TransformationConfig;
  readonly topic: TopicName;
  readonly configPath: string;
}

/** Topics a spec is known to write. What route() names is not known: checked record by record (route.cycle). */
function outputsOf(spec: TransformationConfig): Edge[] {
  const edges: Edge[] = [];
  if (spec.outputTopic !== undefined) edges.push({ spec, topic: spec.outputTopic, configPath: '/output_topic' });
  if (spec.errors.onFailure === 'dead_letter')
    edges.push({ spec, topic: spec.errors.deadLetterTopic, configPath: '/errors/dead_letter_topic' });
  return edges;
}

function withoutCycles(configs: readonly TransformationConfig[], errors: SpecFault[]): TransformationConfig[] {
  const readers = Map.groupBy(configs, (config) => config.inputTopic);
  return configs.filter((config) => {
    const cycle = shortestCycle(config, readers);
    const [first] = cycle;
    if (first === undefined) return true;
    const names = [...cycle.map((edge) => edge.spec.name), config.name].join(' → ');
    const topics = [config.inputTopic, ...cycle.map((edge) => edge.topic)].join(' → ');
    const error = new StreamlineError('spec.cycle', `cycle among specs: ${names} (topics ${topics})`, {
      place: placeOf(config, first.configPath),
      configPath: first.configPath,
      suggestion: 'Let one of them write to a topic that none of the others reads.',
    });
    errors.push({ source: config.source, error });
    return false;
  });
}

interface Path {
  readonly edge: Edge;
  readonly before: Path | undefined;
}

/** The edges from the spec back to its own input topic, none when there is no way. Each topic is visited once. */
function shortestCycle(
  start: TransformationConfig,
  readers: ReadonlyMap<TopicName, readonly TransformationConfig[]>,
): readonly Edge[] {
  const reached = new Set<TopicName>();
  let paths: Path[] = outputsOf(start).map((edge) => ({ edge, before: undefined }));
  while (paths.length > 0) {
    const next: Path[] = [];
    for (const path of paths) {
      const { topic } = path.edge;
      if (topic === start.inputTopic) return edgesOf(path);
      if (reached.has(topic)) continue;
      reached.add(topic);
      for (const reader of readers.get(topic) ?? []) {
        for (const edge of outputsOf(reader)) next.push({ edge, before: path });
      }
    }
    paths = next;
  }
  return [];
}

function edgesOf(last: Path): Edge[] {
  const edges: Edge[] = [];
  for (let path: Path | undefined = last; path !== undefined; path = path.before) edges.unshift(path.edge);
  return edges;
}
