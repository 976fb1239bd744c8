import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { StreamlineError } from '../../base/error.ts';
import type { RegistryConfig } from '../../spec/registry-config.ts';

/** One request of the registry's client, as it goes out. */
export interface HttpQuestion {
  readonly method: string;
  /** Below the base path, encoded, with its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** `username:password` */
  readonly auth: string | undefined;
  readonly body: string | undefined;
}

/** Whatever was answered, of any status. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** Of what a registry says beside a schema. */
const ANSWER_BYTES_BESIDE = 64 * 1024;
/** Twice what a SchemaStore uses at once, so that a deploy finds one free. More requests wait for one another. */
const SOCKETS_MAX = 16;
const IDLE_MS_MAX = 30_000;

/**
 * HTTP to the registry: connections kept, one deadline from the first byte out to the last one in, a bound of the answer's size,
 * redirects answered and not followed.
 */
export class RegistryTransport {
  /** `registry:8081` */
  readonly place: string;
  readonly #target: URL;
  readonly #basePath: string;
  readonly #agent: HttpAgent;
  readonly #timeoutMs: number;
  readonly #answerBytesMax: number;
  readonly #closing = new AbortController();

  constructor(config: RegistryConfig) {
    this.#target = new URL(config.url);
    const isTls = this.#target.protocol === 'https:';
    this.place = `${this.#target.hostname}:${this.#target.port || (isTls ? '443' : '80')}`;
    this.#basePath = this.#target.pathname.replace(/\/+$/, '');
    const options = { keepAlive: true, maxSockets: SOCKETS_MAX, timeout: IDLE_MS_MAX };
    this.#agent = isTls ? new HttpsAgent({ ...options, ...filesOf(config.tls) }) : new HttpAgent(options);
    this.#timeoutMs = config.timeoutMs;
    // A schema is quoted twice: once as JSON, once as a text in JSON.
    this.#answerBytesMax = 2 * config.schemaBytesMax + ANSWER_BYTES_BESIDE;
  }

  /** Rejects with registry.unreachable, registry.failed, schema.invalid (too large), guest.closed. */
  send(question: HttpQuestion): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#closing.signal.aborted) {
        reject(this.#closed());
        return;
      }
      const request = this.#target.protocol === 'https:' ? requestHttps : requestHttp;
      const outgoing = request(this.#optionsOf(question));
      // Ours and not the socket's: that one is of idleness, and a registry that drips would never run into it.
      const timer = setTimeout(() => fail(this.#timedOut()), this.#timeoutMs);
      const onClosing = (): void => fail(this.#closed());
      const over = (): void => {
        clearTimeout(timer);
        this.#closing.signal.removeEventListener('abort', onClosing);
      };
      const fail = (error: unknown): void => {
        over();
        outgoing.destroy();
        reject(error instanceof StreamlineError ? error : this.#failed(error));
      };
      this.#closing.signal.addEventListener('abort', onClosing);
      outgoing.on('error', fail);
      outgoing.on('response', (incoming) => {
        this.#read(incoming).then((answer) => {
          over();
          resolve(answer);
        }, fail);
      });
      outgoing.end(question.body);
    });
  }

  /** Ends what is under way, and all connections. */
  close(): void {
    this.#closing.abort();
    this.#agent.destroy();
  }

  #optionsOf({ method, path, headers, auth, body }: HttpQuestion): RequestOptions {
    return {
      agent: this.#agent,
      // A URL writes an IPv6 address in brackets; a socket wants it without.
      hostname: this.#target.hostname.replace(/^\[|\]$/g, ''),
      port: this.#target.port,
      method,
      // As it is: a URL would take `..` in it for a step up.
      path: `${this.#basePath}${path}`,
      ...(auth === undefined ? {} : { auth }),
      headers: {
        accept: 'application/vnd.schemaregistry.v1+json, application/json',
        ...headers,
        ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
      },
    };
  }

  #read(incoming: IncomingMessage): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      incoming.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= this.#answerBytesMax) chunks.push(chunk);
        else reject(this.#tooLarge());
      });
      // Also one that was cut off in the middle.
      incoming.on('error', reject);
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      );
    });
  }

  #failed(error: unknown): StreamlineError {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code.startsWith('HPE_')) {
      return new StreamlineError(
        'registry.failed',
        `the schema registry at ${this.place} does not speak HTTP: ${code}`,
        {
          suggestion: 'Check whether schema_registry.url should begin with https://.',
          cause: error,
        },
      );
    }
    const message = `the schema registry at ${this.place} cannot be reached: ${reasonOf(error)}`;
    const suggestion = suggestionFor(code);
    return new StreamlineError('registry.unreachable', message, { suggestion, cause: error });
  }

  #timedOut(): StreamlineError {
    const message = `the schema registry at ${this.place} has not answered within ${this.#timeoutMs} ms`;
    return new StreamlineError('registry.unreachable', message);
  }

  #tooLarge(): StreamlineError {
    const message = `the schema registry at ${this.place} answers with more than ${this.#answerBytesMax} bytes`;
    return new StreamlineError('schema.invalid', message, {
      suggestion: 'Raise schema_registry.schema_bytes if the schema is meant to be so large.',
    });
  }

  #closed(): StreamlineError {
    return new StreamlineError('guest.closed', 'the schema registry is not asked any more: its client was closed');
  }
}

/** A host with several addresses gives one error for each. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

function suggestionFor(code: string): string | undefined {
  if (/CERT|SIGNATURE/.test(code)) {
    return 'Name the authority that vouches for its certificate in schema_registry.tls.ca, and its own name in the URL.';
  }
  if (code === 'EPROTO') return 'Check whether schema_registry.url should begin with http://.';
  return code === 'ENOTFOUND' || code === 'ECONNREFUSED' ? 'Check schema_registry.url.' : undefined;
}

function filesOf(tls: RegistryConfig['tls']): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  const read = (name: keyof RegistryConfig['tls'], file: string): Buffer => {
    try {
      return readFileSync(file);
    } catch (error) {
      const { code = 'unknown' } = error as NodeJS.ErrnoException;
      throw new StreamlineError('config.unreadable', `schema_registry.tls.${name} cannot be read: ${code}`, {
        place: file,
        configPath: `/schema_registry/tls/${name}`,
        cause: error,
      });
    }
  };
  return {
    ...(tls.ca === undefined ? {} : { ca: read('ca', tls.ca) }),
    ...(tls.cert === undefined ? {} : { cert: read('cert', tls.cert) }),
    ...(tls.key === undefined ? {} : { key: read('key', tls.key) }),
  };
}
