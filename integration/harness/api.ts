import assert from 'node:assert/strict';
import type { Sidecar } from './sidecar.ts';

const REQUEST_MS_MAX = 30_000;

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** `Error` of docs/rest-api.md. */
export interface ApiError {
  readonly error_code: number;
  readonly code: string;
  readonly message: string;
  readonly place?: string;
  readonly configPath?: string;
  readonly suggestion?: string;
  readonly reasons?: readonly ApiError[];
}

/** `Status` of docs/rest-api.md, as far as tests look. */
export interface ApiStatus {
  readonly connector: { readonly state: string };
  readonly target_state: string;
  readonly partitions: readonly number[];
  readonly error?: ApiError;
  readonly waiting?: { readonly for: string; readonly code: string; readonly message: string };
  readonly version?: { readonly number: number; readonly module_sha256: string; readonly config_sha256: string };
  readonly candidate?: { readonly stage: string; readonly error?: ApiError };
  readonly spec_errors: readonly ApiError[];
  readonly group?: {
    readonly state: string;
    readonly members: readonly { readonly partitions: readonly number[]; readonly self: boolean }[];
    readonly one_of: number;
  };
}

/** What a program says to a sidecar over HTTP. A body is a spec as text, a module as bytes, or an object as JSON. */
export class Api {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.#url = url;
    this.#headers = headers;
  }

  /** Of a sidecar that listens. */
  static of(sidecar: Sidecar, headers: Readonly<Record<string, string>> = {}): Api {
    return new Api(addressOf(sidecar), headers);
  }

  /** Rejects only when there is no answer. */
  async send(method: string, path: string, body?: string | Uint8Array<ArrayBuffer> | object): Promise<ApiAnswer> {
    const answer = await fetch(`${this.#url}${path}`, {
      method,
      headers: { ...this.#headers, ...(body === undefined ? {} : { 'content-type': mediaType(body) }) },
      body:
        body === undefined || typeof body === 'string' || body instanceof Uint8Array
          ? (body ?? null)
          : JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_MS_MAX),
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  }

  /** It must answer with one of these. */
  async ok(
    status: number | readonly number[],
    method: string,
    path: string,
    body?: Parameters<Api['send']>[2],
  ): Promise<string> {
    const answer = await this.send(method, path, body);
    assert.ok([status].flat().includes(answer.status), `${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.text;
  }

  /** It must be refused with this status and code; the error for more. */
  async refused(
    status: number,
    code: string,
    method: string,
    path: string,
    body?: Parameters<Api['send']>[2],
  ): Promise<ApiError> {
    const answer = await this.send(method, path, body);
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    const error = JSON.parse(answer.text) as ApiError;
    assert.deepEqual([error.error_code, error.code], [status, code], `${method} ${path}: ${answer.text}`);
    return error;
  }

  async get<T>(path: string): Promise<T> {
    return JSON.parse(await this.ok(200, 'GET', path)) as T;
  }

  /** `group`: asks the cluster too. */
  status(name: string, group = false): Promise<ApiStatus> {
    return this.get<ApiStatus>(`/transforms/${name}/status${group ? '?group=true' : ''}`);
  }
}

/** Where a sidecar listens, as it is reached from here. */
export function addressOf(sidecar: Sidecar): string {
  const address = sidecar.log.find(({ msg }) => msg === 'sidecar listening')?.['address'];
  assert.ok(typeof address === 'string', 'it does not listen');
  return address.replace('//0.0.0.0:', '//127.0.0.1:');
}

function mediaType(body: string | Uint8Array | object): string {
  if (typeof body === 'string') return 'application/yaml';
  return body instanceof Uint8Array ? 'application/wasm' : 'application/json';
}
