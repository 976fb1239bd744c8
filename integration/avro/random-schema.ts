import {
  branchName,
  reachableFrom,
  type AvroSchema,
  type FixedSchema,
  type Logical,
  type NamedSchema,
  type PrimitiveSchema,
  type RecordField,
  type RecordSchema,
} from './avro-schema.ts';
import type { Dice } from './dice.ts';
import { leastDepths, randomValue } from './random-value.ts';

const DEPTH_MAX = 4;
const PRIMITIVES = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const;
/** All namespaces or none: from within one there is no way to name a type that has none. */
const NAMESPACES = ['acme', 'org.acme', 'org.acme.deep'];
// Not those that every JavaScript object has: types and symbols of such names are refused (odd-schemas.ts). Fields may have them.
const TYPE_NAMES = ['A', 'B', 'Node', 'Order', 'Item', 'Constructor', 'Map', 'String', 'Object', '_x'];
const FIELD_NAMES = [
  ...[
    'a',
    'b',
    'c',
    'id',
    'Id',
    'name',
    'value',
    'next',
    'x1',
    '_',
    '__',
    'type',
    'fields',
    'items',
    'length',
    'default',
    'class',
  ],
  ...[
    'constructor',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'prototype',
    'isPrototypeOf',
    'then',
    'toJSON',
    'arguments',
    'this',
  ],
];
const SYMBOLS = ['A', 'B', 'C', 'RED', 'green', '_', 'null', 'true', 'x1', 'undefined'];
const DECIMAL_DIGITS_MAX = 40;

/** Every kind of type, with names as awkward as the specification allows. Some finite value fits it. */
export function randomSchema(dice: Dice): AvroSchema {
  for (;;) {
    const schema = new SchemaMaker(dice).root();
    // A record that cannot but contain itself has no value.
    if ([...leastDepths(schema).values()].every(Number.isFinite)) return schema;
  }
}

class SchemaMaker {
  readonly #dice: Dice;
  readonly #namespaces: readonly string[];
  readonly #named: NamedSchema[] = [];
  readonly #names = new Set<string>();
  readonly #unfinished = new Set<AvroSchema>();

  constructor(dice: Dice) {
    this.#dice = dice;
    this.#namespaces = dice.chance(0.3) ? [] : NAMESPACES;
  }

  root(): AvroSchema {
    return this.#dice.chance(0.8) ? this.#record(0) : this.#any(0);
  }

