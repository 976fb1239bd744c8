import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { BY_HAND_SHA256, FREE_SHA256 } from './fake-control.ts';

export type Json = Record<string, unknown>;

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required: boolean;
  readonly example?: string;
  readonly schema: { readonly type?: string; readonly enum?: readonly string[] };
}

/** One path and method of /openapi.json. */
export interface Operation {
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly parameters: readonly Parameter[];
  /** Media types it takes, with an example each. */
  readonly bodies: readonly { readonly type: string; readonly example: unknown }[];
  readonly statuses: ReadonlySet<number>;
  readonly isOpen: boolean;
}

/** A request as a client makes one. */
export interface Call {
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly type?: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The description as what it is for a client: which requests there are, and what may come back. */
export class Contract {
  readonly operations: readonly Operation[];
  readonly #document: Json;
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });
  readonly #compiled = new Map<string, ValidateFunction | undefined>();

  constructor(document: Json) {
    this.#document = document;
    const paths = document['paths'] as Record<string, Record<string, Json>>;
    this.operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => operationOf(path, method, operation)),
    );
  }

  static async of(api: FastifyInstance): Promise<Contract> {
    return new Contract((await api.inject('/openapi.json')).json());
  }

  /** What is wrong with a response by the description; undefined: nothing. */
  fault(operation: Operation, response: LightMyRequestResponse): string | undefined {
    const { statusCode: status, body, headers } = response;
    const said = `${operation.method} ${operation.path} answered ${status} ${body.slice(0, 300)}`;
    if (!operation.statuses.has(status)) return `${said}, which is not described`;
    const type = String(headers['content-type'] ?? '').split(';', 1)[0] ?? '';
    const content = this.#responseOf(operation, status)['content'] as Record<string, Json> | undefined;
    if (content === undefined) return body === '' ? undefined : `${said} with a body`;
    const media = content[type];
    if (media === undefined) return `${said} as ${type}, which is not described`;
    if (type !== 'application/json' && type !== 'application/x-ndjson') return undefined;
    const lines = type === 'application/json' ? [body] : body.split('\n').filter((line) => line !== '');
    const validate = this.#validator(`${operation.id} ${status} ${type}`, media['schema'] as Json);
    const bad = lines.find((line) => !validate(JSON.parse(line)));
    return bad === undefined ? undefined : `${said}: ${this.#ajv.errorsText(validate.errors)}`;
  }

  #responseOf({ path, method }: Operation, status: number): Json {
    const paths = this.#document['paths'] as Record<string, Record<string, { responses: Record<string, Json> }>>;
    return paths[path]?.[method.toLowerCase()]?.responses[status] ?? {};
  }

  #validator(key: string, schema: Json): ValidateFunction {
    const known = this.#compiled.get(key);
    if (known !== undefined) return known;
    const made = this.#ajv.compile({ allOf: [schema], components: this.#document['components'] });
    this.#compiled.set(key, made);
    return made;
  }
}

const MODULE = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

/** A request that is right, changed where `call` says so. */
export function requestOf(operation: Operation, call: Call = {}): InjectOptions {
  const url = operation.path.replaceAll(
    /\{(\w+)\}/g,
    (_, name: string) => call.path?.[name] ?? pathExample(operation, name),
  );
  const required = operation.parameters.filter((parameter) => parameter.in === 'query' && parameter.required);
  const query = call.query ?? required.map(({ name, example }) => `${name}=${example}`).join('&');
  const [first] = operation.bodies;
  const body = call.body ?? (first === undefined ? undefined : exampleBody(first));
  const type = call.type ?? first?.type;
  return {
    method: operation.method,
    url: query === '' ? url : `${url}?${query}`,
    headers: { ...(type === undefined || type === '' ? {} : { 'content-type': type }), ...call.headers },
    ...(body === undefined ? {} : { payload: body }),
  };
}

export function exampleBody({ type, example }: Operation['bodies'][number]): string | Buffer {
  return type === 'application/wasm' ? MODULE : JSON.stringify(example);
}

function pathExample(operation: Operation, name: string): string {
  // The example in the description is in use.
  if (operation.id === 'deleteModule') return FREE_SHA256;
  const example = operation.parameters.find((parameter) => parameter.in === 'path' && parameter.name === name)?.example;
  if (example === undefined) throw new Error(`${operation.path}: {${name}} has no example`);
  return example;
}

function operationOf(path: string, method: string, operation: Json): Operation {
  const body = operation['requestBody'] as { content: Record<string, { example?: unknown }> } | undefined;
  const responses = Object.keys(operation['responses'] as Json);
  return {
    id: operation['operationId'] as string,
    method: method.toUpperCase() as Operation['method'],
    path,
    parameters: (operation['parameters'] ?? []) as Parameter[],
    bodies: Object.entries(body?.content ?? {}).map(([type, { example }]) => ({ type, example })),
    statuses: new Set(responses.map(Number)),
    isOpen: (operation['security'] as unknown[] | undefined)?.length === 0,
  };
}

/** Every value of another kind in every place of an example, one at a time. */
export function* wrongTypes(example: unknown): Generator<unknown> {
  const wrong = [null, true, 7, -1, 1e308, 'text', '', [], [[]], {}, { a: { b: 1 } }];
  yield* wrong.filter((value) => kindOf(value) !== kindOf(example));
  if (Array.isArray(example)) {
    for (const [i, item] of example.entries()) for (const bad of wrongTypes(item)) yield example.with(i, bad);
  } else if (typeof example === 'object' && example !== null) {
    for (const [key, value] of Object.entries(example)) {
      for (const bad of wrongTypes(value)) yield { ...example, [key]: bad };
      yield Object.fromEntries(Object.entries(example).filter(([other]) => other !== key));
    }
  }
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
}

/** Names nobody has, and some that lead elsewhere where names become files. */
export const ODD_NAMES: readonly string[] = [
  '.',
  '..',
  '...',
  '%2e%2e',
  '%2E%2E%2F%2E%2E%2Fetc%2Fpasswd',
  '..%2f..%2fetc%2fpasswd',
  '..%5c..%5cwindows',
  '%c0%ae%c0%ae',
  '%00',
  'mask-pii%00',
  'mask-pii%00.yaml',
  'mask-pii.yaml',
  '%2fetc%2fpasswd',
  '%',
  '%zz',
  '%F0%9F%98%80',
  '%E2%80%AE',
  'UPPER',
  'mask_pii',
  '-a',
  'a-',
  'a--b',
  'a%20b',
  'a%0d%0aSet-Cookie:x',
  'a;b',
  '__proto__',
  'constructor',
  'to-string',
  '%3Cscript%3E',
  '%22',
  "'",
  '*',
  '~',
  'nope',
  'a'.repeat(129),
  'x'.repeat(10_000),
  '%61'.repeat(3000),
  BY_HAND_SHA256.slice(1),
];
