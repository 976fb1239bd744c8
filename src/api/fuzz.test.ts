import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InjectOptions } from 'fastify';
import { seededRng, type Rng } from '../base/rng.ts';
import { fixture } from './testing/api-fixture.ts';
import { Contract, ODD_NAMES, requestOf } from './testing/contract.ts';
import { FREE_SHA256, MASK_PII } from './testing/fake-control.ts';

const SEED = Number(process.env['STREAMLINE_FUZZ_SEED'] ?? 5);
const REQUESTS = 4000;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];
const TYPES = [
  'application/json',
  'application/yaml',
  'text/yaml; charset=utf-8',
  'application/wasm',
  'application/merge-patch+json',
  'text/plain',
  '',
  ';;',
  'a/b; c="',
];
const NUMBERS = [0, -0, -1, 1.5, 1e308, 2 ** 53, Number.MIN_VALUE, 2 ** 31];
const WORDS = [
  'name',
  'config',
  'input_topic',
  'to',
  'offsets',
  'partition',
  'level',
  '__proto__',
  'constructor',
  'mask-pii',
  'earliest',
  '@',
  '+9',
  'DEBUG',
  '',
  '\u0000',
  '\ud800',
  '😀',
  '*a',
  '&a',
  '<<',
  '!!js',
  '- -',
  ': :',
  '%YAML 1.1',
  '---',
  '\t',
  '"',
  '../..',
  'x'.repeat(300),
];
const DAMAGE = ['', ...'{}[]",:\\\n\t\0&*!|>%@`\'#-0é'.split('')];
const QUERIES = [
  'expand=status',
  'expand',
  'tail=5',
  'tail=-1',
  'since=9',
  'follow=true',
  'group=true',
  'name=a',
  'onlyFailed=maybe',
  '%',
  '=',
  'a[]=1',
  '#x',
];

const one = <T>(rng: Rng, from: readonly T[]): T => from[Math.floor(rng() * from.length)] as T;

function value(rng: Rng, depth = 0): unknown {
  const kind = Math.floor(rng() * (depth > 5 ? 4 : 6));
  if (kind === 0) return one(rng, WORDS);
  if (kind === 1) return one(rng, NUMBERS);
  if (kind === 2) return rng() < 0.5;
  if (kind === 3) return null;
  const items = Array.from({ length: Math.floor(rng() * 4) }, () => value(rng, depth + 1));
  return kind === 4 ? items : Object.fromEntries(items.map((item) => [one(rng, WORDS), item]));
}

/** Some characters replaced, removed, doubled. */
function damaged(rng: Rng, text: string): string {
  const characters = text.split('');
  for (let i = 0; i < 1 + rng() * 5; i++) {
    const at = Math.floor(rng() * characters.length);
    characters.splice(at, Math.floor(rng() * 3), one(rng, DAMAGE));
  }
  return characters.join('');
}

test(`${REQUESTS} requests of any kind (seed ${SEED}): none is the sidecar's fault, every refusal has the shape of an error`, async () => {
  const rng = seededRng(SEED);
  const { api, control, logged } = fixture();
  control.following = async function* () {};
  const { operations } = await Contract.of(api);
  const seen = new Map<number, number>();
  for (let i = 0; i < REQUESTS; i++) {
    // Else the first to remove it leaves nothing to try.
    control.specs.set('mask-pii', { text: MASK_PII, target: rng() < 0.5 ? 'RUNNING' : 'STOPPED' });
    const operation = one(rng, operations);
    const way = operation.path;
    const name = () =>
      rng() < 0.8
        ? one(rng, ['mask-pii', 'root', FREE_SHA256])
        : one(rng, [...ODD_NAMES, encodeURIComponent(one(rng, WORDS).toWellFormed())]);
    const path = rng() < 0.9 ? way.replaceAll(/\{\w+\}/g, name) : damaged(rng, way).replaceAll(/[^ -~]/g, '');
    const query =
      rng() < 0.7 ? (operation.id === 'upload' ? '?name=a' : '') : `?${one(rng, QUERIES)}&${one(rng, QUERIES)}`;
    const good = requestOf(operation).payload as string | Buffer | undefined;
    const body = one<() => string | Buffer>(rng, [
      () => JSON.stringify(value(rng)),
      () => damaged(rng, String(good ?? '{}')),
      () => damaged(rng, `name: a${Math.floor(rng() * 5)}\ninput_topic: a\noutput_topic: b\nwasm_module: m.wasm\n`),
      () => good ?? '',
      () => Buffer.from([rng() * 256, rng() * 256, 0xff]),
    ])();
    const request = {
      method: rng() < 0.85 ? operation.method : one(rng, METHODS),
      url: `/${path.replace(/^[^a-z]+/, '')}${query}`,
      headers: {
        'content-type': rng() < 0.8 ? (operation.bodies[0]?.type ?? '') : one(rng, TYPES),
        ...(rng() < 0.05 ? { 'content-length': '7' } : {}),
      },
      ...(rng() < (good === undefined ? 0.3 : 0.9) ? { payload: body } : {}),
    } as InjectOptions;
    const response = await api.inject(request);
    const { statusCode } = response;
    const said = `request ${i}: ${JSON.stringify(request).slice(0, 600)}\n${statusCode} ${response.body}`;
    seen.set(statusCode, (seen.get(statusCode) ?? 0) + 1);
    assert.ok(statusCode < 500, said);
    if (statusCode >= 400 && request.method !== 'HEAD') {
      const error = response.json() as { error_code: number; code: string; message: string };
      assert.equal(error.error_code, statusCode, said);
      assert.ok(/^[a-z]+\.[a-z_]+$/.test(error.code) && error.message !== '' && !/\n +at /.test(response.body), said);
    }
    assert.deepEqual(logged, [], said);
  }
  // It must get past the door for what is behind it to be tried.
  for (const status of [200, 201, 202, 204, 400, 404, 405, 409, 415, 422])
    assert.ok(seen.has(status), `never ${status}: ${JSON.stringify([...seen])}`);
});
