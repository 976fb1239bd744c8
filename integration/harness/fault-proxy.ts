import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Fault =
  | { readonly kind: 'none' }
  | { readonly kind: 'slow'; readonly delayMs: number }
  | { readonly kind: 'answer'; readonly status: number; left: number }
  | { readonly kind: 'hang' };

const NONE: Fault = { kind: 'none' };

/** HTTP in front of a real registry, with faults to switch on. One fault at a time; without one it only passes on. */
export class FaultProxy {
  readonly #target: URL;
  readonly #server: Server;
  readonly #requests: string[] = [];
  #port = 0;
  #fault: Fault = NONE;

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((incoming, response) => this.#serve(incoming, response));
  }

  /** @param target the registry's URL with its base path, which the proxy's URL has too */
  static async inFrontOf(target: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await proxy.up();
    return proxy;
  }

  /** For `schema_registry.url`; stays the same over down() and up(). */
  get url(): string {
    return `http://127.0.0.1:${this.#port}${this.#basePath}`;
  }

  /** What was asked so far, also what got a fault: `GET /schemas/ids/7`, below the base path. */
  get requests(): readonly string[] {
    return this.#requests;
  }

  /** Of the requests, those that fit. */
  count(pattern: RegExp): number {
    return this.#requests.filter((line) => pattern.test(line)).length;
  }

  /** Refuses connections, and cuts those there are. */
  down(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  /** Listens again. */
  up(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  /** Each request waits so long before it is passed on. */
  slow(delayMs: number): void {
    this.#fault = { kind: 'slow', delayMs };
  }

  /** Answers by itself: every request, or the next `count` ones. */
  answer(status: number, count = Infinity): void {
    this.#fault = { kind: 'answer', status, left: count };
  }

  /** Takes requests and never answers. */
  hang(): void {
    this.#fault = { kind: 'hang' };
  }

  /** Passes on again. One that is down needs up(). */
  heal(): void {
    this.#fault = NONE;
  }

  /** What it has under way is cut. */
  close(): Promise<void> {
    return this.#server.listening ? this.down() : Promise.resolve();
  }

  get #basePath(): string {
    return this.#target.pathname.replace(/\/+$/, '');
  }

  #serve(incoming: IncomingMessage, response: ServerResponse): void {
    const path = incoming.url ?? '/';
    this.#requests.push(
      `${incoming.method} ${path.startsWith(this.#basePath) ? path.slice(this.#basePath.length) : path}`,
    );
    const fault = this.#fault;
    switch (fault.kind) {
      case 'hang':
        return;
      case 'slow':
        setTimeout(() => this.#pass(incoming, response), fault.delayMs).unref();
        return;
      case 'answer':
        fault.left -= 1;
        if (fault.left <= 0) this.heal();
        incoming.resume();
        response.writeHead(fault.status, { 'content-type': 'text/html' }).end('<html>a fault of the test</html>');
        return;
      case 'none':
        this.#pass(incoming, response);
    }
  }

  #pass(incoming: IncomingMessage, response: ServerResponse): void {
    const { hostname, port } = this.#target;
    const { method, url: path, headers } = incoming;
    const outgoing = request({ hostname, port, method, path, headers: { ...headers, host: `${hostname}:${port}` } });
    outgoing.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    // The registry itself is down: so is what stands in front of it.
    outgoing.on('error', () => response.destroy());
    response.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  }
}
