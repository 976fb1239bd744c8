import assert from 'node:assert/strict';
import { createServer as createHttp, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { createServer as createHttps, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { StreamlineError } from '../../../base/error.ts';
import type { RegistryConfig } from '../../../spec/registry-config.ts';
import { RegistryClient } from '../registry-client.ts';

export interface ReceivedRequest {
  readonly method: string;
  /** As it came over the wire. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Status, then JSON unless it is a text; or 'hang', 'cut' (in the middle of the answer), 'reset' (before it). */
export type Scripted =
  readonly [status: number, body: unknown, headers?: Record<string, string>] | 'hang' | 'drip' | 'cut' | 'reset';

/** A server on loopback that answers what a test says. */
export class ScriptedRegistry {
  readonly received: ReceivedRequest[] = [];
  connections = 0;
  script: (request: ReceivedRequest) => Scripted = () => [500, { error_code: 50001, message: 'no script' }];
  readonly #server: Server;
  readonly #isTls: boolean;

  private constructor(tls: ServerOptions | undefined) {
    this.#isTls = tls !== undefined;
    const listener: RequestListener = (incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => void chunks.push(chunk));
      incoming.on('end', () => {
        const { method = '', url: path = '', headers } = incoming;
        const request = { method, path, headers, body: Buffer.concat(chunks).toString() };
        this.received.push(request);
        const scripted = this.script(request);
        if (scripted === 'hang') return;
        if (scripted === 'reset') {
          response.destroy();
        } else if (scripted === 'drip') {
          response.writeHead(200, { 'content-type': 'application/json' });
          const timer = setInterval(() => response.write(' '), 10);
          response.on('close', () => clearInterval(timer));
        } else if (scripted === 'cut') {
          response.writeHead(200, { 'content-length': '1000' });
          response.write('{"schema":', () => response.destroy());
        } else {
          const [status, body, more = {}] = scripted;
          response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json', ...more });
          response.end(typeof body === 'string' ? body : JSON.stringify(body));
        }
      });
    };
    this.#server = tls === undefined ? createHttp(listener) : createHttps(tls, listener);
    this.#server.on('connection', () => (this.connections += 1));
  }

  static async start(t: TestContext, tls?: ServerOptions): Promise<ScriptedRegistry> {
    const registry = new ScriptedRegistry(tls);
    await new Promise<void>((resolve) => void registry.#server.listen(0, '127.0.0.1', resolve));
    t.after(() => registry.stop());
    return registry;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  get place(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `${this.#isTls ? 'https' : 'http'}://${this.place}`;
  }
}

/** Impatient, so that tests need not wait. */
export function registryConfig(url: string, more: Partial<RegistryConfig> = {}): RegistryConfig {
  return {
    url,
    auth: undefined,
    tls: { ca: undefined, cert: undefined, key: undefined },
    timeoutMs: 2000,
    retries: 2,
    retryBackoffMs: 1,
    retryBackoffMaxMs: 5,
    cachedSchemas: 100,
    cachedSchemaBytesMax: 1_000_000,
    subjectTtlMs: 60_000,
    unknownTtlMs: 5000,
    schemaBytesMax: 100_000,
    ...more,
  };
}

/** Closed when the test ends. */
export function clientOf(t: TestContext, url: string, more: Partial<RegistryConfig> = {}): RegistryClient {
  const client = new RegistryClient(registryConfig(url, more));
  t.after(() => client.close());
  return client;
}

/** What it was rejected with. */
export async function failure(asked: Promise<unknown>): Promise<StreamlineError> {
  const error = await asked.then(
    () => assert.fail('it was answered'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof StreamlineError, String(error));
  return error;
}
