import { groupChanges } from '../spec/group-changes.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { StreamlineError } from '../base/error.ts';
import type { DeployPlan, GroupView, ModuleSummary, PartitionOffsets } from './control.ts';

/** What the cluster says. */
export interface Survey {
  readonly group: GroupView;
  readonly offsets: readonly Pick<PartitionOffsets, 'committed' | 'latest'>[];
  /** Partitions by topic; undefined: there is no such topic. */
  readonly partitions: ReadonlyMap<string, number | undefined>;
}

export interface PlanParts {
  readonly config: TransformationConfig;
  /** Of the version that serves. */
  readonly before: TransformationConfig | undefined;
  readonly module: ModuleSummary | undefined;
  readonly moduleBefore: string | undefined;
  readonly schemas: DeployPlan['schemas'];
  /** The schema files that both specs name say something else by now. */
  readonly isSchemaFileChanged: boolean;
  /** topics.create */
  readonly topicsCreated: boolean;
  /** undefined: the cluster did not answer. */
  readonly cluster: Survey | undefined;
  readonly errors: readonly StreamlineError[];
}

export function planOf(parts: PlanParts): DeployPlan {
  const { config, before, module, moduleBefore, cluster, errors } = parts;
  const changes = before === undefined ? [] : changedFields(before, config);
  const action = actionOf(parts, changes.length > 0);
  return {
    name: config.name,
    action,
    changes,
    module: module === undefined ? undefined : { ...module, before: moduleBefore },
    group: groupPlan(config, cluster),
    topics: topicPlans(parts),
    schemas: parts.schemas,
    effects: [...effectsOf(action, before, config), ...schemaEffects(parts)],
    errors,
  };
}

function actionOf(
  { config, before, module, moduleBefore, isSchemaFileChanged }: PlanParts,
  changed: boolean,
): DeployPlan['action'] {
  if (before === undefined) return 'create';
  if (groupChanges(before, config).length > 0) return 'restart';
  const otherModule = module !== undefined && module.sha256 !== moduleBefore;
  return changed || otherModule || isSchemaFileChanged ? 'in_place' : 'unchanged';
}

function groupPlan(config: TransformationConfig, cluster: Survey | undefined): DeployPlan['group'] {
  const offsets = cluster?.offsets ?? [];
  const committed = offsets.filter((offset) => offset.committed !== undefined);
  const lag = committed.reduce((sum, { latest, committed: at }) => sum + Math.max(0, latest - (at ?? latest)), 0);
  return {
    groupId: config.input.groupId,
    state: cluster?.group.state ?? 'Unknown',
    members: cluster?.group.members.length ?? 0,
    lag: committed.length === 0 ? undefined : lag,
    start: committed.length > 0 ? 'at the committed offsets' : startText(config),
  };
}

function startText({ input: { start } }: TransformationConfig): string {
  switch (start.at) {
    case 'earliest':
    case 'latest':
      return start.at;
    case 'timestamp':
      return `at ${new Date(start.timestampMs).toISOString()}`;
    case 'relative':
      return start.records >= 0
        ? `${start.records} records after the earliest`
        : `${-start.records} records before the latest`;
  }
}

function topicPlans({ config, cluster, topicsCreated }: PlanParts): DeployPlan['topics'] {
  const plan = (
    role: DeployPlan['topics'][number]['role'],
    topic: string | undefined,
  ): DeployPlan['topics'][number] => {
    const partitions = topic === undefined ? undefined : cluster?.partitions.get(topic);
    const missing = topic !== undefined && cluster !== undefined && partitions === undefined;
    return { role, topic, partitions, creates: missing && topicsCreated && role !== 'input' };
  };
  const topics = [plan('input', config.inputTopic), plan('output', config.outputTopic)];
  return config.errors.onFailure === 'dead_letter'
    ? [...topics, plan('dead_letter', config.errors.deadLetterTopic)]
    : topics;
}

/** What the spec says of itself, not of the transform. */
const NOT_FIELDS = new Set(['source', 'sha256', 'name']);

/** Fields that differ, as the spec writes them: `input.group_id`, `stages.0.wasm_module`. */
function changedFields(before: TransformationConfig, after: TransformationConfig): DeployPlan['changes'] {
  const changes: { field: string; before: unknown; after: unknown }[] = [];
  compare(asWritten(before), asWritten(after), '', changes);
  return changes;
}

