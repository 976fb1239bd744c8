import { insideOf, types, type AvroType, type Resolver, type Tap } from './avsc.ts';
import { isNamedLike, resolverOf, type ResolverOptions } from './resolver.ts';

/** What becomes of one field of the writer's: read into a field of the reader's, or passed over. */
type Step =
  | { readonly kind: 'read'; readonly target: number; readonly resolver: Resolver }
  | { readonly kind: 'skip'; readonly type: AvroType };

type RecordType = InstanceType<typeof types.RecordType>;

/**
 * Records that find the writer's fields by their names and nothing else: avsc looks them up in a plain object, where a field called
 * `constructor` or `toString` is always found, and then misreads what follows it.
 */
export class ExactRecord extends types.RecordType {
  _update(resolver: Resolver, writer: unknown, options: ResolverOptions): void {
    if (!(writer instanceof types.RecordType)) return;
    resolver._read = readerOf(this, stepsOf(this, writer, options));
  }
}

function stepsOf(reader: RecordType, writer: RecordType, options: ResolverOptions): readonly Step[] {
  if (!isNamedLike(reader, writer))
    throw new Error(`${writer.name ?? ''} is not ${reader.name ?? ''}, nor an alias of it`);
  const written = new Map(writer.fields.map(({ name }, i) => [name, i]));
  const targets = new Map<number, number>();
  for (const [i, field] of reader.fields.entries()) {
    const from = [field.name, ...field.aliases].map((name) => written.get(name)).find((found) => found !== undefined);
    if (from === undefined) {
      if (field.defaultValue() === undefined) throw new Error(`field ${field.name} is not written and has no default`);
      continue;
    }
    if (targets.has(from)) throw new Error(`two fields are read from ${writer.fields[from]?.name ?? ''}`);
    targets.set(from, i);
  }
  return writer.fields.map(({ type }, i): Step => {
    const target = targets.get(i);
    const field = target === undefined ? undefined : reader.fields[target];
    if (target === undefined || field === undefined) return { kind: 'skip', type };
    return { kind: 'read', target, resolver: resolverOf(field.type, type, options) };
  });
}

function readerOf(reader: RecordType, steps: readonly Step[]): (tap: Tap) => unknown {
  const Record = reader.recordConstructor as new (...values: unknown[]) => object;
  const count = reader.fields.length;
  return (tap) => {
    const values: unknown[] = Array.from({ length: count });
    for (const step of steps) {
      if (step.kind === 'skip') insideOf(step.type)._skip(tap);
      else values[step.target] = step.resolver._read?.(tap);
    }
    // What is undefined gets its default there.
    return new Record(...values);
  };
}
