import { errorOfShape } from './command-error.ts';
import { formatDuration } from './duration.ts';
import { count, counted, ranges, shortDigest } from './quantity.ts';
import type { ErrorShape, Status } from '../api/rest-shapes.ts';
import { stateOf, styledState } from './state-style.ts';
import { fields, table } from './table.ts';
import type { Terminal } from './terminal.ts';

/** A status for a person; the members of the group where they were asked for. */
export function statusLines(terminal: Terminal, status: Status, nowMs: number, detailed: boolean): string[] {
  return [
    ...fields([
      ['name', terminal.style('bold', status.name)],
      ['state', stateOf(terminal, status)],
      ['waiting', waitingText(status, nowMs)],
      ['error', status.error === undefined ? undefined : errorText(terminal, status.error)],
      ['type', status.type],
      ['module', moduleText(status)],
      ['version', versionText(status, nowMs)],
      ['candidate', candidateText(terminal, status, nowMs)],
      ['spec', status.spec_errors.map((error) => errorText(terminal, error)).join('\n')],
      ['group', groupText(status)],
      ['partitions', status.partitions.length === 0 ? 'none on this worker' : ranges(status.partitions)],
      ['instances', `${status.instances.busy} busy, ${status.instances.idle} idle`],
      ['restarts', status.restarts === 0 ? undefined : count(status.restarts)],
      ['worker', status.worker_id],
    ]),
    ...(detailed ? [...taskLines(terminal, status), ...memberLines(status)] : []),
  ];
}

export function errorText(terminal: Terminal, error: ErrorShape): string {
  const [first = '', ...rest] = errorOfShape(error).describe().split('\n');
  return [terminal.style('red', first), ...rest].join('\n');
}

/** Since when, and why. */
function waitingText({ waiting }: Status, nowMs: number): string | undefined {
  return waiting === undefined ? undefined : `for ${age(waiting.since, nowMs)}: ${waiting.message}`;
}

function moduleText({ version }: Status): string | undefined {
  if (version === undefined) return undefined;
  const digest = version.module_sha256;
  return digest === 'builtin' ? version.module : `${version.module} (sha256 ${shortDigest(digest)})`;
}

function versionText({ version }: Status, nowMs: number): string | undefined {
  if (version === undefined) return undefined;
  return `${version.number}, for ${age(version.since, nowMs)}, ${counted(version.records, 'record')}`;
}

function candidateText(terminal: Terminal, { candidate }: Status, nowMs: number): string | undefined {
  if (candidate === undefined) return undefined;
  const { stage, module, module_sha256: digest, since, canary, error } = candidate;
  const tried = canary === undefined ? '' : `, ${count(canary.done)} of ${counted(canary.of, 'record')} tried`;
  const which = digest === undefined ? module : `${module} (sha256 ${shortDigest(digest)})`;
  const first = `${styledState(terminal, stage)} ${which}, for ${age(since, nowMs)}${tried}`;
  return error === undefined ? first : `${first}\n${errorText(terminal, error)}`;
}

function groupText({ group_id: id, group }: Status): string {
  if (group === undefined) return id;
  const members = group.members.length;
  const others = group.one_of > 1 ? `; this worker is one of ${group.one_of}` : '';
  return `${id} (${group.state}, ${counted(members, 'member')}${others})`;
}

function taskLines(terminal: Terminal, { tasks }: Status): string[] {
  if (tasks.length === 0) return [];
  const rows = tasks.map(({ id, state, worker_id: worker, trace }) => [
    id,
    styledState(terminal, state),
    worker,
    trace?.split('\n')[0],
  ]);
  return ['', ...table(['TASK', 'STATE', 'WORKER', 'TRACE'], rows)];
}

function memberLines({ group }: Status): string[] {
  if (group === undefined || group.members.length === 0) return [];
  const rows = group.members.map(({ client_id: client, host, partitions, self }) => [
    client,
    host,
    ranges(partitions),
    self ? 'yes' : '',
  ]);
  return ['', ...table(['MEMBER', 'HOST', 'PARTITIONS', 'THIS WORKER'], rows)];
}

function age(since: string, nowMs: number): string {
  return formatDuration(nowMs - Date.parse(since));
}
