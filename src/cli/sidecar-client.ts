import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { Agent, request } from 'undici';
import { StreamlineError } from '../base/error.ts';
import { codeOfStatus, CommandError, errorOfShape } from './command-error.ts';
import { formatDuration } from './duration.ts';
import type { ErrorShape } from '../api/rest-shapes.ts';

const TOKEN_HINT = 'Give a token with --token-file, STREAMLINE_TOKEN_FILE or STREAMLINE_TOKEN.';
const ADDRESS_HINT = 'Is the sidecar running? Give its address with --url or STREAMLINE_URL.';

export interface Connection {
  /** Without a slash at its end. */
  readonly url: string;
  readonly token: string | undefined;
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly timeoutMs: number;
}

export type Body = { readonly json: unknown } | { readonly yaml: string } | { readonly wasm: Uint8Array };

interface Answer {
  readonly status: number;
  readonly body: Readable & { text(): Promise<string> };
}

/** The only way from the command line to a sidecar: its REST API. */
export class SidecarClient {
  readonly #connection: Connection;
  readonly #agent: Agent;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#agent = new Agent({ connect: { ...connection.tls, timeout: connection.timeoutMs } });
  }

  get url(): string {
    return this.#connection.url;
  }

  get<T>(path: string): Promise<T> {
    return this.#json('GET', path);
  }

  put<T>(path: string, body?: Body): Promise<T> {
    return this.#json('PUT', path, body);
  }

  post<T>(path: string, body?: Body): Promise<T> {
    return this.#json('POST', path, body);
  }

  patch<T>(path: string, body: Body): Promise<T> {
    return this.#json('PATCH', path, body);
  }

  async delete(path: string): Promise<void> {
    await this.#json('DELETE', path);
  }

  /** A spec as it was written. */
  async text(path: string, accept: string): Promise<string> {
    const { body } = await this.#send('GET', path, { accept });
    return this.#whole(body);
  }

  /** Lines as they come. With a signal, until it or the sidecar ends it, however long nothing comes. Rejects when the connection breaks. */
  async *lines(path: string, signal?: AbortSignal): AsyncGenerator<string> {
    const answer = await this.#send('GET', path, { accept: 'application/x-ndjson', ...(signal ? { signal } : {}) });
    const reader = createInterface({ input: answer.body, crlfDelay: Infinity });
    try {
      for await (const line of reader) if (line !== '') yield line;
    } catch (thrown) {
      throw signal?.aborted === true ? thrown : this.#unreachable(thrown);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #json<T>(method: string, path: string, body?: Body): Promise<T> {
    const answer = await this.#send(method, path, body === undefined ? {} : { body });
    const text = await this.#whole(answer.body);
    if (text === '') return undefined as T;
    return (parsed(text) ?? this.#stranger()) as T;
  }

  async #send(
    method: string,
    path: string,
    options: { readonly body?: Body; readonly accept?: string; readonly signal?: AbortSignal },
  ): Promise<Answer> {
    const { url, token, timeoutMs } = this.#connection;
    const { accept = 'application/json', body, signal } = options;
    // A log that is followed may be silent for hours: only the connecting has a limit.
    const silenceMs = signal === undefined ? timeoutMs : 0;
    const encoded = encode(body);
    try {
      const { statusCode, body: answer } = await request(`${url}${path}`, {
        method: method as 'GET',
        dispatcher: this.#agent,
        headers: {
          accept,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(encoded === undefined ? {} : { 'content-type': encoded.type }),
        },
        body: encoded?.data ?? null,
        headersTimeout: silenceMs,
        bodyTimeout: silenceMs,
        signal: signal ?? AbortSignal.timeout(timeoutMs),
      });
      if (statusCode >= 200 && statusCode < 300) return { status: statusCode, body: answer };
      throw this.#refusal(statusCode, await answer.text());
    } catch (thrown) {
      throw thrown instanceof StreamlineError || signal?.aborted === true ? thrown : this.#unreachable(thrown);
    }
  }

  async #whole(body: Answer['body']): Promise<string> {
    try {
      return await body.text();
    } catch (thrown) {
      throw this.#unreachable(thrown);
    }
  }

  #refusal(status: number, text: string): CommandError {
    const shape = parsed(text);
    const error = isErrorShape(shape)
      ? errorOfShape({ ...shape, error_code: status })
      : new CommandError(codeOfStatus(status), `${this.url} answered with HTTP status ${status}`, {
          httpStatus: status,
          suggestion: 'Is it a sidecar that answers there?',
        });
    if (status !== 401 || isErrorShape(shape) === false || error.suggestion !== undefined) return error;
    return new CommandError(error.code, error.message, { httpStatus: status, suggestion: TOKEN_HINT });
  }

  #stranger(): never {
    throw new CommandError('sidecar.unreachable', `what answers at ${this.url} is no sidecar`, {
      suggestion: ADDRESS_HINT,
    });
  }

  #unreachable(thrown: unknown): CommandError {
    const reason = reasonOf(thrown, this.#connection.timeoutMs);
    return new CommandError('sidecar.unreachable', `cannot reach the sidecar at ${this.url}: ${reason}`, {
      suggestion: hintOf(thrown),
      cause: thrown,
    });
  }
}

function encode(body: Body | undefined): { readonly type: string; readonly data: string | Uint8Array } | undefined {
  if (body === undefined) return undefined;
  if ('yaml' in body) return { type: 'application/yaml', data: body.yaml };
  if ('wasm' in body) return { type: 'application/wasm', data: body.wasm };
  return { type: 'application/json', data: JSON.stringify(body.json) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isErrorShape(value: unknown): value is ErrorShape {
  return typeof value === 'object' && value !== null && 'message' in value && 'code' in value;
}

/** Why nobody answered, in words. */
function reasonOf(thrown: unknown, timeoutMs: number): string {
  const error = thrown as { readonly name?: string; readonly code?: string; readonly message?: string };
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'nobody listens there';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'there is no host of that name';
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return 'the connection broke';
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return `no answer within ${formatDuration(timeoutMs)}`;
    default:
      if (error.name === 'TimeoutError') return `no answer within ${formatDuration(timeoutMs)}`;
      if (error.code?.startsWith('HPE_') === true) return 'what answers there does not speak HTTP';
      return error.code ?? error.message ?? String(thrown);
  }
}

function hintOf(thrown: unknown): string {
  // A DOMException's is a number.
  const code = String((thrown as { readonly code?: unknown }).code);
  if (/CERT|SELF_SIGNED|UNABLE_TO/.test(code))
    return 'Is it the right host? Give the certificates to trust with --cacert.';
  if (code.startsWith('ERR_OSSL')) return 'Are --cacert, --cert and --key PEM files of what they should be?';
  return ADDRESS_HINT;
}

/** A path of names: `transforms`, `mask-pii`, `status`. */
export function restPath(...parts: readonly string[]): string {
  return `/${parts.map(encodeURIComponent).join('/')}`;
}
