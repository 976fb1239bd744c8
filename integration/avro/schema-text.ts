import {
  namespaceOf,
  reachableFrom,
  simpleName,
  type AvroSchema,
  type Logical,
  type NamedSchema,
  type RecordField,
} from './avro-schema.ts';
import { untaggedJson } from './avro-json.ts';
import type { Dice } from './dice.ts';

/**
 * A schema's JSON, in one of the many ways to write it: a named type is defined where it comes first, and referred to after that. In several texts:
 * some types that stand for themselves come first, as a registry has them as references. The root is last.
 */
export function schemaTexts(schema: AvroSchema, dice: Dice): string[] {
  const writer = new SchemaWriter(dice);
  const named = [...reachableFrom(schema)].filter((type) => 'name' in type && !reachableFrom(type).has(schema));
  return [...dice.some(named, dice.below(3)), schema].flatMap((type) => writer.writeOnce(type) ?? []);
}

class SchemaWriter {
  readonly #dice: Dice;
  readonly #defined = new Set<string>();

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  /** undefined for a type that was defined within another before. */
  writeOnce(schema: AvroSchema): string | undefined {
    return 'name' in schema && this.#defined.has(schema.name) ? undefined : this.write(schema, '');
  }

  write(schema: AvroSchema, enclosing: string): string {
    switch (schema.type) {
      case 'union':
        return `[${schema.branches.map((branch) => this.write(branch, enclosing)).join(',')}]`;
      case 'array':
        return `{"type":"array","items":${this.write(schema.items, enclosing)}}`;
      case 'map':
        return `{"type":"map","values":${this.write(schema.values, enclosing)}}`;
      case 'record':
      case 'enum':
      case 'fixed':
        return this.#defined.has(schema.name)
          ? this.#reference(schema.name, enclosing)
          : this.#define(schema, enclosing);
      default:
        if (schema.logical === undefined && this.#dice.chance(0.8)) return JSON.stringify(schema.type);
        return objectOf([['type', JSON.stringify(schema.type)], ...logicalPairs(schema.logical)]);
    }
  }

  #reference(name: string, enclosing: string): string {
    const canBeShort = namespaceOf(name) === enclosing;
    return JSON.stringify(canBeShort && this.#dice.chance(0.6) ? simpleName(name) : name);
  }

  #define(schema: NamedSchema, enclosing: string): string {
    this.#defined.add(schema.name);
    const inside = namespaceOf(schema.name);
    const pairs: [string, string][] = [
      ['type', JSON.stringify(schema.type)],
      ...this.#namePairs(schema.name, enclosing),
      ...aliasPairs(schema.aliases),
    ];
    if (schema.type === 'enum') {
      pairs.push(['symbols', JSON.stringify(schema.symbols)]);
      if (schema.default !== undefined) pairs.push(['default', JSON.stringify(schema.default)]);
    } else if (schema.type === 'fixed') {
      pairs.push(['size', String(schema.size)], ...logicalPairs(schema.logical));
    } else {
      pairs.push(['fields', `[${schema.fields.map((field) => this.#field(field, inside)).join(',')}]`]);
    }
    if (this.#dice.chance(0.1)) pairs.push(['doc', '"what it is for"']);
    return objectOf(pairs);
  }

  #namePairs(name: string, enclosing: string): [string, string][] {
    const namespace = namespaceOf(name);
    if (namespace === enclosing && this.#dice.chance(0.6)) return [['name', JSON.stringify(simpleName(name))]];
    if (namespace === '' || this.#dice.chance(0.5)) return [['name', JSON.stringify(name)]];
    return [
      ['namespace', JSON.stringify(namespace)],
      ['name', JSON.stringify(simpleName(name))],
    ];
  }

  #field(field: RecordField, enclosing: string): string {
    const pairs: [string, string][] = [
      ['name', JSON.stringify(field.name)],
      ['type', this.write(field.schema, enclosing)],
      ...aliasPairs(field.aliases),
    ];
    if (field.default !== undefined) pairs.push(['default', untaggedJson(field.schema, field.default.value)]);
    if (this.#dice.chance(0.1)) pairs.push(['order', '"ignore"']);
    return objectOf(pairs);
  }
}

function aliasPairs(aliases: readonly string[]): [string, string][] {
  return aliases.length === 0 ? [] : [['aliases', JSON.stringify(aliases)]];
}

function logicalPairs(logical: Logical | undefined): [string, string][] {
  return Object.entries(logical ?? {}).map(([name, value]) => [name, JSON.stringify(value)]);
}

function objectOf(pairs: readonly (readonly [string, string])[]): string {
  return `{${pairs.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`;
}
