import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog, type Logger } from './log.ts';
import { LogTail, type LogLine, type LogQuery } from './log-tail.ts';

interface Fixture {
  readonly tail: LogTail;
  readonly log: Logger;
  readonly written: string[];
}

function fixture(linesMax?: number): Fixture {
  const tail = new LogTail(linesMax === undefined ? {} : { linesMax });
  const written: string[] = [];
  const destination = { write: (line: string) => void written.push(line) };
  tail.open('a');
  return { tail, written, log: createLog({ level: 'debug', destination, tail }).child({ transform: 'a' }) };
}

const NEVER = new AbortController().signal;

async function last(tail: LogTail, query: Partial<LogQuery> = {}, name = 'a'): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const line of tail.query(name, { tail: 1_000, follow: false, signal: NEVER, ...query })) lines.push(line);
  return lines;
}
const messages = (lines: readonly LogLine[]): string[] => lines.map(({ message }) => message);

/** The next line of a follower, which must be there. */
async function next(lines: AsyncGenerator<LogLine, void, undefined>): Promise<LogLine> {
  const { value, done } = await lines.next();
  assert.ok(done !== true && value !== undefined, 'the lines have ended');
  return value;
}

test('keeps the last lines of a transform and no more', async () => {
  for (const linesMax of [0, 1, 3]) {
    const { tail, log, written } = fixture(linesMax);
    for (let n = 0; n <= linesMax + 1; n += 1) {
      const expected = Array.from({ length: Math.min(n, linesMax) }, (_, i) => `m${n - Math.min(n, linesMax) + i}`);
      assert.deepEqual(messages(await last(tail)), expected, `${n} of ${linesMax}`);
      log.info({}, `m${n}`);
    }
    assert.equal(written.length, linesMax + 2);
  }
});

test('tells the newest of what was asked for, in order, since a time', async () => {
  const { tail, log } = fixture();
  for (let n = 0; n < 5; n += 1) log.info({}, `m${n}`);
  assert.deepEqual(messages(await last(tail, { tail: 0 })), []);
  assert.deepEqual(messages(await last(tail, { tail: 2 })), ['m3', 'm4']);
  const all = await last(tail);
  assert.deepEqual(messages(await last(tail, { sinceMs: all[0]!.timeMs })), messages(all));
  assert.deepEqual(await last(tail, { sinceMs: all[4]!.timeMs + 1 }), []);
});

test('a line is whole: time, level, who said it, and what it carries', async () => {
  const { tail, log } = fixture();
  const beforeMs = Date.now();
  log.warn({ from: 'guest' }, 'said "transform":"b" and more');
  log.error({ code: 'guest.trap', partitions: [1, 2], message: 'why' }, 'failed');
  const [guest, own] = await last(tail);
  assert.ok(guest!.timeMs >= beforeMs && guest!.timeMs <= Date.now());
  assert.deepEqual(
    { ...guest, timeMs: 0 },
    { timeMs: 0, level: 'warn', from: 'guest', message: 'said "transform":"b" and more', fields: {} },
  );
  const fields = { code: 'guest.trap', partitions: [1, 2], message: 'why' };
  assert.deepEqual({ ...own, timeMs: 0 }, { timeMs: 0, level: 'error', from: 'sidecar', message: 'failed', fields });
});

test("takes a transform's own lines only: not the sidecar's, another's, or one that speaks of it within a field", async () => {
  const { tail, log, written } = fixture();
  const root = createLog({ level: 'debug', destination: { write: (line) => void written.push(line) }, tail });
  root.info({ transforms: ['a'] }, 'of the sidecar');
  root.info({ inner: { transform: 'a' } }, 'speaks of it');
  root.child({ transform: 'b' }).info({}, 'of another');
  root.info({ transform: 'a' }, 'about it');
  log.child({ part: 'source' }).info({}, 'of a part');
  assert.deepEqual(messages(await last(tail)), ['about it', 'of a part']);
  assert.deepEqual(await last(tail, {}, 'b'), []);
  assert.equal(written.length, 5);
});

test('what is redacted in the log is redacted here, and what is below the level is not here', async () => {
  const { tail, log } = fixture();
  log.info({ password: 'hunter2', kafka: { secret: 'hunter2' } }, 'configured');
  log.trace({}, 'not written');
  const lines = await last(tail);
  assert.doesNotMatch(JSON.stringify(lines), /hunter2/);
  assert.deepEqual(lines[0]?.fields, { password: '***', kafka: { secret: '***' } });
  assert.equal(lines.length, 1);
});

