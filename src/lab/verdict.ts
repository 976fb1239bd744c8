import type { RecordHeader } from '../pipeline/packed-batch.ts';
import type { AvroLens } from './avro-lens.ts';
import { alignedWith, firstDifference, type JsonMatch } from './json-difference.ts';
import { prettyJson, readJsonTree } from './json-tree.ts';
import { lineDiff } from './line-diff.ts';
import {
  readPart,
  shownBytes,
  shownFailure,
  shownHeader,
  shownOutput,
  shownPart,
  textOfBytes,
  type ReadPart,
} from './shown-record.ts';
import type { OutputRecord, RecordFailure, RecordOutcome } from './outcome.ts';
import type { ExpectedOutput, TestCase, WrittenHeaders, WrittenPart } from './test-case.ts';

/** One way in which what came out is not what was expected. */
export interface Mismatch {
  /** `output[1].value`, `error`, `outputs` */
  readonly at: string;
  /** One line: what differs, where. */
  readonly message: string;
  readonly expected: string | undefined;
  readonly actual: string | undefined;
  /** Lines of a diff, `- ` expected, `+ ` actual; empty where `message` says it all. */
  readonly diff: readonly string[];
}

const SHOWN_MAX = 200;

/** Everything that is not as the case says. Empty: it passed. */
export function judge(test: TestCase, outcomes: readonly RecordOutcome[], lens: AvroLens | undefined): Mismatch[] {
  const outputs = outcomes.flatMap((outcome) => outcome.outputs);
  const failures = outcomes.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
  return [...judgeFailures(test, failures), ...judgeOutputs(test, outputs, failures, lens)];
}

function judgeFailures(test: TestCase, failures: readonly RecordFailure[]): Mismatch[] {
  const mismatches: Mismatch[] = [];
  for (let i = 0; i < Math.max(test.errors.length, failures.length); i++) {
    const [expected, actual] = [test.errors[i], failures[i]];
    const at = test.errors.length > 1 || failures.length > 1 ? `error[${i}]` : 'error';
    const [wanted, got] = [expected?.code, actual === undefined ? undefined : shownFailure(actual)];
    const mismatch = (message: string): Mismatch => ({ at, message, expected: wanted, actual: got, diff: [] });
    if (expected === undefined) mismatches.push(mismatch(`failed with ${got ?? ''}`));
    else if (actual === undefined) mismatches.push(mismatch(`expected ${expected.code}, but nothing failed`));
    else if (expected.code !== actual.code)
      mismatches.push(mismatch(`expected ${expected.code}, failed with ${got ?? ''}`));
    else if (expected.stage !== undefined && expected.stage !== actual.stage)
      mismatches.push(mismatch(`expected it of stage ${expected.stage}, failed with ${got ?? ''}`));
    else if (expected.messageContains !== undefined && !actual.message.includes(expected.messageContains)) {
      const message = `the message has no ${JSON.stringify(expected.messageContains)}: ${actual.message}`;
      mismatches.push(mismatch(message));
    }
  }
  return mismatches;
}

function judgeOutputs(
  test: TestCase,
  outputs: readonly OutputRecord[],
  failures: readonly RecordFailure[],
  lens: AvroLens | undefined,
): Mismatch[] {
  if (test.outputs.length !== outputs.length) {
    // A failure that nobody expected has been told: that it left no output is no news.
    if (outputs.length < test.outputs.length && failures.length > test.errors.length) return [];
    return [countMismatch(test.outputs.length, outputs, lens)];
  }
  return test.outputs.flatMap((expected, i) => {
    const actual = outputs[i];
    const at = outputs.length > 1 ? `output[${i}]` : 'output';
    return actual === undefined ? [] : judgeOutput(expected, actual, at, lens);
  });
}

function countMismatch(expected: number, outputs: readonly OutputRecord[], lens: AvroLens | undefined): Mismatch {
  const count = (n: number): string => (n === 0 ? 'nothing' : n === 1 ? '1 output' : `${n} outputs`);
  const diff = outputs.flatMap((output) => shownOutput(output, lens).map((line) => `+ ${line}`));
  const message = `expected ${count(expected)}, got ${outputs.length === 0 ? 'nothing: dropped' : count(outputs.length)}`;
  return { at: 'output', message, expected: String(expected), actual: String(outputs.length), diff };
}

