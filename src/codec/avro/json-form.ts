import { assert } from '../../base/assert.ts';
import { digitsOf } from '../json-text.ts';
import { Misfit, within } from '../misfit.ts';
import { types, type AvroType } from './avsc.ts';
import { BranchSearch, CARES, type Care } from './branch-search.ts';
import { Chosen } from './exact-union.ts';
import {
  doubleForm,
  enumForm,
  fixedForm,
  floatForm,
  jsonKind,
  kinds,
  mismatch,
  PRIMITIVE_FORMS,
  type JsonEncoding,
  type JsonForm,
  type JsonKind,
} from './json-leaf.ts';
import { logicalForm, type LeafForm, type LogicalAttributes } from './logical-form.ts';

/*
 * How values of Avro types look as JSON, and back (docs/formats.md). `plain`: unions bare, logical types readable. `avro_json`: as the Avro
 * specification encodes JSON, which is what Apache Avro's tools read and write.
 */

export interface JsonFormOptions {
  readonly json: JsonEncoding;
  /** JSON fields that a record does not have. */
  readonly unknownFields: 'fail' | 'drop';
  /** What the schema says of types that are logical. */
  readonly logical: (type: AvroType) => LogicalAttributes | undefined;
}

interface FieldForm {
  readonly name: string;
  readonly form: JsonForm;
  readonly hasDefault: boolean;
  /** Every object has something of this name. */
  readonly inherited: boolean;
}

/** Makes the forms of a schema, each type's once. */
export class JsonForms {
  readonly #options: JsonFormOptions;
  readonly #known = new Map<AvroType, JsonForm>();
  /** While a plain union looks for its branch. Nothing is changed in place meanwhile: another branch may be tried. */
  #search: BranchSearch | undefined;

  constructor(options: JsonFormOptions) {
    this.#options = options;
  }

  of(type: AvroType): JsonForm {
    const known = this.#known.get(type);
    if (known !== undefined) return known;
    if (type instanceof types.RecordType) return this.#record(type);
    const form = this.#make(type);
    this.#known.set(type, form);
    return form;
  }

