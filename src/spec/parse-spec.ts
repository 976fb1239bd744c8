import { createHash } from 'node:crypto';
import { assert } from '../base/assert.ts';
import type { StreamlineError } from '../base/error.ts';
import { checkShape, fieldName, written } from './check-shape.ts';
import { checkFormats, inputFormats, outputFormats } from './formats.ts';
import { ProblemList } from './problem-list.ts';
import type { FieldPath } from './problem-list.ts';
import { quoted } from './quoted.ts';
import { isBuiltin, normalModule } from './spec-name.ts';
import { rememberPlaces } from './spec-place.ts';
import { specGuide, specSchema } from './spec-schema.ts';
import type { SpecFields } from './spec-schema.ts';
import { parseStartOffset } from './start-offset.ts';
import type {
  StageConfig,
  StartOffset,
  TopicName,
  TransformationConfig,
  TransformName,
} from './transformation-config.ts';
import { jsonText, nodeAt, offsetAt, textAt } from './yaml-value.ts';
import { readYaml } from './yaml-tree.ts';
import type { YamlNode } from './yaml-tree.ts';

export type SpecOutcome =
  { readonly config: TransformationConfig } | { readonly errors: readonly [StreamlineError, ...StreamlineError[]] };

/**
 * The one way from YAML to a TransformationConfig. Pure and total: any text gives a config, or every error found in it,
 * each with its place. `source` names the file in messages.
 */
export function parseSpec(text: string, source: string): SpecOutcome {
  const problems = new ProblemList(source, 'spec');
  const root = readYaml(text, problems);
  if (root === undefined && problems.size === 0) {
    problems.add(
      'spec.missing_field',
      [],
      0,
      'the file is empty',
      `It needs at least name, input_topic, output_topic and wasm_module. ${specGuide.example(['name'])}`,
    );
  }
  const config = root === undefined ? undefined : configFrom(root, source, problems);
  const [first, ...rest] = problems.errors();
  if (first !== undefined) return { errors: [first, ...rest] };
  assert(config !== undefined, 'a spec that gives no config has a problem');
  return { config };
}

function configFrom(root: YamlNode, source: string, problems: ProblemList): TransformationConfig | undefined {
  const fields = checkShape(specSchema, specGuide, root, problems);
  // On the tree, not on `fields`: one misspelt field must not hide what else is wrong.
  const start = startOffset(root, problems);
  const stages = readStages(root, problems);
  checkTopics(root, problems);
  checkErrorPolicy(root, problems);
  checkDelivery(root, problems);
  checkFormats(root, problems);
  if (fields === undefined || start === undefined || stages === undefined || problems.size > 0) return undefined;
  const normal = normalise(fields, root, start, stages);
  const config = deepFreeze({
    ...normal,
    source,
    sha256: createHash('sha256').update(JSON.stringify(normal)).digest('hex'),
  });
  rememberPlaces(config, root, problems);
  return config;
}

/** Module and config are read off the tree, limits are not. */
type StageText = Pick<StageConfig, 'wasmModule' | 'configJson'>;
type Stages = readonly [StageText, ...StageText[]];

