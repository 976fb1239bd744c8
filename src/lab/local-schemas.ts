import { StreamlineError, toStreamlineError } from '../base/error.ts';
import type { RegistryClient } from '../codec/registry/registry-client.ts';
import type { RegisteredSchema, SchemaAnswer, SchemaSource, SchemaType, SchemaWish } from '../codec/schema.ts';
import { quoted } from '../spec/quoted.ts';

/** Beside a registry's ids, which count from 1. */
const ID_BESIDE_REGISTRY = 2 ** 30;

/** Schemas in files, in place of a registry: each subject has one, and ids count from 1. Or before a registry, which is read and never written. */
export class LocalSchemas implements SchemaSource {
  readonly #bySubject = new Map<string, RegisteredSchema>();
  readonly #byId = new Map<number, RegisteredSchema>();
  readonly #registry: RegistryClient | undefined;
  #nextId: number;

  /** @param registry asked for what no file was given for */
  constructor(registry?: RegistryClient) {
    this.#registry = registry;
    this.#nextId = registry === undefined ? 1 : ID_BESIDE_REGISTRY;
  }

  /** Throws schema.invalid where the text is no JSON: of what type it is cannot be told. */
  add(subject: string, text: string, place: string): RegisteredSchema {
    const schema = { id: this.#nextId++, type: typeOf(text, place), text, references: [] };
    this.#keep(schema, subject);
    return schema;
  }

  find(subject: string): RegisteredSchema | undefined {
    return this.#bySubject.get(subject);
  }

  /** What a registry would answer, at once. A version is not looked at: there is one. */
  answer(wish: SchemaWish): SchemaAnswer {
    const schema = wish.by === 'id' ? this.#byId.get(wish.id) : this.#bySubject.get(wish.subject);
    if (schema !== undefined) return { schema };
    if (wish.by === 'id') {
      return { fault: { code: 'schema.unknown_id', message: `no file was given for schema ${wish.id}` } };
    }
    const message = `no file was given for subject ${quoted(wish.subject)}`;
    return { fault: { code: 'schema.missing', message } };
  }

  /** Rejects with registry.* where there is one and it does not answer. */
  async get(wish: SchemaWish): Promise<SchemaAnswer> {
    const answer = this.answer(wish);
    const registry = this.#registry;
    if ('schema' in answer || registry === undefined || wish.by === 'file') return answer;
    try {
      const schema =
        wish.by === 'id' ? await registry.schema(wish.id) : await registry.subject(wish.subject, wish.version);
      this.#keep(schema, wish.by === 'id' ? undefined : wish.subject);
      return { schema };
    } catch (thrown) {
      const { code, message, origin } = toStreamlineError(thrown);
      if (origin === 'broker' || origin === 'bug') throw thrown;
      return { fault: { code, message } };
    }
  }

  #keep(schema: RegisteredSchema, subject: string | undefined): void {
    if (subject !== undefined) this.#bySubject.set(subject, schema);
    this.#byId.set(schema.id, schema);
  }

  close(): void {
    // Nobody waits.
  }
}

/** As the registry would be told: what names a dialect, or has what only a JSON Schema has, is one. */
function typeOf(text: string, place: string): SchemaType {
  let schema: unknown;
  try {
    schema = JSON.parse(text);
  } catch (cause) {
    throw new StreamlineError('schema.invalid', 'the schema is no JSON', {
      place,
      suggestion: 'Write an Avro schema or a JSON Schema into it.',
      cause,
    });
  }
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return 'AVRO';
  const isJsonSchema = ['$schema', '$id', 'properties', 'required', 'anyOf', 'oneOf', 'allOf'].some(
    (field) => field in schema,
  );
  return isJsonSchema ? 'JSON' : 'AVRO';
}
