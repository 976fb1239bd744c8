import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RequestError } from './request-error.ts';
import { checkJson, parseExactJson } from './exact-json.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { Slots } from './slots.ts';

/** What a path takes as its body. */
export type BodyKind = 'none' | 'json' | 'merge-patch' | 'spec' | 'module';

const YAML_TYPES = ['application/yaml', 'application/x-yaml', 'text/yaml'];

export const MEDIA_TYPES: Readonly<Record<BodyKind, readonly string[]>> = {
  none: [],
  json: ['application/json'],
  'merge-patch': ['application/json', 'application/merge-patch+json'],
  // JSON is YAML: both are handed on as they were written, digits, order and comments included.
  spec: ['application/json', ...YAML_TYPES],
  module: ['application/wasm'],
};

/** The text of a spec as it came. */
class SpecBody {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Of merge patches: what was checked as data is handed on as it was written. */
const patchTexts = new WeakMap<FastifyRequest['raw'], string>();

export function patchText({ raw }: Pick<FastifyRequest, 'raw'>): string {
  return patchTexts.get(raw) ?? '{}';
}

/** Reads every body: by what the path takes, not by what the request calls it. */
export function readBodies(server: FastifyInstance, uploads: Slots, specs: ByteBudget): void {
  server.addHook('preParsing', (request, reply, payload, done) => {
    try {
      checkMediaType(request);
      if (bodyKind(request) === 'module') {
        const giveBack = uploads.take();
        reply.raw.once('close', giveBack);
      }
      done(null, payload);
    } catch (thrown) {
      // Nobody reads what is still on its way.
      void reply.header('connection', 'close');
      done(thrown as Error);
    }
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (request: FastifyRequest, body: Buffer, done) => {
    try {
      const kind = bodyKind(request);
      if (kind === 'spec' || kind === 'merge-patch') specs.take(body.length);
      done(null, parse(kind, body, request));
    } catch (thrown) {
      done(thrown as Error);
    }
  });
}

export function specBody(request: { readonly body: unknown }): string {
  if (request.body instanceof SpecBody) return request.body.text;
  throw missing('a spec, as JSON or YAML');
}

export function moduleBody(request: { readonly body: unknown }): Uint8Array {
  if (request.body instanceof Uint8Array && request.body.length > 0) return request.body;
  throw missing('a module, as application/wasm');
}

function bodyKind(request: FastifyRequest): BodyKind | undefined {
  return request.is404 ? undefined : (request.routeOptions.config.body ?? 'none');
}

function parse(kind: BodyKind | undefined, body: Buffer, request: FastifyRequest): unknown {
  switch (kind) {
    case undefined:
      return undefined;
    case 'module':
      return body;
    case 'spec':
    case 'json':
    case 'merge-patch':
    case 'none':
      break;
  }
  const text = textOf(body);
  // Programs send `{}` or nothing where nothing is wanted.
  if (text.trim() === '' || (kind === 'none' && text.trim() === '{}')) return undefined;
  if (kind === 'none') {
    throw new RequestError('request.invalid', 'this path takes no body', { place: 'body', suggestion: 'Send none.' });
  }
  if (kind === 'merge-patch') {
    patchTexts.set(request.raw, text);
    return parseExactJson(text, 'any');
  }
  if (kind !== 'spec') return parseExactJson(text);
  if (mediaType(request) === 'application/json') checkJson(text);
  return new SpecBody(text);
}

function checkMediaType(request: FastifyRequest): void {
  const kind = bodyKind(request);
  if (kind === undefined || kind === 'none' || !hasBody(request)) return;
  const expected = MEDIA_TYPES[kind];
  const charset = /;\s*charset="?([^";\s]*)/i.exec(request.headers['content-type'] ?? '')?.[1]?.toLowerCase();
  if (expected.includes(mediaType(request)) && (charset === undefined || charset === 'utf-8' || charset === 'utf8'))
    return;
  throw new RequestError('request.media_type', `the body must be ${expected.join(' or ')}, in UTF-8`, {
    place: 'headers',
    configPath: '/content-type',
    suggestion: `Send \`Content-Type: ${expected[0]}\`.`,
    headers: { accept: expected.join(', ') },
  });
}

function hasBody({ method, headers }: FastifyRequest): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function mediaType(request: FastifyRequest): string {
  return request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function textOf(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new RequestError('request.invalid', 'the body is not in UTF-8', { place: 'body', suggestion: 'Send UTF-8.' });
  }
}

function missing(what: string): RequestError {
  return new RequestError('request.invalid', 'the body is missing', { place: 'body', suggestion: `Send ${what}.` });
}
