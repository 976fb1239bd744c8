import { Misfit } from '../misfit.ts';
import { insideOf, types, type AvroType, type Resolver, type Tap, type TypeInside } from './avsc.ts';
import { attemptResolver, type ResolverOptions } from './resolver.ts';
import { readIndex } from './varint.ts';

/** A value of a union with the branch it is of; null stands for itself. */
export class Chosen {
  readonly index: number;
  value: unknown;

  constructor(index: number, value: unknown) {
    this.index = index;
    this.value = value;
  }
}

/** Unions whose values name their branch by number, and which prefer the branch that is what was written to one it can be promoted to. */
export class ExactUnion extends types.WrappedUnionType {
  _read(tap: Tap): Chosen | null {
    const index = readIndex(tap);
    const type = this.types[index];
    if (type === undefined)
      throw new Misfit('record.malformed', `there is no branch ${index} in a union of ${this.types.length}`);
    return type.typeName === 'null' ? null : new Chosen(index, insideOf(type)._read(tap));
  }

  _skip(tap: Tap): void {
    const type = this.types[readIndex(tap)];
    if (type === undefined) throw new Misfit('record.malformed', 'there is no such branch in a union');
    insideOf(type)._skip(tap);
  }

  _write(tap: Tap, value: Chosen | null): void {
    const index = value === null ? this.types.findIndex(({ typeName }) => typeName === 'null') : value.index;
    const type = this.types[index];
    if (type === undefined) throw new Misfit('record.schema_mismatch', 'there is no such branch in a union');
    tap.writeLong(index);
    if (value !== null) insideOf(type)._write(tap, value.value);
  }

  _check(value: unknown, flags: unknown, hook: Parameters<TypeInside['_check']>[2], path?: string[]): boolean {
    const type = value instanceof Chosen ? this.types[value.index] : undefined;
    const fits =
      value === null
        ? this.types.some(({ typeName }) => typeName === 'null')
        : value instanceof Chosen && type !== undefined && insideOf(type)._check(value.value, flags, hook, path);
    if (!fits) hook?.(value, this);
    return fits;
  }

  /** A default, or a copy of one. Of the first branch that it fits, which is no more the first of all since Avro 1.12. */
  _copy(value: unknown, options: unknown): unknown {
    for (const [index, type] of this.types.entries()) {
      if (value instanceof Chosen ? value.index !== index : (type.typeName === 'null') !== (value === null)) continue;
      if (value === null) return null;
      try {
        return new Chosen(index, insideOf(type)._copy(value instanceof Chosen ? value.value : value, options));
      } catch {
        continue;
      }
    }
    throw new Error('a default of a union is of one of its branches');
  }

  _update(resolver: Resolver, writer: unknown, options: ResolverOptions): void {
    const { typeName, name } = insideOf(writer);
    const isSame = (type: TypeInside): boolean =>
      type.typeName === typeName && (name === undefined || type.name === name || (type.aliases ?? []).includes(name));
    const branches = this.types.map((type, index) => ({ inside: insideOf(type), index }));
    const [same, others] = [
      branches.filter(({ inside }) => isSame(inside)),
      branches.filter(({ inside }) => !isSame(inside)),
    ];
    for (const { inside, index } of [...same, ...others]) {
      const type = this.types[index];
      const branch = type === undefined ? undefined : attemptResolver(type, writer as AvroType, options);
      if (branch === undefined) continue;
      // Of one that is still being made, as in a recursive type, the reader comes later.
      resolver._read = (tap) => (inside.typeName === 'null' ? null : new Chosen(index, branch._read?.(tap)));
      return;
    }
  }
}
