import { StreamlineError } from '../../base/error.ts';
import type { ReferencedSchema } from '../schema.ts';
import type { FetchedSchema, SchemaReference } from './registry-answer.ts';

const REFERENCES_MAX = 100;
const DEPTH_MAX = 20;

/** Fetches all that one schema refers to, directly or not: each subject and version once. */
export class ReferenceWalk {
  readonly #what: string;
  readonly #bytesMax: number;
  readonly #fetch: (reference: SchemaReference) => Promise<FetchedSchema>;
  readonly #fetched = new Map<string, FetchedSchema>();
  /** By name and what it stands for: one schema may be referred to under two names. */
  readonly #collected = new Map<string, ReferencedSchema>();
  #bytes = 0;

  /** @param what whose references: `schema id 7` */
  constructor(what: string, bytesMax: number, fetch: (reference: SchemaReference) => Promise<FetchedSchema>) {
    this.#what = what;
    this.#bytesMax = bytesMax;
    this.#fetch = fetch;
  }

  /** What others refer to comes before them. */
  async from(schema: FetchedSchema): Promise<ReferencedSchema[]> {
    this.#count(schema);
    await this.#visit(schema, []);
    return [...this.#collected.values()];
  }

  async #visit(schema: FetchedSchema, path: readonly string[]): Promise<void> {
    for (const reference of schema.references ?? []) {
      const target = `${reference.subject}@${reference.version}`;
      const key = `${reference.name}\n${target}`;
      if (this.#collected.has(key)) continue;
      if (path.includes(target)) this.#refuse(`refers in a circle to ${target}`);
      if (path.length >= DEPTH_MAX) this.#refuse(`refers more than ${DEPTH_MAX} schemas deep`);
      const referred = this.#fetched.get(target) ?? (await this.#new(target, reference));
      await this.#visit(referred, [...path, target]);
      this.#collected.set(key, { name: reference.name, text: referred.schema });
      if (this.#collected.size > REFERENCES_MAX) this.#refuse(`refers to more than ${REFERENCES_MAX} schemas`);
    }
  }

  async #new(target: string, reference: SchemaReference): Promise<FetchedSchema> {
    if (this.#fetched.size >= REFERENCES_MAX) this.#refuse(`refers to more than ${REFERENCES_MAX} schemas`);
    const schema = await this.#fetch(reference);
    this.#fetched.set(target, schema);
    this.#count(schema);
    return schema;
  }

  #count({ schema }: FetchedSchema): void {
    this.#bytes += Buffer.byteLength(schema);
    if (this.#bytes <= this.#bytesMax) return;
    this.#refuse(
      `is larger than ${this.#bytesMax} bytes with what it refers to`,
      'Raise schema_registry.schema_bytes if it is meant to be so large.',
    );
  }

  #refuse(problem: string, suggestion?: string): never {
    throw new StreamlineError('schema.invalid', `${this.#what} ${problem}`, { suggestion });
  }
}
