import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { listen } from './server.ts';
import { ADMIN_TOKEN, fixture, READ_ONLY_TOKEN, type Fixture } from './testing/api-fixture.ts';
import {
  Contract,
  exampleBody,
  ODD_NAMES,
  requestOf,
  wrongTypes,
  type Call,
  type Operation,
} from './testing/contract.ts';

/* Every path and method of /openapi.json, asked as the description says and in every wrong way there is. */

const contract = await Contract.of(fixture().api);
const { operations } = contract;
const withBody = operations.filter(({ bodies }) => bodies.length > 0);
const withQuery = operations.filter(({ id }) => !['live', 'ready', 'health', 'metricsText'].includes(id));

/** A sidecar in which the request of the example succeeds. */
function prepared(operation: Operation, http: Partial<Parameters<typeof fixture>[0] & object>['http'] = {}): Fixture {
  const made = fixture({ http });
  made.control.following = async function* () {};
  const known = made.control.specs.get('mask-pii');
  if (operation.id === 'deploy') made.control.specs.delete('mask-pii');
  if (known !== undefined && operation.id.endsWith('Offsets'))
    made.control.specs.set('mask-pii', { ...known, target: 'STOPPED' });
  return made;
}

async function ask(
  { api, logged }: Fixture,
  operation: Operation,
  request: InjectOptions,
): Promise<LightMyRequestResponse> {
  const response = await api.inject(request);
  assert.equal(contract.fault(operation, response), undefined, JSON.stringify(request).slice(0, 500));
  assert.ok(response.statusCode < 500, `${response.statusCode} ${response.body}`);
  assert.deepEqual(logged, []);
  return response;
}

/** @returns the statuses that came back */
async function refused(operation: Operation, calls: Iterable<Call>, expected: readonly number[]): Promise<void> {
  const made = prepared(operation);
  for (const call of calls) {
    const { statusCode, body } = await ask(made, operation, requestOf(operation, call));
    assert.ok(
      expected.includes(statusCode),
      `${operation.id} ${JSON.stringify(call).slice(0, 300)}: ${statusCode} ${body.slice(0, 200)}`,
    );
    if (statusCode >= 400) assert.equal((JSON.parse(body) as { error_code: number }).error_code, statusCode);
  }
}

test('every path of docs/rest-api.md is described, with an id of its own', () => {
  const told = readFileSync(join(import.meta.dirname, '../../docs/rest-api.md'), 'utf8').matchAll(
    /`(GET|POST|PUT|PATCH|DELETE) (\/[^`?]*)/g,
  );
  const paths = new Set([...told].map(([, method, path]) => `${method} ${path}`));
  assert.deepEqual(operations.map(({ method, path }) => `${method} ${path}`).toSorted(), [...paths].toSorted());
  assert.equal(new Set(operations.map(({ id }) => id)).size, operations.length);
  for (const operation of operations) {
    assert.ok(
      [...operation.statuses].some((status) => status < 300),
      operation.id,
    );
    for (const status of [400, 401, 403, 429, 500])
      assert.ok(operation.statuses.has(status), `${operation.id} ${status}`);
  }
});

for (const operation of operations) {
  test(`${operation.method} ${operation.path}: the examples succeed, as described`, async () => {
    for (const body of operation.bodies.length === 0 ? [undefined] : operation.bodies) {
      const call = body === undefined ? {} : { type: body.type, body: exampleBody(body) };
      const { statusCode, body: text } = await ask(prepared(operation), operation, requestOf(operation, call));
      assert.ok(statusCode < 300, `${statusCode} ${text}`);
    }
  });
}

