import api from '@kafkajs/confluent-schema-registry/dist/api/index.js';
import type {
  SchemaRegistryAPIClient,
  SchemaRegistryAPIClientArgs,
} from '@kafkajs/confluent-schema-registry/dist/api/index.js';
import type { z } from 'zod';
import { systemClock, type Clock } from '../../base/clock.ts';
import type { ErrorCode } from '../../base/error-code.ts';
import { StreamlineError, toStreamlineError } from '../../base/error.ts';
import type { Rng } from '../../base/rng.ts';
import type { RegistryConfig } from '../../spec/registry-config.ts';
import type { RegisteredSchema, SchemaType } from '../schema.ts';
import { backoffMs } from './backoff.ts';
import { ReferenceWalk } from './reference-walk.ts';
import {
  compatibilityAnswer,
  levelAnswer,
  registerAnswer,
  registeredAnswer,
  schemaAnswer,
  versionAnswer,
  type FetchedSchema,
  type SchemaReference,
} from './registry-answer.ts';
import { isTransient, refusalOf, type Asked } from './registry-refusal.ts';
import { RegistryTransport, type HttpAnswer } from './registry-transport.ts';
import { RequestStats } from './request-stats.ts';

type Middleware = NonNullable<SchemaRegistryAPIClientArgs['middlewares']>[number];

/** The latest of a subject, or one of its versions. */
export interface SubjectSchema extends RegisteredSchema {
  readonly subject: string;
  readonly version: number;
}

export interface SchemaToRegister {
  readonly type: SchemaType;
  readonly text: string;
  /** What it refers to, as the registry has it. */
  readonly references?: readonly SchemaReference[];
}

export interface CompatibilityVerdict {
  readonly compatible: boolean;
  /** Why not, in the registry's words; none from a registry that gives no reasons. */
  readonly messages: readonly string[];
}

/**
 * Asks a registry that speaks Confluent's protocol. Every method rejects with registry.unreachable, registry.unauthorized,
 * registry.failed when it does not get an answer after all retries; with guest.closed once closed.
 */
export class RegistryClient {
  /** `registry:8081` */
  readonly place: string;
  readonly requests = new RequestStats();
  readonly #config: RegistryConfig;
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #transport: RegistryTransport;
  readonly #rest: SchemaRegistryAPIClient;
  readonly #pauses = new Set<() => void>();

  constructor(config: RegistryConfig, clock: Clock = systemClock, rng: Rng = Math.random) {
    this.#config = config;
    this.#clock = clock;
    this.#rng = rng;
    this.#transport = new RegistryTransport(config);
    this.place = this.#transport.place;
    // The package's REST client and not its SchemaRegistry: that one compiles schemas on the thread that calls it, which the
    // main thread must not.
    this.#rest = api.default({ host: 'http://registry', clientId: 'streamline', middlewares: this.#middlewares() });
  }

