import assert from 'node:assert/strict';
import type { Offsets, Status } from '../../src/api/rest-shapes.ts';
import type { Sidecar } from '../harness/sidecar.ts';

const REQUEST_MS_MAX = 20_000;

/** One transform of a sidecar, by REST. */
export class TransformApi {
  readonly #url: string;
  readonly #name: string;

  constructor(sidecar: Sidecar, name: string) {
    const line = sidecar.log.find(({ msg }) => msg === 'sidecar listening');
    assert.ok(line !== undefined, 'the sidecar does not listen');
    this.#url = String(line['address']);
    this.#name = name;
  }

  async status(group = false): Promise<Status> {
    return (await this.#call('GET', `/status${group ? '?group=true' : ''}`, 200)) as Status;
  }

  async offsets(): Promise<Offsets['offsets']> {
    return ((await this.#call('GET', '/offsets', 200)) as Offsets).offsets;
  }

  async put(spec: Readonly<Record<string, unknown>>, status = 200): Promise<void> {
    await this.#call('PUT', '/config', status, JSON.stringify(spec));
  }

  async patch(fields: Readonly<Record<string, unknown>>, status = 200): Promise<void> {
    await this.#call('PATCH', '/config', status, JSON.stringify(fields));
  }

  /** @returns the path a spec names it by */
  async upload(name: string, bytes: Uint8Array, status = 201): Promise<string> {
    const answer = await this.#request('POST', `/modules?name=${name}`, status, bytes, 'application/wasm');
    return (answer as { readonly path?: string }).path ?? '';
  }

  #call(method: string, path: string, status: number, body?: string): Promise<unknown> {
    return this.#request(method, `/transforms/${this.#name}${path}`, status, body, 'application/json');
  }

  async #request(
    method: string,
    path: string,
    status: number,
    body: string | Uint8Array | undefined,
    type: string,
  ): Promise<unknown> {
    const answer = await fetch(`${this.#url}${path}`, {
      method,
      signal: AbortSignal.timeout(REQUEST_MS_MAX),
      ...(body === undefined ? {} : { body, headers: { 'content-type': type } }),
    });
    const text = await answer.text();
    assert.equal(answer.status, status, `${method} ${path}: ${text.slice(0, 1000)}`);
    return JSON.parse(text);
  }
}