for (const operation of withBody) {
  test(`${operation.method} ${operation.path}: a body that is missing, huge, of a wrong kind, broken`, async () => {
    const [{ type, example } = { type: '', example: undefined }] = operation.bodies;
    const other = type === 'application/wasm' ? 'application/json' : 'application/wasm';
    await refused(
      operation,
      [
        { body: '', type },
        { body: '', type: '' },
      ],
      [400],
    );
    await refused(operation, [{ body: Buffer.alloc(9000, ' ') }, { body: `${' '.repeat(9000)}{}` }], [413]);
    const types = [
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/x-www-form-urlencoded',
      other,
      'x',
      'a/b/c',
      ';',
      '*/*',
      `${type}x`,
    ];
    await refused(
      operation,
      [...types.map((wrong) => ({ type: wrong })), { type: '' }, { type: `${type}; charset=latin1` }],
      [415],
    );
    if (type === 'application/wasm') return;
    const broken = [
      '{',
      '}',
      '{"a": }',
      '{"a": 1}}',
      "{'a': 1}",
      '{"a": 1,}',
      'nul',
      '\u0000',
      '\uFEFF{',
      '[1',
      '"',
      `${'['.repeat(2000)}`,
    ];
    await refused(
      operation,
      [...broken.map((body) => ({ body })), { body: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]) }],
      [400],
    );
    const answers = operation.id === 'validate' ? [200] : [400];
    await refused(
      operation,
      ['[]', '7', '"text"', 'true'].map((body) => ({ body })),
      answers,
    );
    if (operation.id === 'patch') return;
    const unknown = { ...(example as object), unknown_field: 1 };
    await refused(operation, [{ body: JSON.stringify(unknown) }], operation.id === 'validate' ? [200] : [400, 422]);
  });

  test(`${operation.method} ${operation.path}: every field of the body with every wrong type`, async () => {
    const made = prepared(operation);
    const [{ example } = { example: undefined }] = operation.bodies;
    let count = 0;
    for (const body of wrongTypes(example)) {
      await ask(made, operation, requestOf(operation, { body: JSON.stringify(body) }));
      count++;
    }
    if (example !== undefined) assert.ok(count >= 8, `only ${count} were tried`);
  });
}

for (const operation of operations.filter(({ path }) => path.includes('{'))) {
  test(`${operation.method} ${operation.path}: names that are none, or lead elsewhere`, async () => {
    const [, parameter = ''] = /\{(\w+)\}/.exec(operation.path) ?? [];
    // `.` and `..` alone are taken out of an address before it is sent: those go over a socket, below.
    const names = ODD_NAMES.filter((name) => !/^(?:\.|%2e){1,2}$/i.test(name));
    const made = prepared(operation);
    for (const name of names) {
      const response = await ask(made, operation, requestOf(operation, { path: { [parameter]: name } }));
      // PUT …/config makes what is not there yet; but the spec has a name of its own.
      assert.ok(
        [400, 404].includes(response.statusCode),
        `${name.slice(0, 40)}: ${response.statusCode} ${response.body}`,
      );
    }
    const named = made.control.calls.filter((call) =>
      call.slice(1).some((part) => typeof part === 'string' && /[./\\\0]/.test(part) && part.length < 200),
    );
    assert.deepEqual(named, [], 'a name that is no name reached the sidecar');
  });
}

for (const operation of withQuery) {
  test(`${operation.method} ${operation.path}: a query that is not understood`, async () => {
    const bad = ['unknown=1', '__proto__=1', 'a[b]=1', '%zz', '&&&=', 'x'.repeat(5000)];
    for (const { name, schema } of operation.parameters.filter((parameter) => parameter.in === 'query')) {
      bad.push(`${name}=`, `${name}=%00`, `${name}=${'9'.repeat(400)}`, `${name}=-1`, `${name}=None`);
      if (schema.type === 'integer' || schema.enum !== undefined)
        bad.push(`${name}=1.5`, `${name}=1e3`, `${name}=0x10`, `${name}=%201`);
      if (name !== 'expand') bad.push(`${name}=true&${name}=true`);
    }
    const required = operation.parameters.some((parameter) => parameter.in === 'query' && parameter.required);
    // A name may be all digits.
    const calls = bad
      .filter((query) => !(required && /^name=9+$/.test(query) && query.length < 130))
      .map((query) => ({ query }));
    await refused(operation, calls, [400]);
    if (required) await refused(operation, [{ query: '' }], [400]);
  });
}

