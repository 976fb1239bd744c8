import { Misfit } from '../misfit.ts';
import { insideOf, types, type AvroType, type Resolver, type Tap } from './avsc.ts';
import { readIndex } from './varint.ts';

/* How what was written as one type is read as another. As avsc has it, but for what only some values of the writer's have. */

export interface ResolverOptions {
  readonly ignoreNamespaces?: boolean;
  readonly registry: Record<string, unknown>;
}

/**
 * Of a writer's union only the values of a branch that the reader cannot have are refused, and not the whole schema: they may never come.
 * Throws when there is nothing that can be read.
 */
export function resolverOf(reader: AvroType, writer: AvroType, options: ResolverOptions): Resolver {
  if (!(writer instanceof types.WrappedUnionType)) return insideOf(reader).createResolver(writer, options);
  const branches = writer.types.map((branch) => attemptResolver(reader, branch, options));
  if (branches.every((branch) => branch === undefined)) {
    throw new Error(`no branch of a union can be read as ${reader.name ?? reader.typeName}`);
  }
  const read = (tap: Tap): unknown => {
    const index = readIndex(tap);
    const type = writer.types[index];
    if (type === undefined)
      throw new Misfit('record.malformed', `there is no branch ${index} in a union of ${branches.length}`);
    const branch = branches[index];
    if (branch !== undefined) return branch._read?.(tap);
    throw notReadable(type.branchName ?? type.typeName, reader);
  };
  return { _readerType: reader, _read: read };
}

/** undefined where it cannot be. */
export function attemptResolver(reader: AvroType, writer: AvroType, options: ResolverOptions): Resolver | undefined {
  const known = new Set(Object.keys(options.registry));
  try {
    return resolverOf(reader, writer, options);
  } catch {
    // avsc keeps what it makes under the names, for recursive types: what was begun would be taken for done by whoever asks next.
    for (const key of Object.keys(options.registry)) if (!known.has(key)) delete options.registry[key];
    return undefined;
  }
}

export function notReadable(
  what: string,
  reader: { readonly name?: string | undefined; readonly typeName: string },
): Misfit {
  return new Misfit('schema.incompatible', `it has ${what}, which cannot be read as ${reader.name ?? reader.typeName}`);
}

/** Names are compared without their namespaces, as the specification has it. */
export function isNamedLike(reader: Pick<AvroType, 'name' | 'aliases'>, writer: Pick<AvroType, 'name'>): boolean {
  const name = simpleName(writer.name ?? '');
  return [reader.name ?? '', ...(reader.aliases ?? [])].some((own) => simpleName(own) === name);
}

function simpleName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
