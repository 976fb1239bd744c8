import type {
  AvroSchema,
  EnumSchema,
  FixedSchema,
  NamedSchema,
  Primitive,
  RecordField,
  RecordSchema,
} from './avro-schema.ts';
import { namespaceOf, simpleName } from './avro-schema.ts';
import type { Dice } from './dice.ts';
import { randomValue } from './random-value.ts';

/** What the specification lets a reader make of what was written. */
const PROMOTIONS: Readonly<Record<Primitive, readonly Primitive[]>> = {
  null: [],
  boolean: [],
  int: ['long', 'float', 'double'],
  long: ['float', 'double'],
  float: ['double'],
  double: [],
  string: ['bytes'],
  bytes: ['string'],
};
const NEW_FIELD_TYPES = ['int', 'long', 'float', 'double', 'string', 'bytes', 'boolean', 'null'] as const;
const CHANGES = 0.3;

/**
 * A reader's schema made from a writer's. `compatible`: whatever was written can be read, by the specification. `wild`: some of it, maybe.
 */
export function evolvedSchema(schema: AvroSchema, dice: Dice, changes: 'compatible' | 'wild'): AvroSchema {
  return new Evolution(dice, changes === 'wild').of(schema, false);
}

class Evolution {
  readonly #dice: Dice;
  readonly #isWild: boolean;
  readonly #named = new Map<NamedSchema, NamedSchema>();
  #serial = 0;

  constructor(dice: Dice, isWild: boolean) {
    this.#dice = dice;
    this.#isWild = isWild;
  }

  of(schema: AvroSchema, isBranch: boolean): AvroSchema {
    switch (schema.type) {
      case 'array':
        return this.#widened({ type: 'array', items: this.of(schema.items, false) }, isBranch);
      case 'map':
        return this.#widened({ type: 'map', values: this.of(schema.values, false) }, isBranch);
      case 'union':
        return this.#union(schema.branches);
      case 'record':
      case 'enum':
      case 'fixed': {
        const known = this.#named.get(schema);
        if (known !== undefined) return known;
        return this.#widened(this.#namedType(schema), isBranch);
      }
      default: {
        // As a branch it might become what another branch is.
        if (isBranch) return schema;
        const type = this.#dice.chance(CHANGES) ? this.#promoted(schema.type) : schema.type;
        return this.#widened(type === schema.type ? schema : { type }, false);
      }
    }
  }

  #promoted(type: Primitive): Primitive {
    const choices = this.#isWild && this.#dice.chance(0.3) ? NEW_FIELD_TYPES : PROMOTIONS[type];
    return choices.length === 0 ? type : this.#dice.pick(choices);
  }

  #widened(schema: AvroSchema, isBranch: boolean): AvroSchema {
    if (isBranch || !this.#dice.chance(0.15)) return schema;
    const others: readonly AvroSchema[] = [{ type: 'null' }, { type: 'boolean' }].filter(
      ({ type }) => type !== schema.type,
    ) as AvroSchema[];
    return {
      type: 'union',
      branches: this.#dice.some([schema, ...this.#dice.some(others, 1 + this.#dice.below(2))], 3),
    };
  }

  #union(branches: readonly AvroSchema[]): AvroSchema {
    const evolved = branches.map((branch) => this.of(branch, true));
    const kept =
      this.#isWild && this.#dice.chance(CHANGES)
        ? this.#dice.some(evolved, 1 + this.#dice.below(evolved.length))
        : evolved;
    return { type: 'union', branches: this.#dice.chance(CHANGES) ? this.#dice.some(kept, kept.length) : kept };
  }

  #namedType(schema: NamedSchema): NamedSchema {
    const isRenamed = this.#dice.chance(0.15);
    this.#serial += 1;
    const renamed = `${simpleName(schema.name)}_${this.#serial}`;
    const namespace = namespaceOf(schema.name);
    const name = isRenamed ? (namespace === '' ? renamed : `${namespace}.${renamed}`) : schema.name;
    const hasAlias = isRenamed && !(this.#isWild && this.#dice.chance(0.3));
    const aliases = hasAlias ? [this.#dice.chance(0.5) ? schema.name : simpleName(schema.name)] : [];
    if (schema.type === 'record') return this.#record(schema, name, aliases);
    const made = schema.type === 'enum' ? this.#enum(schema, name, aliases) : this.#fixed(schema, name, aliases);
    this.#named.set(schema, made);
    return made;
  }

  #enum(schema: EnumSchema, name: string, aliases: readonly string[]): EnumSchema {
    const fewer = this.#dice.some(schema.symbols, 1 + this.#dice.below(schema.symbols.length));
    const canDrop = this.#isWild || this.#dice.chance(0.5);
    if (!this.#dice.chance(CHANGES) || !canDrop)
      return { ...schema, name, aliases, symbols: [...schema.symbols, 'ADDED'] };
    const { default: _, ...rest } = schema;
    const isLenient = !this.#isWild || this.#dice.chance(0.5);
    return { ...rest, name, aliases, symbols: fewer, ...(isLenient ? { default: this.#dice.pick(fewer) } : {}) };
  }

  #fixed(schema: FixedSchema, name: string, aliases: readonly string[]): FixedSchema {
    const size = this.#isWild && this.#dice.chance(0.1) ? schema.size + 1 : schema.size;
    return { ...schema, name, aliases, size };
  }

  #record(schema: RecordSchema, name: string, aliases: readonly string[]): RecordSchema {
    const fields: RecordField[] = [];
    const record: RecordSchema = { type: 'record', name, aliases, fields };
    this.#named.set(schema, record);
    const isShuffled = this.#dice.chance(CHANGES);
    for (const field of isShuffled ? this.#dice.some(schema.fields, schema.fields.length) : schema.fields) {
      if (this.#dice.chance(0.15)) continue;
      const type = this.of(field.schema, false);
      const isRenamed = this.#dice.chance(0.15);
      const hasAlias = isRenamed && !(this.#isWild && this.#dice.chance(0.3));
      fields.push({
        name: isRenamed ? `new_${field.name}` : field.name,
        aliases: hasAlias ? [field.name] : [],
        schema: type,
        // The type may not be what the default is of any more.
        ...(field.default !== undefined && type === field.schema ? { default: field.default } : {}),
      });
    }
    if (this.#dice.chance(CHANGES)) fields.push(this.#addedField());
    return record;
  }

  #addedField(): RecordField {
    const type: AvroSchema = { type: this.#dice.pick(NEW_FIELD_TYPES) };
    const schema: AvroSchema = this.#dice.pick<AvroSchema>([
      type,
      { type: 'array', items: type },
      { type: 'map', values: type },
      { type: 'union', branches: type.type === 'null' ? [type, { type: 'string' }] : [type, { type: 'null' }] },
    ]);
    this.#serial += 1;
    const field = { name: `added_${this.#serial}`, aliases: [], schema };
    if (this.#isWild && this.#dice.chance(0.1)) return field;
    return { ...field, default: { value: randomValue(schema, this.#dice, { isDefault: true }) } };
  }
}