for (const operation of operations) {
  test(`${operation.method} ${operation.path}: with the right token, a wrong one, none`, async () => {
    const tokens = { adminToken: ADMIN_TOKEN, readOnlyToken: READ_ONLY_TOKEN };
    const status = async (authorization?: string): Promise<LightMyRequestResponse> => {
      const headers = authorization === undefined ? {} : { authorization };
      return ask(prepared(operation, tokens), operation, requestOf(operation, { headers }));
    };
    assert.ok((await status(`Bearer ${ADMIN_TOKEN}`)).statusCode < 300);
    const changes = operation.method !== 'GET' && !['validate', 'plan'].includes(operation.id);
    const readOnly = await status(`bearer ${READ_ONLY_TOKEN}`);
    assert.equal(readOnly.statusCode < 300 ? 'may' : readOnly.statusCode, changes ? 403 : 'may');
    const wrong = [
      'Bearer',
      'Bearer ',
      `Bearer ${ADMIN_TOKEN}x`,
      `Bearer ${ADMIN_TOKEN.slice(1)}`,
      ADMIN_TOKEN,
      `Basic ${ADMIN_TOKEN}`,
      'Bearer a b',
    ];
    for (const authorization of [undefined, ...wrong, `Bearer ${'x'.repeat(8000)}`]) {
      const { statusCode, headers, body } = await status(authorization);
      if (operation.isOpen) {
        assert.ok(statusCode < 300);
        continue;
      }
      assert.equal(statusCode, 401, authorization);
      assert.match(String(headers['www-authenticate']), /^Bearer realm=/);
      assert.ok(!body.includes(ADMIN_TOKEN.slice(1, 12)), 'a token is shown');
    }
  });
}

test('every method a path does not have is refused with those it has', async () => {
  const { api } = fixture();
  for (const path of new Set(operations.map((operation) => operation.path))) {
    const here = operations.filter((operation) => operation.path === path);
    const { url } = requestOf(here[0]!, { body: '' });
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const) {
      const has = here.some((operation) => operation.method === (method === 'HEAD' ? 'GET' : method));
      // What is a path of its own for PUT is a transform's name for others.
      if (has || /\/(?:validate|plan)$/.test(path)) continue;
      const response = await api.inject({ method, url } as InjectOptions);
      assert.equal(response.statusCode, 405, `${method} ${path}`);
      const allow = String(response.headers['allow']).split(', ');
      for (const operation of here)
        assert.ok(allow.includes(operation.method), `${method} ${path} allows ${allow.join()}`);
      assert.ok(!allow.includes(method));
    }
  }
});

test('addresses with . and .. as they are, over a socket: none leads anywhere', async (t) => {
  const { api, control } = fixture();
  t.after(() => api.close());
  const { port } = new URL(await listen(api, { address: '127.0.0.1', port: 0 }));
  const paths = operations.flatMap(({ path }) =>
    path.includes('{')
      ? ['..', '.', '%2e%2e', '../../etc/passwd', '%2e%2e/%2e%2e'].map((name) => path.replace(/\{\w+\}/, name))
      : [],
  );
  paths.push(
    '//transforms',
    '/transforms//',
    '/transforms/',
    '/transforms/mask-pii/',
    '/transforms/mask-pii/../../etc',
    '/%2e%2e/etc/passwd',
    '/transforms%2fmask-pii',
  );
  for (const path of paths) {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const request = httpRequest({ port, method, path, agent: false, host: '127.0.0.1' }).end();
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      const error = (await new Response(response as unknown as ReadableStream).json()) as {
        error_code: number;
        code: string;
      };
      assert.ok([400, 404, 405].includes(response.statusCode ?? 0), `${method} ${path}: ${response.statusCode}`);
      assert.equal(error.error_code, response.statusCode);
    }
  }
  assert.deepEqual(control.calls, []);
});

test('the checker itself: an answer that is not as described is found', async () => {
  const { api, control } = fixture();
  const status = operations.find(({ id }) => id === 'status')!;
  const good = await api.inject('/transforms/mask-pii/status');
  assert.equal(contract.fault(status, good), undefined);
  control.statusMore = { workerId: 7 as unknown as string };
  assert.match(contract.fault(status, await api.inject('/transforms/mask-pii/status'))!, /must be string/);
  assert.match(contract.fault(status, await api.inject('/transforms'))!, /must be object/);
  assert.match(contract.fault({ ...status, statuses: new Set([201]) }, good)!, /not described/);
});