function judgeOutput(
  expected: ExpectedOutput,
  actual: OutputRecord,
  at: string,
  lens: AvroLens | undefined,
): Mismatch[] {
  const mismatches: (Mismatch | undefined)[] = [];
  if (expected.topic !== undefined && expected.topic !== actual.topic) {
    const [wanted, got] = [expected.topic, actual.topic];
    const message = `expected ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`;
    mismatches.push({ at: `${at}.topic`, message, expected: wanted, actual: got, diff: [] });
  }
  const read = (part: 'key' | 'value', bytes: Uint8Array | null): ReadPart => readPart(lens, 'output', part, bytes);
  if (expected.key !== undefined)
    mismatches.push(judgePart(expected.key, read('key', actual.key), 'exact', `${at}.key`));
  if (expected.value !== undefined) {
    const { part, match } = expected.value;
    mismatches.push(judgePart(part, read('value', actual.value), match, `${at}.value`));
  }
  if (expected.headers !== undefined) mismatches.push(judgeHeaders(expected.headers, actual.headers, `${at}.headers`));
  return mismatches.filter((mismatch) => mismatch !== undefined);
}

function judgePart(expected: WrittenPart, actual: ReadPart, match: JsonMatch, at: string): Mismatch | undefined {
  const { bytes } = actual;
  const told = (wanted: string, got: string, message = `expected ${short(wanted)}, got ${short(got)}`): Mismatch => ({
    at,
    message,
    expected: wanted,
    actual: got,
    diff: [],
  });
  const shown = shownPart(actual);
  if (expected.as === 'null') return bytes === null ? undefined : told('null', shown);
  if (bytes === null) return told(shownWritten(expected), 'null');
  if (expected.as === 'bytes') {
    return expected.bytes.equals(bytes) ? undefined : told(shownBytes(expected.bytes), shownBytes(bytes));
  }
  if (expected.as === 'json' || actual.json !== undefined) {
    const text = expected.as === 'json' ? expected.text : JSON.stringify(expected.text);
    return judgeJson(text, actual.json ?? textOfBytes(bytes), match, at, shown);
  }
  return Buffer.from(expected.text, 'utf8').equals(bytes) ? undefined : textMismatch(expected.text, bytes, at);
}

function judgeJson(
  expectedText: string,
  actualText: string | undefined,
  match: JsonMatch,
  at: string,
  shown: string,
): Mismatch | undefined {
  const expected = readJsonTree(expectedText);
  const actual = actualText === undefined ? undefined : readJsonTree(actualText);
  if (expected === undefined || actual === undefined) {
    const message = `expected JSON, got ${short(shown)}`;
    return { at, message, expected: expectedText, actual: shown, diff: [] };
  }
  const difference = firstDifference(expected, actual, match);
  if (difference === undefined) return undefined;
  const where = difference.path === '' ? '' : ` at ${difference.path}`;
  const wanted = difference.expected === undefined ? 'nothing' : short(difference.expected);
  const got = difference.actual === undefined ? 'nothing' : short(difference.actual);
  return {
    at,
    message: `differs${where}: expected ${wanted}, got ${got}`,
    expected: expectedText,
    actual: actualText,
    diff: lineDiff(prettyJson(expected), prettyJson(alignedWith(expected, actual, match))),
  };
}

function textMismatch(expected: string, bytes: Uint8Array, at: string): Mismatch {
  const actual = textOfBytes(bytes);
  const message = 'differs byte by byte';
  if (actual === undefined) {
    const [wanted, got] = [shownBytes(Buffer.from(expected, 'utf8')), shownBytes(bytes)];
    return {
      at,
      message: `${message}: it is not UTF-8`,
      expected: wanted,
      actual: got,
      diff: [`- ${wanted}`, `+ ${got}`],
    };
  }
  let first = 0;
  while (first < expected.length && expected[first] === actual[first]) first++;
  const from = Math.max(0, first - 40);
  const cut = (text: string): string => JSON.stringify(text.slice(from, from + SHOWN_MAX));
  // Under the first character that differs: what is before it is quoted the same way in both.
  const caret = `${' '.repeat(JSON.stringify(expected.slice(from, first)).length + 1)}^`;
  return {
    at,
    message: `${message}: from character ${first} on`,
    expected,
    actual,
    diff: [`- ${cut(expected)}`, `+ ${cut(actual)}`, caret],
  };
}

function judgeHeaders(expected: WrittenHeaders, actual: readonly RecordHeader[], at: string): Mismatch | undefined {
  // By name only, and stable: the values of one name keep their order.
  const sorted = (headers: readonly RecordHeader[]): string[] =>
    headers.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)).map(shownHeader);
  const [wanted, got] = [sorted(expected), sorted(actual)];
  const diff = lineDiff(wanted, got);
  if (diff.length === 0) return undefined;
  return { at, message: 'differs', expected: wanted.join('\n'), actual: got.join('\n'), diff };
}

function shownWritten(part: WrittenPart): string {
  if (part.as === 'null') return 'null';
  if (part.as === 'bytes') return shownBytes(part.bytes);
  return part.as === 'json' ? part.text : JSON.stringify(part.text);
}

function short(text: string): string {
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}