test('a long line is cut here and whole in the log', async () => {
  const { tail, log, written } = fixture();
  log.info({ code: 'c', big: 'x'.repeat(9_000), small: 1 }, 'carries much');
  log.info({ code: 'c' }, `${'y'.repeat(8_191)}😀${'y'.repeat(100_000)}`);
  const [much, long] = await last(tail);
  assert.deepEqual([much?.message, much?.fields], ['carries much', { code: 'c', small: 1, cut: true }]);
  // Half a character is none.
  assert.equal(long?.message, `${'y'.repeat(8_191)}\uFFFD…`);
  assert.deepEqual(long?.fields, { cut: true });
  assert.ok(written[1]!.length > 100_000);
});

test('a follower gets what is kept, what comes, and ends when it is told to', async () => {
  const { tail, log } = fixture();
  const reader = new AbortController();
  log.info({}, 'old');
  log.info({}, 'newest');
  const lines = tail.query('a', { tail: 1, follow: true, signal: reader.signal });
  assert.equal((await next(lines)).message, 'newest');
  log.info({}, 'before it was asked for');
  assert.equal((await next(lines)).message, 'before it was asked for');
  const waiting = next(lines);
  log.info({}, 'after');
  assert.equal((await waiting).message, 'after');
  const end = lines.next();
  reader.abort();
  assert.deepEqual(await end, { value: undefined, done: true });
  assert.deepEqual(await last(tail, { follow: true, signal: reader.signal }), []);
});

test('a slow follower loses the oldest of what waits and is told how many; the log and others lose nothing', async () => {
  const { tail, log, written } = fixture(5);
  const slow = tail.query('a', { tail: 0, follow: true, signal: NEVER });
  const quick = tail.query('a', { tail: 0, follow: true, signal: NEVER });
  const firsts = [next(slow), next(quick)];
  log.info({}, 'first');
  assert.deepEqual(messages(await Promise.all(firsts)), ['first', 'first']);
  for (let n = 0; n < 1_003; n += 1) {
    const waiting = next(quick);
    log.info({}, `m${n}`);
    assert.equal((await waiting).message, `m${n}`);
  }
  const { message, level, fields } = await next(slow);
  assert.match(message, /^3 lines are missing/);
  assert.deepEqual([level, fields], ['warn', { dropped: 3 }]);
  for (let n = 3; n < 1_003; n += 1) assert.equal((await next(slow)).message, `m${n}`);
  const waiting = next(slow);
  log.info({}, 'told once');
  assert.equal((await waiting).message, 'told once');
  assert.equal(written.length, 1_005);
});

test('forgets: nothing is kept, followers get what waits and the end, and lines that come late go nowhere', async () => {
  const { tail, log, written } = fixture();
  log.info({}, 'kept');
  const lines = tail.query('a', { tail: 1, follow: true, signal: NEVER });
  assert.equal((await next(lines)).message, 'kept');
  log.info({}, 'waits');
  tail.forget('a');
  assert.equal((await next(lines)).message, 'waits');
  assert.deepEqual(await lines.next(), { value: undefined, done: true });
  log.info({}, 'late');
  assert.deepEqual(await last(tail), []);
  tail.open('a');
  log.info({}, 'of the next one');
  assert.deepEqual(messages(await last(tail)), ['of the next one']);
  assert.equal(written.length, 4);
});

test('a loop that is left holds no queue, and one may follow a transform that is not there yet', async () => {
  const tail = new LogTail();
  const log = createLog({ level: 'info', destination: { write() {} }, tail }).child({ transform: 'later' });
  const lines = tail.query('later', { tail: 1, follow: true, signal: NEVER });
  const first = next(lines);
  tail.open('later');
  log.info({}, 'here');
  assert.equal((await first).message, 'here');
  await lines.return();
  log.info({}, 'unread');
  assert.deepEqual(await lines.next(), { value: undefined, done: true });
});

test('a fatal line still flushes what is behind the tail', () => {
  let flushes = 0;
  const destination = { write() {}, flushSync: () => void (flushes += 1) };
  createLog({ level: 'info', destination, tail: new LogTail() }).fatal({}, 'the end');
  assert.equal(flushes, 1);
});