  #make(type: AvroType): JsonForm {
    if (type instanceof types.WrappedUnionType) {
      return this.#options.json === 'plain' ? this.#plainUnion(type) : this.#taggedUnion(type);
    }
    if (type instanceof types.ArrayType) return this.#array(type);
    if (type instanceof types.MapType) return this.#map(type);
    if (type instanceof types.EnumType) return enumForm(type.symbols, type.name ?? 'an enum');
    const isFixed = type instanceof types.FixedType;
    const base = isFixed ? fixedForm(type.size, type.name ?? 'fixed') : PRIMITIVE_FORMS[type.typeName];
    assert(base !== undefined, `avro: no form for ${type.typeName}`);
    const attributes = this.#options.json === 'plain' ? this.#options.logical(type) : undefined;
    const plain: LeafForm = { toJson: base.toJson ?? ((value) => value), fromJson: base.fromJson };
    const form = attributes === undefined ? undefined : logicalForm(attributes, type.typeName, plain);
    if (form === undefined) return base === doubleForm || base === floatForm ? this.#careful(base, plain) : base;
    const alsoNumber = type.typeName === 'bytes' || isFixed ? (['number'] as const) : [];
    return this.#careful({ ...base, kinds: new Set([...base.kinds, 'string', ...alsoNumber]) }, form);
  }

  /**
   * Anywhere in a union a number that would be rounded, or be shown as a date, is another branch's, if there is one: while branches are
   * looked for exactly, such a form takes only what it would write again.
   */
  #careful(base: JsonForm, { toJson, fromJson }: LeafForm): JsonForm {
    return {
      ...base,
      toJson,
      fromJson: (json) => {
        const value = fromJson(json);
        if (this.#search?.care === 'exact' && leafText(toJson(value)) !== leafText(json)) {
          throw new Misfit('record.schema_mismatch', 'it would be written otherwise');
        }
        return value;
      },
    };
  }

  #record(type: InstanceType<typeof types.RecordType>): JsonForm {
    const fields: FieldForm[] = [];
    let converted: readonly FieldForm[] = [];
    let isDone = false;
    const name = type.name ?? 'a record';
    const toJson = (value: unknown): unknown => {
      const record = value as Record<string, unknown>;
      let i = 0;
      for (; i < converted.length; i += 1) {
        const field = converted[i] as FieldForm;
        record[field.name] = field.form.toJson?.(record[field.name]);
      }
      return record;
    };
    const form: JsonForm = {
      // A recursive type is asked for its form before it is known whether it needs one.
      get toJson() {
        return isDone && converted.length === 0 ? undefined : toJson;
      },
      fromJson: (json) => this.#recordFrom(json, fields, name),
      kinds: kinds('object'),
    };
    this.#known.set(type, form);
    for (const field of type.fields) {
      fields.push({
        name: field.name,
        form: this.of(field.type),
        hasDefault: field.defaultValue() !== undefined,
        inherited: field.name in Object.prototype,
      });
    }
    converted = fields.filter((field) => field.form.toJson !== undefined);
    isDone = true;
    return form;
  }

  #recordFrom(json: unknown, fields: readonly FieldForm[], name: string): unknown {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) throw mismatch(`an object (${name})`, json);
    const record = (this.#search === undefined ? json : { ...json }) as Record<string, unknown>;
    let seen = 0;
    let i = 0;
    try {
      for (; i < fields.length; i += 1) {
        const field = fields[i] as FieldForm;
        const isThere = field.inherited ? Object.hasOwn(record, field.name) : record[field.name] !== undefined;
        if (!isThere) {
          if (!field.hasDefault)
            throw new Misfit('record.schema_mismatch', `is missing, and ${name} has no default for it`);
          // Own and undefined: avsc takes the default, not what every object has.
          if (field.inherited) record[field.name] = undefined;
          continue;
        }
        seen += 1;
        const before = record[field.name];
        const value = field.form.fromJson(before);
        if (value !== before) record[field.name] = value;
      }
    } catch (thrown) {
      throw within(thrown, fields[i]?.name ?? '');
    }
    if (seen < fields.length && this.#search?.care === 'exact') {
      throw new Misfit('record.schema_mismatch', `does not have all fields of ${name}`);
    }
    if (this.#options.unknownFields === 'drop' && (this.#search === undefined || this.#search.care === 'lax')) {
      return record;
    }
    const keys = Object.keys(record);
    if (keys.length > seen) this.#refuseUnknown(record, keys, fields, name);
    return record;
  }

  #refuseUnknown(
    record: Readonly<Record<string, unknown>>,
    keys: readonly string[],
    fields: readonly FieldForm[],
    name: string,
  ): void {
    const known = new Set(fields.map((field) => field.name));
    const unknown = keys.find((key) => !known.has(key) && record[key] !== undefined);
    if (unknown === undefined) return;
    throw new Misfit('record.schema_mismatch', `${name} has no such field`).within(unknown.slice(0, 128));
  }

  #array(type: InstanceType<typeof types.ArrayType>): JsonForm {
    const items = this.of(type.itemsType);
    return {
      // Not asked of a recursive type before it is used: it is known then.
      get toJson() {
        const { toJson } = items;
        if (toJson === undefined) return undefined;
        return (value: unknown) => {
          const array = value as unknown[];
          for (let i = 0; i < array.length; i += 1) array[i] = toJson(array[i]);
          return array;
        };
      },
      fromJson: (json) => {
        if (!Array.isArray(json)) throw mismatch('an array', json);
        const array = (this.#search === undefined ? json : json.slice()) as unknown[];
        let i = 0;
        try {
          for (; i < array.length; i += 1) array[i] = items.fromJson(array[i]);
        } catch (thrown) {
          throw within(thrown, i);
        }
        return array;
      },
      kinds: kinds('array'),
    };
  }

  #map(type: InstanceType<typeof types.MapType>): JsonForm {
    const values = this.of(type.valuesType as AvroType);
    return {
      get toJson() {
        const { toJson } = values;
        if (toJson === undefined) return undefined;
        return (value: unknown) => {
          const map = value as Record<string, unknown>;
          for (const key of Object.keys(map)) map[key] = toJson(map[key]);
          return map;
        };
      },
      fromJson: (json) => {
        if (typeof json !== 'object' || json === null || Array.isArray(json)) throw mismatch('an object (a map)', json);
        const map = (this.#search === undefined ? json : { ...json }) as Record<string, unknown>;
        for (const key of Object.keys(map)) {
          if (!key.isWellFormed()) throw new Misfit('record.schema_mismatch', 'a key has half of a surrogate pair');
          try {
            map[key] = values.fromJson(map[key]);
          } catch (thrown) {
            throw within(thrown, key.slice(0, 128));
          }
        }
        return map;
      },
      kinds: kinds('object'),
    };
  }

  // ---- unions ----------------------------------------------------------------------------------------------------

  #branchToJson(
    branches: readonly JsonForm[],
    wrap: (index: number, json: unknown) => unknown,
  ): (value: unknown) => unknown {
    return (value) => {
      if (value === null) return null;
      const { index, value: inner } = value as Chosen;
      const toJson = branches[index]?.toJson;
      return wrap(index, toJson === undefined ? inner : toJson(inner));
    };
  }

  #plainUnion(type: InstanceType<typeof types.WrappedUnionType>): JsonForm {
    const branches = type.types.map((branch) => this.of(branch));
    const byKind = new Map<JsonKind, number[]>();
    for (const [index, branch] of branches.entries()) {
      for (const kind of branch.kinds) byKind.set(kind, [...(byKind.get(kind) ?? []), index]);
    }
    const expected = `one of ${type.types.map((branch) => branch.branchName ?? branch.typeName).join(', ')}`;
    return {
      toJson: this.#branchToJson(branches, (_, json) => json),
      fromJson: (json) => {
        const candidates = byKind.get(jsonKind(json));
        if (candidates === undefined) throw mismatch(expected, json);
        if (json === null) return null;
        const [only = 0] = candidates;
        if (candidates.length === 1) return new Chosen(only, branches[only]?.fromJson(json));
        return this.#choose(json, candidates, branches, expected);
      },
      kinds: new Set(byKind.keys()),
    };
  }

  /**
   * The first branch that is exactly the value: it would be shown again as it is, and a record has all its fields and no other. Else the
   * first that takes it with defaults or in another spelling, else the first that leaves fields out.
   */
  #choose(json: unknown, candidates: readonly number[], branches: readonly JsonForm[], expected: string): Chosen {
    const outer = this.#search;
    const known = outer?.found(branches, json);
    const chosen = known === undefined ? this.#searched(json, candidates, branches) : known;
    if (known === undefined) outer?.keep(branches, json, chosen);
    if (chosen === null) throw new Misfit('record.schema_mismatch', `expected ${expected}, and it fits none of them`);
    return chosen;
  }

  #searched(json: unknown, candidates: readonly number[], branches: readonly JsonForm[]): Chosen | null {
    const outer = this.#search;
    const search = outer ?? new BranchSearch();
    // One inside of another is no laxer than it.
    const laxest = outer?.care ?? (this.#options.unknownFields === 'drop' ? 'lax' : 'strict');
    this.#search = search;
    try {
      for (const care of CARES) {
        search.care = care;
        const found = firstThatFits(json, care, candidates, branches);
        if (found !== null || care === laxest) return found;
      }
      return null;
    } finally {
      this.#search = outer;
      search.care = laxest;
    }
  }

  #taggedUnion(type: InstanceType<typeof types.WrappedUnionType>): JsonForm {
    const branches = type.types.map((branch) => this.of(branch));
    const names = type.types.map((branch) => branch.branchName ?? branch.typeName);
    const indexes = new Map(names.map((name, index) => [name, index]));
    const nullable = indexes.has('null');
    const expected = `{"type": value} with one of ${names.join(', ')}`;
    return {
      toJson: this.#branchToJson(branches, (index, json) => ({ [names[index] ?? '']: json })),
      fromJson: (json) => {
        if (json === null && nullable) return null;
        if (typeof json !== 'object' || json === null || Array.isArray(json)) throw mismatch(expected, json);
        const entries = Object.entries(json as Record<string, unknown>);
        const [entry] = entries;
        const index = entry === undefined ? undefined : indexes.get(entry[0]);
        if (entry === undefined || entries.length !== 1 || index === undefined || entry[0] === 'null') {
          throw new Misfit('record.schema_mismatch', `expected ${expected}`);
        }
        try {
          return new Chosen(index, branches[index]?.fromJson(entry[1]));
        } catch (thrown) {
          throw within(thrown, entry[0]);
        }
      },
      kinds: kinds('object', ...(nullable ? (['null'] as const) : [])),
    };
  }
}

function firstThatFits(
  json: unknown,
  care: Care,
  candidates: readonly number[],
  branches: readonly JsonForm[],
): Chosen | null {
  const text = care === 'exact' ? leafText(json) : undefined;
  // Of the numbers that are not exactly this one a double's is the nearest.
  const ordered = care === 'exact' ? candidates : candidates.toSorted((a, b) => rank(branches[a]) - rank(branches[b]));
  for (const index of ordered) {
    const form = branches[index];
    if (form === undefined) continue;
    try {
      const value = form.fromJson(json);
      if (text === undefined || text === leafText(form.toJson === undefined ? value : form.toJson(value))) {
        return new Chosen(index, value);
      }
    } catch (thrown) {
      if (!(thrown instanceof Misfit)) throw thrown;
    }
  }
  return null;
}

function rank(form: JsonForm | undefined): number {
  return form?.isFloat === true ? 1 : 0;
}

/** How JSON has a value that is made of no others; undefined for one that is. */
function leafText(json: unknown): string | undefined {
  if (typeof json === 'object' && json !== null && !JSON.isRawJSON(json)) return undefined;
  return digitsOf(json) ?? (Object.is(json, -0) ? '-0.0' : JSON.stringify(json));
}
