import { isUtf8 } from 'node:buffer';
import type { PlainRecord, RecordHeader } from '../pipeline/packed-batch.ts';
import type { AvroLens } from './avro-lens.ts';
import { prettyJson, readJsonTree } from './json-tree.ts';
import type { OutputRecord, RecordFailure } from './outcome.ts';

/* Records for people: text where it is text, JSON where it is Avro, base64 where it is neither. */

type Side = 'input' | 'output';

/** A key or a value as it stands on a topic; `json` where it is Avro that can be read. */
export interface ReadPart {
  readonly bytes: Uint8Array | null;
  readonly json: string | undefined;
}

export function readPart(
  lens: AvroLens | undefined,
  side: Side,
  part: 'key' | 'value',
  bytes: Uint8Array | null,
): ReadPart {
  if (bytes === null || lens?.isAvro(side, part) !== true) return { bytes, json: undefined };
  return { bytes, json: lens.decode(side, bytes) };
}

/** undefined: it is not UTF-8. */
export function textOfBytes(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : undefined;
}

export function shownBytes(bytes: Uint8Array): string {
  return `{base64: ${Buffer.from(bytes).toString('base64')}}`;
}

function shownText(bytes: Uint8Array): string {
  const text = textOfBytes(bytes);
  return text === undefined ? shownBytes(bytes) : JSON.stringify(text);
}

export function shownPart({ bytes, json }: ReadPart): string {
  if (bytes === null) return 'null';
  return json ?? shownText(bytes);
}

/** What is not there is left away: a key, headers. */
export function shownRecord(
  { key, value, headers }: Pick<PlainRecord, 'key' | 'value' | 'headers'>,
  side: Side,
  lens: AvroLens | undefined,
): string[] {
  const lines: string[] = [];
  if (key !== null) lines.push(`key     ${shownPart(readPart(lens, side, 'key', key))}`);
  for (const header of headers) lines.push(`header  ${shownHeader(header)}`);
  const read = readPart(lens, side, 'value', value);
  const text = read.json ?? (read.bytes === null ? undefined : textOfBytes(read.bytes));
  const tree = text === undefined ? undefined : readJsonTree(text);
  const pretty = tree === undefined ? [shownPart(read)] : prettyJson(tree);
  return [...lines, ...pretty.map((line, i) => `${i === 0 ? 'value   ' : '        '}${line}`)];
}

export function shownOutput(output: OutputRecord, lens: AvroLens | undefined): string[] {
  const { topic, partition } = output;
  return [
    `topic   ${topic}${partition === undefined ? '' : ` [${partition}]`}`,
    ...shownRecord(output, 'output', lens),
  ];
}

export function shownFailure({ code, message, stage }: RecordFailure): string {
  return `${code}${stage === undefined ? '' : ` in stage ${stage}`}: ${message}`;
}

export function shownHeader({ name, value }: RecordHeader): string {
  return `${name}: ${value === null ? 'null' : shownText(value)}`;
}
