import type { LabOutcome } from '../lab/lab-transform.ts';
import { shownFailure, shownOutput, shownRecord } from '../lab/shown-record.ts';
import type { AvroLens } from '../lab/avro-lens.ts';
import type { PlainRecord } from '../pipeline/packed-batch.ts';
import type { Terminal } from './terminal.ts';
import { fuelText } from './test-view.ts';

/* What `transforms run` prints. */

export interface SampleResult {
  readonly record: PlainRecord;
  readonly outcome: LabOutcome;
}

/** A record before and after. */
export function sampleLines(
  terminal: Pick<Terminal, 'style'>,
  { record, outcome }: SampleResult,
  lens: AvroLens | undefined,
  fuelBudget: number,
  timeoutMs: number,
): string[] {
  const { outputs, failure, log, fuelUsed } = outcome;
  const fuel = terminal.style('dim', fuelText(fuelUsed, fuelUsed / fuelBudget, timeoutMs));
  const head = `${terminal.style('bold', `${record.partition}:${record.offset}`)}  ${fuel}`;
  const before = shownRecord(record, 'input', lens).map((line) => terminal.style('red', `- ${line}`));
  const after = outputs.flatMap((output) =>
    shownOutput(output, lens).map((line) => terminal.style('green', `+ ${line}`)),
  );
  const end =
    failure !== undefined
      ? [terminal.style(['red', 'bold'], `! ${shownFailure(failure)}`)]
      : outputs.length === 0
        ? [terminal.style('yellow', '+ dropped')]
        : after;
  return [head, ...before, ...end, ...log.map(({ level, text }) => `  log ${level.padEnd(5)} ${text}`)];
}

/** The same for a program: one a line. */
export function sampleShape(
  { record, outcome }: SampleResult,
  lens: AvroLens | undefined,
  fuelBudget: number,
): Record<string, unknown> {
  const { outputs, failure, log, fuelUsed } = outcome;
  const { partition, offset, timestampMs } = record;
  return {
    partition,
    offset,
    timestamp: timestampMs,
    ...partsShape(record, 'input', lens),
    outputs: outputs.map((output) => ({
      topic: output.topic,
      ...(output.partition === undefined ? {} : { partition: output.partition }),
      ...partsShape(output, 'output', lens),
    })),
    ...(failure === undefined ? {} : { error: failure }),
    dropped: failure === undefined && outputs.length === 0,
    fuel: fuelUsed,
    fuel_share: fuelUsed / fuelBudget,
    log,
  };
}

type Parts = Pick<PlainRecord, 'key' | 'value' | 'headers'>;

/** Text where it is text, JSON text where it is Avro, else {base64}. */
function partsShape({ key, value, headers }: Parts, side: 'input' | 'output', lens: AvroLens | undefined): object {
  const shape = (part: 'key' | 'value', bytes: Uint8Array | null): unknown => {
    const json = bytes !== null && lens?.isAvro(side, part) === true ? lens.decode(side, bytes) : undefined;
    return json ?? bytesShape(bytes);
  };
  return {
    key: shape('key', key),
    value: shape('value', value),
    headers: headers.map((header) => ({ name: header.name, value: bytesShape(header.value) })),
  };
}

function bytesShape(bytes: Uint8Array | null): unknown {
  if (bytes === null) return null;
  const buffer = Buffer.from(bytes);
  const text = buffer.toString('utf8');
  return Buffer.from(text, 'utf8').equals(buffer) ? text : { base64: buffer.toString('base64') };
}