  #any(depth: number): AvroSchema {
    const roll = depth >= DEPTH_MAX ? this.#dice.below(50) : this.#dice.below(100);
    if (roll < 24) return this.#primitive();
    if (roll < 34) return this.#logical();
    if (roll < 38) return this.#enum();
    if (roll < 42) return this.#fixed();
    if (roll < 50) return this.#known() ?? this.#primitive();
    if (roll < 62) return this.#record(depth);
    if (roll < 73) return { type: 'array', items: this.#any(depth + 1) };
    if (roll < 82) return { type: 'map', values: this.#any(depth + 1) };
    return this.#union(depth);
  }

  #primitive(): PrimitiveSchema {
    return { type: this.#dice.pick(PRIMITIVES) };
  }

  #logical(): AvroSchema {
    const plain: readonly PrimitiveSchema[] = [
      { type: 'int', logical: { logicalType: 'date' } },
      { type: 'int', logical: { logicalType: 'time-millis' } },
      { type: 'long', logical: { logicalType: 'time-micros' } },
      { type: 'long', logical: { logicalType: 'timestamp-millis' } },
      { type: 'long', logical: { logicalType: 'timestamp-micros' } },
      { type: 'long', logical: { logicalType: 'local-timestamp-millis' } },
      { type: 'long', logical: { logicalType: 'local-timestamp-micros' } },
      { type: 'string', logical: { logicalType: 'uuid' } },
      { type: 'bytes', logical: this.#decimal(DECIMAL_DIGITS_MAX) },
    ];
    const roll = this.#dice.below(plain.length + 2);
    if (roll === plain.length) return this.#fixedOf(16, { logicalType: 'uuid' });
    if (roll === plain.length + 1) {
      const size = 1 + this.#dice.below(17);
      return this.#fixedOf(size, this.#decimal(Math.floor((8 * size - 1) * Math.log10(2))));
    }
    return plain[roll] ?? { type: 'null' };
  }

  #decimal(digitsMax: number): Logical {
    const precision = 1 + this.#dice.below(digitsMax);
    const scale = this.#dice.below(precision + 1);
    return { logicalType: 'decimal', precision, ...(scale === 0 && this.#dice.chance(0.5) ? {} : { scale }) };
  }

  #fixed(): AvroSchema {
    return this.#fixedOf(this.#dice.pick([1, 2, 4, 16, 33]), undefined);
  }

  #fixedOf(size: number, logical: Logical | undefined): FixedSchema {
    const fixed = { type: 'fixed' as const, name: this.#newName(), aliases: this.#typeAliases(), size };
    return this.#keep(logical === undefined ? fixed : { ...fixed, logical });
  }

  #enum(): AvroSchema {
    const symbols = this.#dice.some(SYMBOLS, 1 + this.#dice.below(SYMBOLS.length));
    const made = { type: 'enum' as const, name: this.#newName(), aliases: this.#typeAliases(), symbols };
    return this.#keep(this.#dice.chance(0.5) ? { ...made, default: this.#dice.pick(symbols) } : made);
  }

  #record(depth: number): AvroSchema {
    const fields: RecordField[] = [];
    const record: RecordSchema = { type: 'record', name: this.#newName(), aliases: this.#typeAliases(), fields };
    this.#keep(record);
    this.#unfinished.add(record);
    for (const name of this.#dice.some(FIELD_NAMES, this.#dice.below(7))) fields.push(this.#field(name, depth));
    this.#unfinished.delete(record);
    return record;
  }

  #field(name: string, depth: number): RecordField {
    const schema = this.#any(depth + 1);
    const aliases = this.#dice.chance(0.1) ? [`was_${name}`] : [];
    const field = { name, aliases, schema };
    // Apache's parser checks a default where it stands, when the record around it has no fields yet.
    const isFinished = [...reachableFrom(schema)].every((one) => !this.#unfinished.has(one));
    const hasDefault = isFinished && [...leastDepths(schema, true).values()].every(Number.isFinite);
    if (!hasDefault || !this.#dice.chance(0.4)) return field;
    return { ...field, default: { value: randomValue(schema, this.#dice, { isDefault: true }) } };
  }

  #union(depth: number): AvroSchema {
    const branches = new Map<string, AvroSchema>();
    if (this.#dice.chance(0.6)) branches.set('null', { type: 'null' });
    const count = 1 + this.#dice.below(5);
    for (let i = 0; i < count; i += 1) {
      const branch = this.#dice.chance(0.3) && depth < DEPTH_MAX ? this.#record(depth + 1) : this.#any(depth + 1);
      if (branch.type !== 'union' && !branches.has(branchName(branch))) branches.set(branchName(branch), branch);
    }
    if (branches.size === 0) branches.set('null', { type: 'null' });
    return {
      type: 'union',
      branches: this.#dice.chance(0.7) ? [...branches.values()] : this.#dice.some([...branches.values()], 9),
    };
  }

  #known(): AvroSchema | undefined {
    return this.#named.length === 0 ? undefined : this.#dice.pick(this.#named);
  }

  #keep<T extends NamedSchema>(schema: T): T {
    this.#named.push(schema);
    return schema;
  }

  #newName(): string {
    for (let i = 0; ; i += 1) {
      const name = this.#dice.pick(TYPE_NAMES) + (i < 4 ? '' : String(this.#dice.below(1_000_000)));
      const full = this.#namespaces.length === 0 ? name : `${this.#dice.pick(this.#namespaces)}.${name}`;
      if (this.#names.has(full)) continue;
      this.#names.add(full);
      return full;
    }
  }

  #typeAliases(): string[] {
    return this.#dice.chance(0.1) ? [`Old${this.#dice.below(1_000_000)}`] : [];
  }
}