/** In a fixed order of fields: its JSON is what sha256 stands for. */
function normalise(
  fields: SpecFields,
  root: YamlNode,
  start: StartOffset,
  stages: Stages,
): Omit<TransformationConfig, 'source' | 'sha256'> {
  const { errors, input, output } = fields;
  return {
    name: fields.name as TransformName,
    description: fields.description,
    inputTopic: fields.input_topic as TopicName,
    outputTopic: fields.output_topic === '' ? undefined : (fields.output_topic as TopicName),
    stages: withLimits(fields, stages),
    instances: fields.instances,
    maxMemoryMb: fields.max_memory_mb,
    timeoutMs: fields.timeout_ms,
    type: fields.type,
    payload: fields.payload,
    input: {
      ...inputFormats(input),
      start,
      groupId: input.group_id ?? `streamline.${fields.name}`,
      tombstones: input.tombstones,
    },
    output: {
      ...outputFormats(output, root),
      partition: output.partition,
      timestamp: output.timestamp,
      moduleHeader: output.module_header,
    },
    delivery: fields.delivery,
    ordering: fields.ordering,
    errors: {
      onFailure: errors.on_failure,
      deadLetterTopic: (errors.dead_letter_topic ?? `${fields.name}.dlq`) as TopicName,
      maxRetries: errors.max_retries,
      retryBackoffMs: errors.retry_backoff_ms,
      retryBackoffMaxMs: errors.retry_backoff_max_ms,
      stopAfter: { failures: errors.stop_after.failures, window: errors.stop_after.window },
    },
    rollout: { canary: fields.rollout.canary },
  };
}

function withLimits(fields: SpecFields, [first, ...following]: Stages): TransformationConfig['stages'] {
  const stage = (text: StageText, i: number): StageConfig => ({
    ...text,
    maxMemoryMb: fields.transforms?.[i]?.max_memory_mb ?? fields.max_memory_mb,
    timeoutMs: fields.transforms?.[i]?.timeout_ms ?? fields.timeout_ms,
  });
  return [stage(first, 0), ...following.map((text, i) => stage(text, i + 1))];
}

function startOffset(root: YamlNode, problems: ProblemList): StartOffset | undefined {
  const path = ['input', 'start'];
  const node = nodeAt(root, path);
  if (node === undefined) return { at: 'latest' };
  // Anything else is of the wrong type, and said so by the shape check.
  if (node.kind !== 'scalar' || node.value === null || typeof node.value === 'boolean') return undefined;
  const start = parseStartOffset(node.source);
  if (!('suggestion' in start)) return start;
  problems.add(
    'spec.out_of_range',
    path,
    offsetAt(root, path),
    `input.start cannot be ${written(node)}`,
    start.suggestion,
  );
  return undefined;
}

function readStages(root: YamlNode, problems: ProblemList): Stages | undefined {
  if (root.kind !== 'map') return undefined;
  const chain = nodeAt(root, ['transforms']);
  if (chain === undefined) {
    if (nodeAt(root, ['wasm_module']) !== undefined) return readStage(root, [], problems);
    problems.add(
      'spec.missing_field',
      ['wasm_module'],
      root.offset,
      'wasm_module is missing',
      specGuide.help(['wasm_module']),
    );
    return undefined;
  }
  for (const field of ['wasm_module', 'config']) {
    if (nodeAt(root, [field]) === undefined) continue;
    problems.add(
      'spec.conflict',
      [field],
      offsetAt(root, [field], 'key'),
      `${field} and transforms cannot stand together`,
      `Move ${field} into the stage under transforms, or write no transforms.`,
    );
  }
  if (chain.kind !== 'list') return undefined;
  const [first, ...following] = chain.items.map((_, i) => readStage(root, ['transforms', i], problems)?.[0]);
  if (first === undefined || following.includes(undefined)) return undefined;
  return [first, ...following.filter((stage) => stage !== undefined)];
}

function readStage(root: YamlNode, at: FieldPath, problems: ProblemList): readonly [StageText] | undefined {
  const wasmModule = textAt(root, [...at, 'wasm_module']);
  const path = [...at, 'config'];
  const config = nodeAt(root, path);
  if (config !== undefined && config.kind !== 'map') {
    problems.add(
      'spec.wrong_type',
      path,
      offsetAt(root, path),
      `${fieldName(path)} must be a map, not ${written(config)}`,
      'Write its fields indented below config:, or remove the line.',
    );
  }
  const configJson = config?.kind === 'map' ? jsonText(config, path, problems) : '{}';
  return wasmModule === undefined ? undefined : [{ wasmModule: normalModule(wasmModule), configJson }];
}

