import { RefusedError, toStreamlineError } from '../base/error.ts';
import { systemClock } from '../base/clock.ts';
import type { LabTransform } from '../lab/lab-transform.ts';
import { linesOf, textRecords, topicRecords } from '../lab/sample-records.ts';
import { prepareTransform, readSpec } from '../lab/spec-run.ts';
import type { PlainRecord, RecordHeader } from '../pipeline/packed-batch.ts';
import type { SidecarConfig } from '../spec/sidecar-config.ts';
import { parseStartOffset } from '../spec/start-offset.ts';
import type { StartOffset } from '../spec/transformation-config.ts';
import type { ExitCode, Session } from './cli-context.ts';
import { errorOf, usageError } from './command-error.ts';
import { schemasOf, sidecarConfigOf } from './lab-options.ts';
import type { RunFlags } from './run-command.ts';
import { sampleLines, sampleShape } from './run-view.ts';

const TOPIC_LIMIT_DEFAULT = 10;

/** What `transforms run` does. */
export async function runSamples(session: Session, spec: string, flags: RunFlags): Promise<ExitCode> {
  const sidecar = await sidecarConfigOf(flags, session.env);
  const transform = await prepared(spec, flags, sidecar);
  try {
    return await show(session, transform, recordsOf(session, transform, flags, sidecar), flags.limit);
  } finally {
    transform.close();
  }
}

async function prepared(spec: string, flags: RunFlags, sidecar: SidecarConfig): Promise<LabTransform> {
  const { modules } = flags;
  // A registry is asked where the cluster is: ids of its records are that registry's. It is read only.
  const registry = flags.config === undefined ? undefined : sidecar.schemaRegistry;
  try {
    const config = await readSpec(spec);
    return await prepareTransform(config, schemasOf(flags), { modules, limits: sidecar.limits, registry });
  } catch (thrown) {
    const error = toStreamlineError(thrown);
    throw error instanceof RefusedError ? errorOf([error.reasons[0] ?? error, ...error.reasons.slice(1)], spec) : error;
  }
}

function recordsOf(
  { terminal }: Session,
  transform: LabTransform,
  flags: RunFlags,
  sidecar: SidecarConfig,
): AsyncIterable<PlainRecord> {
  const { text, file, topic, key, limit = TOPIC_LIMIT_DEFAULT } = flags;
  if (topic !== undefined) {
    if (key !== undefined || flags.header !== undefined)
      throw usageError('records of a topic have their own keys and headers', 'Leave --key and --header away.');
    return topicRecords(topic, startOf(flags.from, limit), limit, sidecar, flags.bootstrap);
  }
  if (flags.from !== undefined || flags.bootstrap !== undefined)
    throw usageError('--from and --bootstrap are for --topic');
  const texts = file === undefined ? (text ?? []) : linesOf(file, terminal.stdin);
  return textRecords(texts, { key, headers: headersOf(flags) }, transform, systemClock);
}

function startOf(from: string | undefined, limit: number): StartOffset {
  if (from === undefined) return { at: 'relative', records: -limit };
  const start = parseStartOffset(from);
  if ('suggestion' in start) throw usageError(`--from cannot be ${from}`, start.suggestion);
  return start;
}

function headersOf({ header = [] }: RunFlags): RecordHeader[] {
  return header.map((text) => {
    const at = text.indexOf('=');
    if (at <= 0) throw usageError(`--header cannot be ${text}`, 'Write NAME=VALUE.');
    return { name: text.slice(0, at), value: Buffer.from(text.slice(at + 1), 'utf8') };
  });
}

async function show(
  { terminal }: Session,
  transform: LabTransform,
  records: AsyncIterable<PlainRecord>,
  limit = Infinity,
): Promise<ExitCode> {
  const { lens, fuelBudget, config } = transform;
  const sent: PlainRecord[] = [];
  async function* limited(): AsyncGenerator<PlainRecord> {
    let count = 0;
    for await (const record of records) {
      sent.push(record);
      yield record;
      count += 1;
      if (count >= limit) return;
    }
  }
  const counts = { out: 0, dropped: 0, failed: 0 };
  for await (const outcome of transform.run(limited())) {
    const record = sent.shift();
    if (record === undefined) break;
    counts[outcome.failure !== undefined ? 'failed' : outcome.outputs.length === 0 ? 'dropped' : 'out'] += 1;
    const result = { record, outcome };
    if (terminal.json) terminal.line(JSON.stringify(sampleShape(result, lens, fuelBudget)));
    else terminal.lines([...sampleLines(terminal, result, lens, fuelBudget, config.timeoutMs), '']);
  }
  const total = counts.out + counts.dropped + counts.failed;
  const noun = total === 1 ? 'record' : 'records';
  terminal.note(`${total} ${noun}: ${counts.out} out, ${counts.dropped} dropped, ${counts.failed} failed`);
  return counts.failed > 0 ? 1 : 0;
}
