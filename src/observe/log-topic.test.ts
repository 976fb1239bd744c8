import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import { settled, SimClock } from '../pipeline/sim/sim-clock.ts';
import { createLog } from './log.ts';
import { LogTopic, type LogSink } from './log-topic.ts';
import { Redaction } from './redaction.ts';

interface Sent {
  readonly key: string;
  readonly value: Record<string, unknown>;
  readonly timestampMs: number;
}

/** A topic by hand: what is sent waits until it is acknowledged or refused. */
class HandSink implements LogSink {
  readonly sent: Sent[] = [];
  readonly answers: PromiseWithResolvers<void>[] = [];
  closed = false;

  send(key: string, value: string, timestampMs: number): Promise<void> {
    this.sent.push({ key, value: JSON.parse(value) as Record<string, unknown>, timestampMs });
    const answer = Promise.withResolvers<void>();
    this.answers.push(answer);
    return answer.promise;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  acknowledge(): void {
    for (const answer of this.answers.splice(0)) answer.resolve();
  }

  refuse(error: StreamlineError): void {
    for (const answer of this.answers.splice(0)) answer.reject(error);
  }
}

function fixture(open?: () => Promise<LogSink>) {
  const clock = new SimClock();
  const sink = new HandSink();
  const written: string[] = [];
  const troubles: string[] = [];
  let lose: (error: StreamlineError) => void = () => undefined;
  const topic = new LogTopic({
    clock,
    worker: 'host:1',
    open: (lost) => {
      lose = lost;
      return open?.() ?? Promise.resolve(sink);
    },
    readsTopic: (transform) => transform === 'reader',
    // As the sidecar does: of no transform.
    trouble: (error, dropped) => {
      troubles.push(`${error.code} ${dropped}`);
      log.warn({ code: error.code, dropped }, 'trouble');
    },
  });
  const log = createLog({
    ...{ level: 'info', topic, redaction: new Redaction(['hunter2-secret']) },
    destination: { write: (line) => void written.push(line) },
  });
  return { clock, sink, written, troubles, topic, log, lose: (error: StreamlineError) => lose(error) };
}

const down = new StreamlineError('broker.unreachable', 'nobody there');

test('a line of a transform is an OpenTelemetry log record under its name, redacted, and stays in the log', async () => {
  const { topic, log, sink, written } = fixture();
  await topic.start();
  log.info({}, 'of the sidecar');
  log.child({ transform: 'a' }).warn({ from: 'guest', n: 3, ratio: 0.5, on: true, list: [1] }, 'said hunter2-secret');
  const [sent, ...more] = sink.sent;
  assert.deepEqual([more.length, written.length], [0, 2]);
  assert.ok(sent !== undefined && Math.abs(sent.timestampMs - Date.now()) < 60_000);
  assert.equal(sent.key, 'a');
  assert.deepEqual(sent.value, {
    timeUnixNano: `${sent.timestampMs}000000`,
    observedTimeUnixNano: `${sent.timestampMs}000000`,
    severityNumber: 13,
    severityText: 'WARN',
    body: { stringValue: 'said ***' },
    attributes: [
      { key: 'transform_name', value: { stringValue: 'a' } },
      { key: 'source', value: { stringValue: 'guest' } },
      { key: 'worker', value: { stringValue: 'host:1' } },
      { key: 'n', value: { intValue: '3' } },
      { key: 'ratio', value: { doubleValue: 0.5 } },
      { key: 'on', value: { boolValue: true } },
      { key: 'list', value: { stringValue: '[1]' } },
    ],
  });
  sink.acknowledge();
  await settled();
  assert.deepEqual(topic.lines, { sent: 1, dropped: 0 });
});

test('a transform that reads the topic, and what is said of the topic, do not come to it', async () => {
  const { topic, log, sink, written } = fixture();
  await topic.start();
  log.child({ transform: 'reader' }).info({ from: 'guest' }, 'a line about a line');
  log.child({ transform: 'a' }).info({}, 'one');
  sink.refuse(down);
  await settled();
  assert.deepEqual(
    sink.sent.map(({ key }) => key),
    ['a'],
  );
  assert.equal(written.length, 3, 'the trouble too');
  assert.deepEqual(topic.lines, { sent: 0, dropped: 1 });
});

test('a cluster that takes nothing: the oldest go, and are counted; nothing waits', async () => {
  const { topic, log, sink } = fixture();
  await topic.start();
  const a = log.child({ transform: 'a' });
  for (let i = 0; i < 12_000; i += 1) a.info({}, `line ${i}`);
  assert.equal(sink.sent.length, 500, 'so many are under way at once');
  assert.equal(topic.lines.dropped, 1_500);
  while (sink.answers.length > 0) {
    sink.acknowledge();
    await settled();
  }
  assert.deepEqual(topic.lines, { sent: 10_500, dropped: 1_500 });
  assert.deepEqual(sink.sent.at(-1)?.value['body'], { stringValue: 'line 11999' });
});

test('a topic that cannot be opened, or is lost, is opened again; trouble is told once a minute', async () => {
  let attempts = 0;
  const later = new HandSink();
  const { topic, log, clock, troubles, lose } = fixture(() => {
    attempts += 1;
    return attempts < 3 ? Promise.reject(down) : Promise.resolve(later);
  });
  await topic.start();
  log.child({ transform: 'a' }).info({}, 'waits');
  await clock.advance(10_000);
  assert.deepEqual([attempts, later.sent.length], [2, 0]);
  await clock.advance(10_000);
  assert.deepEqual([attempts, later.sent.length], [3, 1]);
  lose(down);
  await settled();
  assert.ok(later.closed);
  await clock.advance(10_000);
  assert.equal(attempts, 4);
  assert.deepEqual(troubles, ['broker.unreachable 0']);
});

test('at the end what waits is sent, within the bound', async () => {
  const { topic, log, sink } = fixture();
  await topic.start();
  log.child({ transform: 'a' }).info({}, 'last');
  const closing = topic.close(2000);
  sink.acknowledge();
  await closing;
  assert.deepEqual([topic.lines, sink.closed], [{ sent: 1, dropped: 0 }, true]);
  log.child({ transform: 'a' }).info({}, 'after');
  assert.equal(sink.sent.length, 1);

  const slow = fixture();
  await slow.topic.start();
  slow.log.child({ transform: 'a' }).info({}, 'never acknowledged');
  const bounded = slow.topic.close(2000);
  await slow.clock.advance(2000);
  await bounded;
  assert.ok(slow.sink.closed);
});