  /** Rejects with schema.unknown_id, schema.missing (what it refers to), schema.unsupported, schema.invalid. */
  async schema(id: number): Promise<RegisteredSchema> {
    const asked: Asked = { what: `schema id ${id}`, missing: 'schema.unknown_id' };
    const fetched = await this.#ask(asked, schemaAnswer, () => this.#rest.Schema.find({ id }));
    return { id, ...(await this.#withReferences(asked.what, fetched)) };
  }

  /** Rejects with schema.missing, schema.unsupported, schema.invalid. */
  async subject(subject: string, version: number | 'latest'): Promise<SubjectSchema> {
    const fetched = await this.#version(subject, version);
    const what = `subject ${subject} version ${fetched.version}`;
    return {
      ...{ id: fetched.id, subject, version: fetched.version },
      ...(await this.#withReferences(what, fetched)),
    };
  }

  /**
   * Rejects with schema.incompatible or schema.invalid, in the registry's words.
   * @returns its id, the old one if it is registered under the subject already
   */
  async register(subject: string, schema: SchemaToRegister): Promise<number> {
    const asked: Asked = { what: `a schema for subject ${subject}`, missing: 'schema.missing', brings: true };
    try {
      const { id } = await this.#ask(asked, registerAnswer, () =>
        this.#rest.Subject.register({ subject: subjectName(subject), body: bodyOf(schema) }),
      );
      return id;
    } catch (error) {
      if (!(error instanceof StreamlineError) || error.code !== 'schema.incompatible') throw error;
      // Some give their reasons only to whoever asks for the verdict.
      const verdict = await this.compatibility(subject, schema).catch(() => undefined);
      const reasons = verdict?.messages.filter((reason) => !error.message.includes(reason)).slice(0, REASONS_MAX) ?? [];
      throw new StreamlineError(error.code, [error.message, ...reasons].join('; '), { cause: error });
    }
  }

  /** Under which id and version the subject has this very schema; undefined: it does not. */
  async registered(subject: string, schema: SchemaToRegister): Promise<{ id: number; version: number } | undefined> {
    const asked: Asked = { what: `a schema of subject ${subject}`, missing: 'schema.missing', brings: true };
    return orUndefined(
      this.#ask(asked, registeredAnswer, () =>
        this.#rest.Subject.registered({ subject: subjectName(subject), body: bodyOf(schema) }),
      ),
    );
  }

  /** Of a schema with the latest one of the subject; undefined: the subject has none yet. */
  async compatibility(subject: string, schema: SchemaToRegister): Promise<CompatibilityVerdict | undefined> {
    // Some registries find everything compatible with a subject that is not there.
    if ((await orUndefined(this.#version(subject, 'latest'))) === undefined) return undefined;
    const asked: Asked = { what: `compatibility with subject ${subject}`, missing: 'schema.missing', brings: true };
    const body = bodyOf(schema);
    const verdict = await orUndefined(
      this.#ask(asked, compatibilityAnswer, () =>
        this.#rest.Subject.compatible({ subject: subjectName(subject), version: 'latest', verbose: true, body }),
      ),
    );
    return verdict && { compatible: verdict.is_compatible, messages: verdict.messages ?? [] };
  }

  /** `BACKWARD`; the registry's own where the subject has none; undefined where it has no subject of that name and no default. */
  async compatibilityLevel(subject: string): Promise<string | undefined> {
    const asked: Asked = { what: `the compatibility level of subject ${subject}`, missing: 'schema.missing' };
    const own = await orUndefined(
      this.#ask(asked, levelAnswer, () =>
        this.#rest.Subject.config({ subject: subjectName(subject), defaultToGlobal: true }),
      ),
    );
    // The package has no name for it.
    const level = own ?? (await orUndefined(this.#ask(asked, levelAnswer, () => this.#rest.Subject.config(GLOBAL))));
    return level?.compatibilityLevel;
  }

  /** Ends what is under way; what is asked later is refused. */
  close(): void {
    this.#transport.close();
    for (const end of this.#pauses) end();
  }

  async #version(subject: string, version: number | 'latest'): Promise<z.output<typeof versionAnswer>> {
    const asked: Asked = { what: `subject ${subject} version ${version}`, missing: 'schema.missing' };
    return this.#ask(asked, versionAnswer, () =>
      this.#rest.Subject.version({ subject: subjectName(subject), version }),
    );
  }

  async #withReferences(what: string, fetched: FetchedSchema): Promise<Omit<RegisteredSchema, 'id'>> {
    const type = typeOf(what, fetched);
    const walk = new ReferenceWalk(what, this.#config.schemaBytesMax, async ({ name, subject, version }) => {
      try {
        // -1 is what a registry writes for the latest.
        return await this.#version(subject, version < 1 ? 'latest' : version);
      } catch (error) {
        if (!(error instanceof StreamlineError) || error.code !== 'schema.missing') throw error;
        throw new StreamlineError(error.code, `${what} refers to ${name}: ${error.message}`, { cause: error });
      }
    });
    return { type, text: fetched.schema, references: await walk.from(fetched) };
  }

  /** One question with its retries: all that is asked here may be asked twice. */
  async #ask<T extends z.ZodType>(asked: Asked, shape: T, send: () => Promise<unknown>): Promise<z.output<T>> {
    for (let tried = 0; ; tried += 1) {
      const answer = await this.#tried(send);
      const isPassing = answer instanceof StreamlineError ? UNANSWERED.has(answer.code) : isTransient(answer.status);
      if (!isPassing || tried >= this.#config.retries) {
        if (answer instanceof StreamlineError) throw answer;
        if (answer.status >= 200 && answer.status < 300) return this.#believe(asked, shape, answer);
        throw this.#redacted(refusalOf(asked, this.place, answer));
      }
      await this.#pause(backoffMs(tried, this.#config.retryBackoffMs, this.#config.retryBackoffMaxMs, this.#rng));
    }
  }

