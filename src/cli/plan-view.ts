import { shortDigest, counted, count } from './quantity.ts';
import type { Plan } from '../api/rest-shapes.ts';
import { errorText } from './status-view.ts';
import { fields } from './table.ts';
import type { Terminal } from './terminal.ts';

const ACTION: Readonly<Record<Plan['action'], string>> = {
  create: 'would be created',
  unchanged: 'would stay as it is',
  in_place: 'would change in place: the next batch is the new version\u2019s, the group notices nothing',
  restart: 'would be restarted: it drains, leaves its group and joins again',
};

/** What deploying would do, as a diff for a person. */
export function planLines(terminal: Terminal, plan: Plan): string[] {
  return [
    `${terminal.style('bold', plan.name)} ${ACTION[plan.action] ?? plan.action}`,
    ...changeLines(terminal, plan),
    '',
    ...fields([
      ['module', moduleText(plan)],
      ['group', groupText(plan)],
      ...topicFields(plan),
      ['schema', plan.schemas.map((planned) => schemaText(terminal, planned)).join('\n')],
      ['effects', plan.effects.join('\n')],
    ]),
    ...refusalLines(terminal, plan),
  ];
}

function changeLines(terminal: Terminal, { changes }: Plan): string[] {
  return changes.flatMap(({ field, before, after }) => {
    if (before === undefined || before === null) return [terminal.style('green', `  + ${field}: ${value(after)}`)];
    if (after === undefined || after === null) return [terminal.style('red', `  - ${field}: ${value(before)}`)];
    return [terminal.style('yellow', `  ~ ${field}: ${value(before)} → ${value(after)}`)];
  });
}

function value(json: unknown): string {
  return typeof json === 'string' ? json : JSON.stringify(json);
}

function moduleText({ module }: Plan): string | undefined {
  if (module === undefined) return undefined;
  const { path, sha256, before, exports, imports } = module;
  const was = before === undefined || before === sha256 ? '' : `, was ${shortDigest(before)}`;
  const digest = sha256 === 'builtin' ? path : `${path} (sha256 ${shortDigest(sha256)}${was})`;
  return [
    digest,
    ...(exports.length === 0 ? [] : [`exports ${exports.join(', ')}`]),
    ...(imports.length === 0 ? [] : [`imports ${imports.join(', ')}`]),
  ].join('\n');
}

function groupText({ group }: Plan): string {
  const lag = group.lag === undefined ? '' : `, lag ${count(group.lag)}`;
  return `${group.group_id} (${group.state}, ${counted(group.members, 'member')}${lag}), begins ${startText(group.start)}`;
}

function startText(start: string): string {
  return start.startsWith('at ') ? start : `at ${start}`;
}

function topicFields({ topics }: Plan): [string, string][] {
  return topics.map(({ role, topic, partitions, creates }) => {
    const has = partitions === undefined ? 'is not there' : `has ${counted(partitions, 'partition')}`;
    const what = creates ? 'would be created' : has;
    return [role.replace('_', '-'), topic === undefined ? 'route() names it' : `${topic} ${what}`];
  });
}

type PlannedSchema = Plan['schemas'][number];

const SCHEMA_TYPE: Readonly<Record<PlannedSchema['type'], string>> = {
  AVRO: 'Avro',
  JSON: 'JSON Schema',
  PROTOBUF: 'Protobuf',
};

/** `value: subject api-logs-value, latest is id 7 (Avro)` */
function schemaText(terminal: Terminal, planned: PlannedSchema): string {
  const { part, subject, version, id, type, registers } = planned;
  const what = `${part}: subject ${subject}`;
  if (version !== 'file') {
    const which = version === 'latest' ? 'latest' : `version ${version}`;
    return `${what}, ${which} is id ${id ?? 'unknown'} (${SCHEMA_TYPE[type]})`;
  }
  const file = `${what}, schema_file (${SCHEMA_TYPE[type]})`;
  if (id !== undefined) return `${file} is id ${id}`;
  return `${file} ${registers ? 'would be registered' : 'is not registered'}; ${verdictText(terminal, planned)}`;
}

/** As the registry judges: `BACKWARD: compatible`. */
function verdictText(terminal: Terminal, { compatible, level, messages }: PlannedSchema): string {
  const by = level === undefined ? '' : `${level}: `;
  if (compatible === undefined) return `${by}the first of its subject`;
  if (compatible) return `${by}compatible`;
  const why = messages.length === 0 ? '' : `: ${messages.join('; ')}`;
  return `${by}${terminal.style('red', 'not compatible')}${why}`;
}

function refusalLines(terminal: Terminal, { errors }: Plan): string[] {
  if (errors.length === 0) return [];
  return ['', terminal.style('red', 'It would be refused:'), ...errors.map((error) => errorText(terminal, error))];
}
