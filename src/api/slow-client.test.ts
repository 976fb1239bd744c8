import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { listen } from './server.ts';
import { fixture, type Fixture } from './testing/api-fixture.ts';

const BOUNDS = { headersTimeoutMs: 200, requestTimeoutMs: 400, idleTimeoutMs: 400 };
/** Generous: what is tested is that it ends at all. */
const END_MS_MAX = 5000;

async function listening(t: TestContext, made: Fixture): Promise<number> {
  t.after(() => made.api.close());
  return Number(new URL(await listen(made.api, { address: '127.0.0.1', port: 0 })).port);
}

interface Client {
  readonly socket: Socket;
  /** All that came, when the server closed the connection. */
  readonly end: Promise<string>;
}

function client(port: number): Client {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  // Cut off while it sends, it may be told by a reset as well: events.once() would take that for the end of the wait.
  socket.on('error', () => undefined);
  return { socket, end: new Promise((resolve) => socket.once('close', () => resolve(text))) };
}

/** A byte now and then, for as long as the server listens. */
function drip({ socket, end }: Client): void {
  const timer = setInterval(() => socket.write('x'), 20);
  void end.then(() => clearInterval(timer));
}

function bounded<T>(promise: Promise<T>, what: string): Promise<T> {
  const late = AbortSignal.timeout(END_MS_MAX);
  return Promise.race([
    promise,
    once(late, 'abort').then(() => assert.fail(`${what} was not cut off within ${END_MS_MAX} ms`)),
  ]);
}

test('who sends nothing, half a header, one byte at a time, or half a body is cut off and told why', async (t) => {
  const made = fixture({ bounds: BOUNDS });
  const port = await listening(t, made);
  const clients = [
    '',
    'GET /livez HTTP/1.1\r\nhost: localhost\r\nx-slow: ',
    'POST /transforms HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 4000\r\n\r\n{',
  ].map((start) => {
    const made = client(port);
    made.socket.write(start);
    if (start !== '') drip(made);
    return made;
  });
  const [silent, headers, body] = await bounded(Promise.all(clients.map(({ end }) => end)), 'a slow client');
  assert.ok(silent === '' || silent!.startsWith('HTTP/1.1 408'), silent);
  for (const answer of [headers!, body!]) {
    assert.match(answer, /^HTTP\/1\.1 408 Request Timeout\r\n/);
    assert.equal((JSON.parse(answer.slice(answer.indexOf('{'))) as { code: string }).code, 'request.timeout');
  }
});

test('what is no HTTP, or has endless headers, is refused in the shape of an error', async (t) => {
  const made = fixture();
  const port = await listening(t, made);
  for (const [text, code] of [
    ['NONSENSE\r\n\r\n', 'request.invalid'],
    ['BREW /pot HTTP/1.1\r\nhost: localhost\r\n\r\n', 'request.invalid'],
    ['GET / HTTP/1.1\r\n\r\n', undefined],
    [`GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`, 'request.too_large'],
    ['GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', 'request.invalid'],
  ] as const) {
    const one = client(port);
    one.socket.end(text);
    const answer = await bounded(one.end, 'nonsense');
    const status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
    assert.ok(status >= 400 && status < 500, answer);
    if (code !== undefined)
      assert.equal((JSON.parse(answer.slice(answer.indexOf('{'))) as { code: string }).code, code);
  }
});

test('an answer that takes long is waited for: a drain may take longer than a client may be idle', async (t) => {
  const made = fixture({ bounds: { ...BOUNDS, idleTimeoutMs: 50 } });
  const drained = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  made.control.undeploy = () => {
    begun.resolve();
    return drained.promise;
  };
  const port = await listening(t, made);
  const one = client(port);
  one.socket.write('DELETE /transforms/mask-pii HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
  await begun.promise;
  // The same wait, begun later, ends a connection that asks for nothing.
  const idle = client(port);
  await bounded(idle.end, 'an idle client');
  assert.equal(one.socket.destroyed, false);
  drained.resolve();
  assert.match(await bounded(one.end, 'the answer'), /^HTTP\/1\.1 204 /);
});

test('uploads beyond those that are under way wait for their turn elsewhere', async (t) => {
  const made = fixture({ bounds: { uploadsMax: 1, requestTimeoutMs: 30_000, idleTimeoutMs: 30_000 } });
  const port = await listening(t, made);
  const begun = Promise.withResolvers<void>();
  const first = client(port);
  made.api.server.once('request', () => setImmediate(begun.resolve));
  first.socket.write(
    'POST /modules?name=a HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/wasm\r\ncontent-length: 8\r\n\r\n\0asm',
  );
  await begun.promise;
  const upload = {
    method: 'POST',
    url: '/modules?name=b',
    headers: { 'content-type': 'application/wasm' },
    payload: Buffer.from('\0asm\x01\0\0\0'),
  } as const;
  const refused = await made.api.inject(upload);
  assert.deepEqual(
    [refused.statusCode, refused.json().code, refused.headers['retry-after']],
    [429, 'request.too_many', '5'],
  );
  first.socket.end();
  await bounded(first.end, 'the first upload');
  assert.equal((await made.api.inject(upload)).statusCode, 201, 'the slot came back');
});