/** The reader schema's subject and version stand beside the format. */
function asWritten(config: TransformationConfig): unknown {
  const { reader, ...input } = config.input;
  return { ...config, input: { ...input, subject: reader?.subject, version: reader?.version } };
}

type Changes = { field: string; before: unknown; after: unknown }[];

function compare(before: unknown, after: unknown, field: string, changes: Changes): void {
  if (isMap(before) && isMap(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      if (field === '' && NOT_FIELDS.has(key)) continue;
      compare(before[key], after[key], field === '' ? fieldName(key) : `${field}.${fieldName(key)}`, changes);
    }
    return;
  }
  if (JSON.stringify(before) !== JSON.stringify(after)) {
    changes.push({ field: written(field), before: shown(before), after: shown(after) });
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function fieldName(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** One stage is written at the top. */
function written(field: string): string {
  return field.replace(/^stages\.0\.config_json$/, 'config').replace(/^stages\.0\./, '');
}

function shown(value: unknown): unknown {
  return value === undefined ? null : value;
}

/** Whether, and how, order or guests' state is affected. */
function effectsOf(
  action: DeployPlan['action'],
  before: TransformationConfig | undefined,
  after: TransformationConfig,
): string[] {
  switch (action) {
    case 'unchanged':
      return [];
    case 'create':
      return [
        after.delivery === 'exactly_once'
          ? 'Each outcome is seen once by readers of what is committed.'
          : 'Records in flight at a crash come twice.',
      ];
    case 'in_place':
      return [
        'The next batch is the new version’s; the consumer group notices nothing, and order is kept.',
        'Guest instances are made anew: what they remember between records is lost.',
        ...outputEffects(before, after),
      ];
    case 'restart':
      return [
        `It drains, leaves its group and joins anew: ${before === undefined ? '' : groupChanges(before, after).join(', ')} changes.`,
        'Guest instances are made anew: what they remember between records is lost.',
        ...groupEffects(before, after),
        ...outputEffects(before, after),
      ];
  }
}

function groupEffects(before: TransformationConfig | undefined, after: TransformationConfig): string[] {
  if (before === undefined) return [];
  const effects: string[] = [];
  if (before.input.groupId !== after.input.groupId) {
    effects.push('Another group has offsets of its own: records may be read again, or passed over.');
  }
  if (before.inputTopic !== after.inputTopic) effects.push('What is left unread of the old input topic stays unread.');
  if (before.ordering !== after.ordering) {
    effects.push(
      after.ordering === 'key'
        ? 'From now on order is kept per key only.'
        : 'From now on order is kept per partition: a record that retries holds up all behind it.',
    );
  }
  return effects;
}

/** What becomes of the registry, and of who reads the output. */
function schemaEffects({ before, config, schemas, isSchemaFileChanged }: PlanParts): string[] {
  const effects = schemas
    .filter(({ registers }) => registers)
    .map(({ subject }) => `The schema of schema_file is registered under subject ${subject} when it starts.`);
  if (before === undefined) return effects;
  const parts = [
    ['values', before.output.format, config.output.format, before.output.subject, config.output.subject],
    ['keys', before.output.keyFormat, config.output.keyFormat, before.output.keySubject, config.output.keySubject],
  ] as const;
  for (const [part, formatBefore, format, subjectBefore, subject] of parts) {
    if (formatBefore === format && subjectBefore === subject) continue;
    const how = `${FORMAT_NAMES[format]}${subject === undefined ? '' : ` of subject ${subject}`}`;
    effects.push(
      `From the switch on ${part} are written as ${how}: consumers must read both, what was written before stays.`,
    );
  }
  if (isSchemaFileChanged) effects.push('The schema file is another: from the switch on its schema is used.');
  return effects;
}

const FORMAT_NAMES = { bytes: 'bytes', json: 'JSON', avro: 'Avro' } as const;

function outputEffects(before: TransformationConfig | undefined, after: TransformationConfig): string[] {
  if (before === undefined || before.outputTopic === after.outputTopic) return [];
  return ['Outputs go to another topic from the switch on: between the two topics there is no order.'];
}