function checkTopics(root: YamlNode, problems: ProblemList): void {
  const [inputTopic, outputTopic, name] = [
    textAt(root, ['input_topic']),
    textAt(root, ['output_topic']),
    textAt(root, ['name']),
  ];
  if (outputTopic !== undefined && outputTopic !== '' && outputTopic === inputTopic) {
    const message = `output_topic is the input topic ${quoted(outputTopic)}: the transform would read what it writes`;
    problems.add(
      'spec.output_equals_input',
      ['output_topic'],
      offsetAt(root, ['output_topic']),
      message,
      'Write to another topic.',
    );
  }
  const path = ['errors', 'dead_letter_topic'];
  const deadLetter =
    textAt(root, path) ?? (nodeAt(root, path) === undefined && name !== undefined ? `${name}.dlq` : undefined);
  if (deadLetter !== undefined && deadLetter !== '' && (deadLetter === inputTopic || deadLetter === outputTopic)) {
    const message = `the dead-letter topic is the ${deadLetter === inputTopic ? 'input' : 'output'} topic ${quoted(deadLetter)}`;
    problems.add(
      'spec.conflict',
      path,
      offsetAt(root, path),
      message,
      'Give dead letters a topic of their own under `errors: { dead_letter_topic: … }`.',
    );
  }
  const builtin = [textAt(root, ['wasm_module']), lastModule(root)].find(
    (module) => module !== undefined && isBuiltin(module),
  );
  if (outputTopic === '' && builtin !== undefined) {
    problems.add(
      'spec.no_output',
      ['output_topic'],
      offsetAt(root, ['output_topic']),
      `output_topic is "" and ${quoted(builtin)} has no route()`,
      'Name the topic to write to.',
    );
  }
}

/** Of a chain. */
function lastModule(root: YamlNode): string | undefined {
  const chain = nodeAt(root, ['transforms']);
  return chain?.kind === 'list' ? textAt(root, ['transforms', chain.items.length - 1, 'wasm_module']) : undefined;
}

function checkErrorPolicy(root: YamlNode, problems: ProblemList): void {
  const backoff = nodeAt(root, ['errors', 'retry_backoff_ms']);
  const most = nodeAt(root, ['errors', 'retry_backoff_max_ms']);
  const [backoffMs, mostMs] = [numberOr(backoff, 100), numberOr(most, 10_000)];
  if (backoffMs > mostMs) {
    const path = ['errors', most === undefined ? 'retry_backoff_ms' : 'retry_backoff_max_ms'];
    problems.add(
      'spec.conflict',
      path,
      offsetAt(root, path),
      `retry_backoff_ms (${backoffMs}) is above retry_backoff_max_ms (${mostMs})`,
      `Write \`retry_backoff_max_ms: ${backoffMs}\` or more.`,
    );
  }
  const window = numberOr(nodeAt(root, ['errors', 'stop_after', 'window']), 1000);
  const path = ['errors', 'stop_after', 'failures'];
  const failures = numberOr(nodeAt(root, path), 0);
  if (failures > window) {
    problems.add(
      'spec.conflict',
      path,
      offsetAt(root, path),
      `${failures} failures among ${window} records can never be`,
      `Write at most ${window}, or a larger window.`,
    );
  }
}

/** I4: the offset of a partition says what is done only where its records are done in order. */
function checkDelivery(root: YamlNode, problems: ProblemList): void {
  if (textAt(root, ['delivery']) !== 'exactly_once' || textAt(root, ['ordering']) !== 'key') return;
  problems.add(
    'spec.conflict',
    ['ordering'],
    offsetAt(root, ['ordering']),
    'ordering: key leaves holes in the offsets, and exactly_once commits them with the outputs',
    'Write `ordering: partition`, or `delivery: at_least_once`.',
  );
}

function numberOr(node: YamlNode | undefined, fallback: number): number {
  return node?.kind === 'scalar' && typeof node.value === 'number' ? node.value : fallback;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
