import { jsonPointer } from './problem-list.ts';
import type { FieldPath, ProblemList } from './problem-list.ts';
import type { TransformationConfig } from './transformation-config.ts';
import { nodeAt, offsetAt } from './yaml-value.ts';
import type { YamlNode } from './yaml-tree.ts';

/*
 * Some faults of a spec show only later: its module is missing, has no route(), or another spec writes to its input.
 * They too name a line. Kept beside the configs, so that a config stays plain data.
 */
const places = new WeakMap<TransformationConfig, ReadonlyMap<string, string>>();

export const STAGES_MAX = 16;
const STAGE_NUMBERS = Array.from({ length: STAGES_MAX }, (_, i) => i);

/** Where a spec may name the output's subject in the seed's way: the last stage that does is the one. */
export const REGISTRY_SUBJECTS: readonly FieldPath[] = [
  ...STAGE_NUMBERS.map((i): FieldPath => ['transforms', i, 'config', 'schema_registry_subject']).toReversed(),
  ['config', 'schema_registry_subject'],
];

const KEPT: readonly FieldPath[] = [
  ['name'],
  ['input_topic'],
  ['output_topic'],
  ['wasm_module'],
  ['config'],
  ['type'],
  ['max_memory_mb'],
  ['timeout_ms'],
  ['payload'],
  ['input', 'group_id'],
  ['input', 'format'],
  ['input', 'key_format'],
  ['input', 'subject'],
  ['input', 'version'],
  ['input', 'schema_file'],
  ['output', 'format'],
  ['output', 'key_format'],
  ['output', 'subject'],
  ['output', 'key_subject'],
  ['output', 'subject_name_strategy'],
  ['output', 'record_name'],
  ['output', 'version'],
  ['output', 'schema_file'],
  ['output', 'auto_register'],
  ['errors', 'dead_letter_topic'],
  ...STAGE_NUMBERS.flatMap((i): FieldPath[] => [
    ['transforms', i, 'wasm_module'],
    ['transforms', i, 'config'],
    ['transforms', i, 'max_memory_mb'],
  ]),
  ...REGISTRY_SUBJECTS,
];

export function rememberPlaces(config: TransformationConfig, root: YamlNode, problems: ProblemList): void {
  // A default has a place too, the nearest above it; of two ways to name a module or a subject only the one taken has.
  const kept = KEPT.filter(
    (path) => (path[0] !== 'transforms' && !REGISTRY_SUBJECTS.includes(path)) || nodeAt(root, path) !== undefined,
  );
  places.set(config, new Map(kept.map((path) => [jsonPointer(path), problems.placeAt(offsetAt(root, path))])));
}

/** `specs/mask.yaml:4:3` of a field, or the file alone where the line is not known. */
export function placeOf(config: TransformationConfig, configPath: string): string {
  return places.get(config)?.get(configPath) ?? config.source;
}
