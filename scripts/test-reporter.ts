// Loaded into each test process by test-runner.ts: writes what happens, one JSON object a line, to the file it is told.
import { AssertionError } from 'node:assert/strict';
import { openSync, writeSync } from 'node:fs';
import type { EventData } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

const DETAILS_CHARACTERS_MAX = 8000;

export type TestOutcome =
  | { readonly kind: 'pass' }
  | { readonly kind: 'skip'; readonly name: string; readonly reason: string }
  | { readonly kind: 'fail'; readonly name: string; readonly line: number | undefined; readonly details: string }
  /** A test or suite begins or ends: what is open when a file is killed is what hung. */
  | { readonly kind: 'begin' | 'done'; readonly name: string }
  /** An error outside any test. */
  | { readonly kind: 'note'; readonly text: string }
  /** All tests of the file ended. */
  | { readonly kind: 'end' };

export const EVENTS_FILE_VARIABLE = 'STREAMLINE_TEST_EVENTS';

// Node hands a reporter the stream of events and prints what it yields: nothing, here.
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const file = process.env[EVENTS_FILE_VARIABLE];
  if (file === undefined) return;
  // Once: a test may give up the right to open it.
  const events = openSync(file, 'a');
  for await (const event of source) {
    const outcome = outcomeOf(event);
    // Written at once: a test may take the process down with it.
    if (outcome !== undefined) writeSync(events, `${JSON.stringify(outcome)}\n`);
  }
  yield '';
}

function outcomeOf(event: TestEvent): TestOutcome | undefined {
  if (event.type === 'test:summary') return { kind: 'end' };
  if (event.type === 'test:fail') return failureOf(event.data);
  if (event.type === 'test:dequeue') return { kind: 'begin', name: event.data.name };
  if (event.type === 'test:complete') return { kind: 'done', name: event.data.name };
  if (event.type === 'test:diagnostic') {
    // The rest of them are the counts.
    return event.data.message.startsWith('Error: ') ? { kind: 'note', text: event.data.message } : undefined;
  }
  if (event.type !== 'test:pass') return undefined;
  const { name, skip, todo, details } = event.data;
  const reason = skip ?? todo;
  if (reason !== undefined && reason !== false) {
    return { kind: 'skip', name, reason: typeof reason === 'string' && reason !== '' ? reason : 'no reason given' };
  }
  return details.type === 'suite' ? undefined : { kind: 'pass' };
}

function failureOf({ name, line, details }: EventData.TestFail): TestOutcome | undefined {
  const { error } = details;
  // A parent fails with its child: the child is the one to count and show.
  if ('failureType' in error && error.failureType === 'subtestsFailed') return undefined;
  const cause: unknown = error.cause ?? error;
  return { kind: 'fail', name, line, details: describe(cause).slice(0, DETAILS_CHARACTERS_MAX) };
}

function describe(cause: unknown): string {
  if (typeof cause === 'string') return cause;
  // Its message already is the difference between what was and what should be.
  if (cause instanceof AssertionError) return cause.stack ?? cause.message;
  return inspect(cause, { depth: 6, maxStringLength: 2000 });
}
