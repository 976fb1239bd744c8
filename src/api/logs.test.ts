import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { LogLine } from '../registry/control.ts';
import { listen } from './server.ts';
import { fixture, type Fixture } from './testing/api-fixture.ts';
import { logLine } from './testing/fake-control.ts';

async function listening(t: TestContext, made: Fixture): Promise<number> {
  t.after(() => made.api.close());
  return Number(new URL(await listen(made.api, { address: '127.0.0.1', port: 0 })).port);
}

interface Follower {
  readonly request: ClientRequest;
  readonly response: IncomingMessage;
}

async function follow(port: number, query = 'follow=true&tail=0'): Promise<Follower> {
  const made = request({ host: '127.0.0.1', port, path: `/transforms/mask-pii/logs?${query}`, agent: false });
  made.on('error', () => undefined);
  made.end();
  const [response] = (await once(made, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return { request: made, response };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = AbortSignal.timeout(5000);
  while (!condition()) {
    deadline.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('the last lines, one a line', async () => {
  const { api, control } = fixture();
  const response = await api.inject('/transforms/mask-pii/logs?tail=2&since=9');
  assert.deepEqual(
    response.body
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { message: string }).message),
    ['line 0', 'line 1'],
  );
  assert.match(String(response.headers['content-type']), /^application\/x-ndjson/);
  assert.deepEqual(control.calls, [['logs', 'mask-pii', { tail: 2, sinceMs: 9, follow: false }]]);
  assert.equal((await api.inject('/transforms/nope/logs')).statusCode, 404);
});

test('a follower of a quiet log is connected at once, gets each line as it comes, and its end when the sidecar ends', async (t) => {
  const made = fixture({ bounds: { idleTimeoutMs: 50 } });
  const next = Promise.withResolvers<LogLine>();
  made.control.following = async function* ({ signal }) {
    yield await next.promise;
    if (!signal.aborted) await once(signal, 'abort');
  };
  const port = await listening(t, made);
  const { response } = await follow(port);
  assert.equal(response.statusCode, 200);
  // A connection that asks for nothing ends meanwhile.
  await once(connect(port, '127.0.0.1').resume(), 'close');
  next.resolve(logLine('at last'));
  const [chunk] = (await once(response, 'data')) as [Buffer];
  assert.match(chunk.toString(), /"message":"at last".*\}\n$/);
  const ended = once(response.resume(), 'end');
  await made.api.close();
  await ended;
  assert.equal(response.complete, true, 'the stream broke off instead of ending');
});

test('a follower that goes is noticed, and makes room for another', async (t) => {
  const made = fixture({ bounds: { logFollowersMax: 2 } });
  const signals: AbortSignal[] = [];
  made.control.following = async function* ({ signal }) {
    signals.push(signal);
    if (!signal.aborted) await once(signal, 'abort');
    yield* [];
  };
  const port = await listening(t, made);
  const [first] = [await follow(port), await follow(port)];
  const third = await follow(port);
  assert.deepEqual([third.response.statusCode, third.response.headers['retry-after']], [429, '5']);
  third.response.resume();
  assert.equal(
    (await made.api.inject('/transforms/mask-pii/logs')).statusCode,
    200,
    'who does not follow needs no room',
  );
  await until(() => signals.length === 2);
  first!.request.destroy();
  await until(() => signals[0]!.aborted);
  const fourth = await follow(port);
  assert.equal(fourth.response.statusCode, 200);
  await made.api.close();
});

test('lines are taken no faster than the client takes them, and one that takes none is cut off', async (t) => {
  const made = fixture({ bounds: { idleTimeoutMs: 300 } });
  let taken = 0;
  const gone = Promise.withResolvers<void>();
  made.control.following = async function* () {
    try {
      for (;;) {
        taken++;
        yield logLine('x'.repeat(10_000));
        if (taken % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      gone.resolve();
    }
  };
  const { response } = await follow(await listening(t, made));
  response.pause();
  await gone.promise;
  // What fits the buffers of both ends of the connection, a few MiB, and no more.
  assert.ok(taken < 5000, `${taken} lines of 10 kB were taken from the log`);
  await made.api.close();
});

test('a log that breaks cuts the stream: nobody takes what came for all there is', async (t) => {
  const made = fixture();
  made.control.following = async function* () {
    yield logLine('one');
    throw new Error('broken');
  };
  const { response } = await follow(await listening(t, made));
  response.resume();
  await new Promise((resolve) => response.on('close', resolve));
  assert.equal(response.complete, false);
  assert.deepEqual(
    made.logged.map(({ fields }) => fields['message']),
    ['broken'],
  );
  await made.api.close();
});