  async #tried(send: () => Promise<unknown>): Promise<HttpAnswer | StreamlineError> {
    const beganMs = this.#clock.nowMs();
    let answer: HttpAnswer | StreamlineError;
    try {
      // What the outermost middleware returned, which is ours.
      answer = (await send()) as HttpAnswer;
    } catch (error) {
      answer = toStreamlineError(error);
    }
    this.requests.count(answer, this.#clock.nowMs() - beganMs);
    return answer;
  }

  #believe<T extends z.ZodType>(asked: Asked, shape: T, { text }: HttpAnswer): z.output<T> {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw this.#nonsense(asked, 'no JSON');
    }
    const result = shape.safeParse(value);
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    throw this.#nonsense(asked, `/${issue?.path.join('/') ?? ''}: ${issue?.message ?? 'of another shape'}`);
  }

  #nonsense({ what }: Asked, problem: string): StreamlineError {
    const message = `the schema registry at ${this.place} answers nonsense, asked for ${what}: ${problem}`;
    return new StreamlineError('registry.failed', message, {
      suggestion: 'Check schema_registry.url with its base path: something else may answer there.',
    });
  }

  /** A proxy may show in its answer what it was asked with. */
  #redacted(error: StreamlineError): StreamlineError {
    const message = secretsOf(this.#config).reduce(
      (text, secret) => text.replaceAll(secret, '[redacted]'),
      error.message,
    );
    if (message === error.message) return error;
    return new StreamlineError(error.code, message, { suggestion: error.suggestion });
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#pauses.delete(end);
        resolve();
      };
      const cancel = this.#clock.after(delayMs, end);
      this.#pauses.add(end);
    });
  }

  /*
   * The package makes the request, our transport carries it. Its own has no bound of an answer's size and no deadline but one
   * of idleness, waits for ever for an answer that was cut off, reports "no connection" as status 400, and retries neither
   * POSTs nor timeouts nor 429, by settings that all clients of a process share. The last middleware is the outermost.
   */
  #middlewares(): Middleware[] {
    const { auth } = this.#config;
    const authorization: Middleware = () => ({
      prepareRequest: async (next) => {
        const request = await next();
        if (auth === undefined) return request;
        if (auth.kind === 'bearer')
          return request.enhance({ headers: { authorization: `Bearer ${auth.token.reveal()}` } });
        return request.enhance({ auth: { username: auth.username, password: auth.password.reveal() } });
      },
    });
    const gateway: Middleware = () => ({
      response: (_next, _renew, request) => {
        const { username, password } = request.auth() ?? {};
        const body: unknown = request.body();
        const answer = this.#transport.send({
          method: request.method().toUpperCase(),
          path: request.path(),
          headers: stringsOf(request.headers()),
          auth: username === undefined ? undefined : `${username}:${password ?? ''}`,
          body: typeof body === 'string' ? body : undefined,
        });
        return answer as unknown as ReturnType<typeof _next>;
      },
    });
    return [authorization, gateway];
  }
}

const GLOBAL = { path: '/config' };
/** Of the transport's. */
const UNANSWERED: ReadonlySet<ErrorCode> = new Set(['registry.unreachable', 'registry.failed']);
const REASONS_MAX = 5;

/** What there is none of is no error to whoever only wants to know. */
async function orUndefined<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof StreamlineError && error.code === 'schema.missing') return undefined;
    throw error;
  }
}

/** The package encodes it; these would still be steps in a path. */
function subjectName(subject: string): string {
  if (!['', '.', '..'].includes(subject)) return subject;
  throw new StreamlineError('schema.missing', `no subject can be called "${subject}"`);
}

function typeOf(what: string, { schemaType }: FetchedSchema): SchemaType {
  const type = schemaType ?? 'AVRO';
  if (type === 'AVRO' || type === 'JSON' || type === 'PROTOBUF') return type;
  throw new StreamlineError('schema.unsupported', `${what} is of type ${type.slice(0, 100)}, which is not supported`, {
    suggestion: 'AVRO, JSON and PROTOBUF are known.',
  });
}

function stringsOf(headers: object): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

function secretsOf({ auth }: RegistryConfig): string[] {
  if (auth === undefined) return [];
  if (auth.kind === 'bearer') return [auth.token.reveal()];
  const password = auth.password.reveal();
  return [Buffer.from(`${auth.username}:${password}`).toString('base64'), password].filter((secret) => secret !== '');
}

/** `schemaType` is left out for Avro: registries from before there were other types refuse it. */
function bodyOf({ type, text, references = [] }: SchemaToRegister): Record<string, unknown> {
  return {
    schema: text,
    ...(type === 'AVRO' ? {} : { schemaType: type }),
    ...(references.length === 0 ? {} : { references }),
  };
}
