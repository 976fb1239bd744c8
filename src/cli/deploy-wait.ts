import { setTimeout as delay } from 'node:timers/promises';
import { CommandError, errorOfShape } from './command-error.ts';
import { formatDuration } from './duration.ts';
import { counted } from './quantity.ts';
import type { ErrorShape, Status } from '../api/rest-shapes.ts';

const POLL_MS = 200;
/** A transform that had failed before is believed to have failed again only when it still is after this long. */
const OLD_FAILURE_MS_MAX = 10_000;

/** Which version is waited for. */
export interface Wanted {
  readonly configSha256: string;
  /** Of an uploaded module; else whatever module has the config is the one. */
  readonly moduleSha256: string | undefined;
}

export type Verdict =
  | { readonly is: 'served' }
  | { readonly is: 'failed'; readonly error: CommandError }
  | { readonly is: 'waiting'; readonly why: string };

/** What a status says of the version that is waited for. `oldFailure`: it was FAILED before the deploy, and may still be shown so. */
export function judge(status: Status, wanted: Wanted, oldFailure: boolean): Verdict {
  const { version, candidate, connector, spec_errors: specErrors, error } = status;
  const serves = version !== undefined && isWanted(version, wanted);
  const comes = candidate !== undefined && isWanted(candidate, wanted);
  if (serves && version.records > 0) return { is: 'served' };
  if (comes && candidate.stage === 'REFUSED')
    return { is: 'failed', error: explained(candidate.error, 'it was refused') };
  const [specError] = specErrors;
  if (specError !== undefined && !serves) return { is: 'failed', error: errorOfShape(specError) };
  if (connector.state === 'FAILED' && !comes && (serves || !oldFailure))
    return { is: 'failed', error: explained(error, connector.trace ?? 'the transform failed') };
  if (comes && candidate.canary !== undefined)
    return { is: 'waiting', why: `${candidate.canary.done} of ${counted(candidate.canary.of, 'canary record')} tried` };
  if (comes) return { is: 'waiting', why: 'the new version is being prepared' };
  if (!serves) return { is: 'waiting', why: `the new version has not begun (${connector.state})` };
  return { is: 'waiting', why: waitsForRecords(status) };
}

function isWanted(
  {
    config_sha256: config,
    module_sha256: module,
  }: { readonly config_sha256: string; readonly module_sha256?: string | undefined },
  wanted: Wanted,
): boolean {
  if (config !== wanted.configSha256) return false;
  return wanted.moduleSha256 === undefined || module === undefined || module === wanted.moduleSha256;
}

function waitsForRecords({ connector, partitions, waiting }: Status): string {
  if (waiting !== undefined) return `its records wait for the ${waiting.for.replace('_', ' ')}: ${waiting.message}`;
  if (connector.state !== 'RUNNING') return `it is ${connector.state}`;
  return partitions.length === 0 ? 'it has no partitions yet' : 'it is RUNNING and no record has come';
}

function explained(error: ErrorShape | undefined, otherwise: string): CommandError {
  return error === undefined ? new CommandError('bug.unexpected', otherwise) : errorOfShape(error);
}

export interface Wait {
  readonly wanted: Wanted;
  readonly read: () => Promise<Status>;
  /** As it was before the deploy; undefined: there was none. */
  readonly before: Status | undefined;
  readonly timeoutMs: number;
  /** Told of each change. */
  readonly onProgress: (why: string) => void;
}

/**
 * Polls until the new version has processed its first record. The error, as a value, when it was refused, failed, or did not get there in
 * time: it is deployed nevertheless.
 */
export async function waitForFirstRecord(
  wait: Wait,
): Promise<{ readonly status: Status; readonly error: CommandError | undefined }> {
  const start = performance.now();
  const hadFailed = wait.before?.connector.state === 'FAILED';
  let told = '';
  for (;;) {
    const status = await wait.read();
    const waitedMs = performance.now() - start;
    const verdict = judge(status, wait.wanted, hadFailed && waitedMs < OLD_FAILURE_MS_MAX);
    if (verdict.is === 'served') return { status, error: undefined };
    if (verdict.is === 'failed') return { status, error: verdict.error };
    if (verdict.why !== told) wait.onProgress(verdict.why);
    told = verdict.why;
    if (waitedMs >= wait.timeoutMs) return { status, error: timedOut(status, told, wait.timeoutMs) };
    await delay(Math.min(POLL_MS, wait.timeoutMs));
  }
}

function timedOut(status: Status, why: string, timeoutMs: number): CommandError {
  const message = `${status.name} is deployed, but after ${formatDuration(timeoutMs)} its new version has processed no record: ${why}`;
  return new CommandError('deploy.timeout', message, { suggestion: hint(status) });
}

function hint({ connector, error, name, partitions, target_state: target, waiting }: Status): string {
  if (target === 'PAUSED' || target === 'STOPPED') return `Resume it: streamline-cli transforms resume ${name}`;
  if (error !== undefined) return `Its error: ${error.message} [${error.code}]`;
  if (waiting !== undefined) return 'It goes on by itself when the schema registry answers.';
  if (connector.state === 'RUNNING' && partitions.length === 0)
    return 'Another worker of the group may have all partitions: see status --detailed.';
  return `Does its input topic get records? Ask again with: streamline-cli transforms status ${name}`;
}
