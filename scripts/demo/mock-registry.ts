import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import avro from 'avsc';

type Answer = readonly [status: number, body: unknown];

/** A refusal in the protocol's words: the first three digits of the code are the status. */
class Refusal extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * A schema registry in memory, for the demo alone: of Confluent's protocol what the sidecar asks about Avro schemas. What it does not
 * do it refuses: references, other types of schemas, deleting, and judging whether versions are compatible.
 */
export class MockRegistry {
  readonly #server: Server;
  /** The id of a text is its index + 1. */
  readonly #schemas: string[] = [];
  /** Subject → ids of its versions, the first version first. */
  readonly #subjects = new Map<string, number[]>();

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(([status, body]) => {
        response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' });
        response.end(JSON.stringify(body));
      });
    });
  }

  /** On any free port, loopback only. */
  static async start(): Promise<MockRegistry> {
    const registry = new MockRegistry();
    await new Promise<void>((resolve, reject) => {
      registry.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return registry;
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  /** @returns the id of the schema, which is the same under every subject */
  register(subject: string, schema: string): number {
    const canonical = canonicalOf(schema);
    const id = this.#idOf(canonical) ?? this.#schemas.push(canonical);
    const versions = this.#subjects.get(subject) ?? [];
    if (!versions.includes(id)) this.#subjects.set(subject, [...versions, id]);
    return id;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    try {
      return [200, this.#found(`${request.method ?? ''} ${request.url ?? ''}`, await text(request))];
    } catch (thrown) {
      const { code, message } = thrown instanceof Refusal ? thrown : new Refusal(50001, String(thrown));
      // A path that no registry has is refused with the bare status.
      return [code < 1000 ? code : Math.floor(code / 100), { error_code: code, message }];
    }
  }

  #found(asked: string, body: string): unknown {
    const id = /^GET \/schemas\/ids\/(\d+)$/.exec(asked)?.[1];
    if (id !== undefined) return { schema: this.#textOf(Number(id)) };
    if (asked === 'GET /subjects') return [...this.#subjects.keys()];
    const [, step, version] = /^GET \/subjects\/([^/]+)\/versions\/(latest|\d+)$/.exec(asked) ?? [];
    if (step !== undefined) return this.#version(decodeURIComponent(step), version ?? '');
    const [, target, versions] = /^POST \/subjects\/([^/]+)(\/versions)?$/.exec(asked) ?? [];
    if (target === undefined) throw noSuchPath(asked);
    const subject = decodeURIComponent(target);
    return versions === undefined
      ? this.#registered(subject, schemaIn(body))
      : { id: this.register(subject, schemaIn(body)) };
  }

  #version(subject: string, wanted: string): unknown {
    const versions = this.#versionsOf(subject);
    const version = wanted === 'latest' ? versions.length : Number(wanted);
    const id = versions[version - 1];
    if (id === undefined) throw new Refusal(40402, `Version ${wanted} not found.`);
    return { subject, id, version, schema: this.#textOf(id) };
  }

  #registered(subject: string, schema: string): unknown {
    const versions = this.#versionsOf(subject);
    const id = this.#idOf(canonicalOf(schema));
    if (id === undefined || !versions.includes(id)) throw new Refusal(40403, 'Schema not found');
    return { subject, id, version: versions.indexOf(id) + 1, schema: this.#textOf(id) };
  }

  #versionsOf(subject: string): readonly number[] {
    const versions = this.#subjects.get(subject);
    if (versions === undefined) throw new Refusal(40401, `Subject '${subject}' not found.`);
    return versions;
  }

  #idOf(canonical: string): number | undefined {
    const index = this.#schemas.indexOf(canonical);
    return index < 0 ? undefined : index + 1;
  }

  #textOf(id: number): string {
    const schema = this.#schemas[id - 1];
    if (schema === undefined) throw new Refusal(40403, `Schema ${String(id)} not found`);
    return schema;
  }
}

/** Without the white space: schemas that differ in nothing else are one. */
function canonicalOf(schema: string): string {
  try {
    const parsed: unknown = JSON.parse(schema);
    avro.Type.forSchema(parsed as Parameters<typeof avro.Type.forSchema>[0]);
    return JSON.stringify(parsed);
  } catch (thrown) {
    throw new Refusal(42201, `Invalid schema: ${String(thrown)}`);
  }
}

function schemaIn(body: string): string {
  const { schema, schemaType = 'AVRO', references = [] } = JSON.parse(body) as Readonly<Record<string, unknown>>;
  if (typeof schema !== 'string') throw new Refusal(42201, 'no schema');
  if (schemaType !== 'AVRO') throw notMocked(`a schema of type ${String(schemaType)}`);
  if (!Array.isArray(references) || references.length > 0) throw notMocked('references');
  return schema;
}

function notMocked(what: string): Refusal {
  return new Refusal(50101, `the mock:// registry of the demo does not do ${what}`);
}

function noSuchPath(asked: string): Refusal {
  const isProtocol = /^[A-Z]+ \/(schemas|subjects|compatibility|config|mode|contexts)(\/|\?|$)/.test(asked);
  return isProtocol ? notMocked(asked) : new Refusal(404, 'HTTP 404 Not Found');
}
