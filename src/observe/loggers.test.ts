import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClock } from '../pipeline/sim/sim-clock.ts';
import { LogTail } from './log-tail.ts';
import { Loggers } from './loggers.ts';

function fixture(): { loggers: Loggers; written: string[]; clock: SimClock; tail: LogTail } {
  const written: string[] = [];
  const clock = new SimClock();
  const tail = new LogTail();
  const destination = {
    write: (line: string) => void written.push((JSON.parse(line) as { msg: string }).msg),
  };
  return { loggers: new Loggers({ level: 'info', destination, clock, tail }), written, clock, tail };
}

test('a transform has the level of the root until it has its own, and keeps that', () => {
  const { loggers, written } = fixture();
  const a = loggers.forTransform('a');
  const b = loggers.forTransform('b');
  assert.equal(loggers.forTransform('a'), a);
  a.debug({}, 'a: below info');
  assert.deepEqual(loggers.setLevel('a', 'debug'), ['a']);
  a.debug({}, 'a: own level');
  b.debug({}, 'b: below info');
  assert.deepEqual(loggers.setLevel('root', 'error'), ['root', 'b']);
  a.debug({}, 'a: own level still');
  b.warn({}, 'b: below error');
  loggers.root.warn({}, 'root: below error');
  loggers.forTransform('c').warn({}, 'c: below error');
  assert.deepEqual(loggers.setLevel('root', 'trace'), ['root', 'b', 'c']);
  a.trace({}, 'a: below debug');
  b.trace({}, 'b: trace');
  loggers.forTransform('c').trace({}, 'c: trace');
  assert.deepEqual(written, ['a: own level', 'a: own level still', 'b: trace', 'c: trace']);
});

test('children follow, and theirs, made before a change or after', () => {
  const { loggers, written } = fixture();
  const a = loggers.forTransform('a');
  const before = a.child({ from: 'guest' }).child({ part: 1 });
  loggers.setLevel('a', 'debug');
  before.debug({}, 'before');
  a.child({ from: 'guest' }, {}).debug({}, 'after');
  loggers.setLevel('a', 'warn');
  before.info({}, 'below warn');
  const b = loggers.forTransform('b').child({ from: 'guest' });
  loggers.setLevel('root', 'debug');
  b.debug({}, 'by the root');
  before.info({}, 'below its own');
  assert.deepEqual(written, ['before', 'after', 'by the root']);
});

test('lists what there is, with the time of the last change', async () => {
  const { loggers, clock } = fixture();
  loggers.forTransform('b');
  loggers.forTransform('a');
  const info = { level: 'info', lastModifiedMs: undefined };
  assert.deepEqual(loggers.list(), [
    { name: 'root', ...info },
    { name: 'a', ...info },
    { name: 'b', ...info },
  ]);
  const atMs = clock.wallMs();
  loggers.setLevel('a', 'debug');
  await clock.advance(1_000);
  loggers.setLevel('root', 'warn');
  assert.deepEqual(loggers.list(), [
    { name: 'root', level: 'warn', lastModifiedMs: atMs + 1_000 },
    { name: 'a', level: 'debug', lastModifiedMs: atMs },
    { name: 'b', level: 'warn', lastModifiedMs: atMs + 1_000 },
  ]);
});

test('the level it has changes nothing but that it is its own', () => {
  const { loggers } = fixture();
  loggers.forTransform('a');
  assert.deepEqual(loggers.setLevel('root', 'info'), []);
  assert.deepEqual(loggers.setLevel('a', 'info'), []);
  assert.deepEqual(loggers.setLevel('root', 'error'), ['root']);
  assert.deepEqual(loggers.list().map(({ level, lastModifiedMs }) => [level, lastModifiedMs !== undefined]), [['error', true], ['info', false]]); // prettier-ignore
});

test('a name without a logger is not found, and neither is one that was forgotten', async () => {
  const { loggers, tail } = fixture();
  const a = loggers.forTransform('a');
  loggers.setLevel('a', 'debug');
  a.info({}, 'kept');
  loggers.forget('a');
  for (const name of ['a', 'b', '']) {
    assert.throws(() => loggers.setLevel(name, 'debug'), { code: 'transform.not_found' });
  }
  assert.deepEqual(loggers.list().map(({ name }) => name), ['root']); // prettier-ignore
  // The next of this name begins anew.
  loggers.forTransform('a').info({}, 'anew');
  assert.equal(loggers.list()[1]?.level, 'info');
  const kept: string[] = [];
  const query = { tail: 9, follow: false, signal: new AbortController().signal };
  for await (const { message } of tail.query('a', query)) kept.push(message);
  assert.deepEqual(kept, ['anew']);
});
