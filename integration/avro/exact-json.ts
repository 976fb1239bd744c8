import { branchName, type AvroSchema } from './avro-schema.ts';
import { Branch, type AvroValue } from './avro-value.ts';

/** A number as it was written. */
export class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type ExactJson = null | boolean | string | NumberText | readonly ExactJson[] | ReadonlyMap<string, ExactJson>;

const TOKEN = /\s*(?:([[\]{},:])|("(?:[^"\\]|\\.)*")|(-?[0-9][0-9.eE+-]*)|(true|false|null))/y;
const LITERALS: ReadonlyMap<string, boolean | null> = new Map([
  ['true', true],
  ['false', false],
  ['null', null],
]);

/** JSON with every digit, in the order it is written; a key that comes twice is an error. A parser of its own: it judges ours. */
export function parseExactJson(text: string): ExactJson {
  const tokens = tokensOf(text.trimEnd());
  let at = 0;
  const value = (): ExactJson => {
    const token = tokens[at];
    at += 1;
    if (token === undefined) throw new Error('JSON ends too soon');
    if (token === '[') return list();
    if (token === '{') return object();
    if (token.startsWith('"')) return JSON.parse(token) as string;
    const literal = LITERALS.get(token);
    if (literal !== undefined) return literal;
    if (!/^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/.test(token)) throw new Error(`JSON has no ${token}`);
    return new NumberText(token);
  };
  const expect = (wanted: string): void => {
    if (tokens[at] !== wanted) throw new Error(`JSON has ${tokens[at]} for ${wanted}`);
    at += 1;
  };
  const list = (): ExactJson => {
    const items: ExactJson[] = [];
    while (tokens[at] !== ']') {
      if (items.length > 0) expect(',');
      items.push(value());
    }
    at += 1;
    return items;
  };
  const object = (): ExactJson => {
    const entries = new Map<string, ExactJson>();
    while (tokens[at] !== '}') {
      if (entries.size > 0) expect(',');
      const key = value();
      if (typeof key !== 'string' || entries.has(key)) throw new Error('no key, or one that was there before');
      expect(':');
      entries.set(key, value());
    }
    at += 1;
    return entries;
  };
  const whole = value();
  if (at !== tokens.length) throw new Error('JSON goes on after its end');
  return whole;
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let end = 0; end < text.length; end = TOKEN.lastIndex) {
    const token = TOKEN.exec(text)?.[0].trim();
    if (token === undefined) throw new Error(`no JSON at character ${end}: ${text.slice(end, end + 20)}`);
    tokens.push(token);
  }
  return tokens;
}

/** What a text in the JSON encoding of the Avro specification says. Throws for what the schema does not allow. */
export function readAvroJson(schema: AvroSchema, text: string): AvroValue {
  return valueOf(schema, parseExactJson(text));
}

function valueOf(schema: AvroSchema, json: ExactJson): AvroValue {
  switch (schema.type) {
    case 'null':
      if (json === null) return null;
      break;
    case 'boolean':
      if (typeof json === 'boolean') return json;
      break;
    case 'int':
    case 'long':
      if (json instanceof NumberText && /^-?[0-9]+$/.test(json.text)) return BigInt(json.text);
      break;
    case 'float':
    case 'double': {
      const isText = json === 'NaN' || json === 'Infinity' || json === '-Infinity';
      const number = isText ? Number(json) : json instanceof NumberText ? Number(json.text) : undefined;
      if (number !== undefined) return schema.type === 'float' ? Math.fround(number) : number;
      break;
    }
    case 'bytes':
    case 'fixed':
      if (typeof json === 'string' && /^[\0-\xff]*$/.test(json)) return Buffer.from(json, 'latin1');
      break;
    case 'string':
    case 'enum':
      if (typeof json === 'string') return json;
      break;
    case 'array':
      if (isList(json)) return json.map((item) => valueOf(schema.items, item));
      break;
    case 'map':
      if (json instanceof Map)
        return new Map(entriesOf(json).map(([key, item]) => [key, valueOf(schema.values, item)]));
      break;
    case 'record':
      if (json instanceof Map && json.size === schema.fields.length) {
        return new Map(schema.fields.map(({ name, schema: type }) => [name, valueOf(type, fieldOf(json, name))]));
      }
      break;
    case 'union': {
      const [entry] = json instanceof Map && json.size === 1 ? entriesOf(json) : [];
      const [name, inner] = json === null ? ['null', null] : (entry ?? []);
      const index = schema.branches.findIndex((branch) => branchName(branch) === name);
      const branch = schema.branches[index];
      if (branch !== undefined && inner !== undefined) return new Branch(index, valueOf(branch, inner));
      break;
    }
  }
  throw new Error(`no ${schema.type}: ${JSON.stringify(json)?.slice(0, 100)}`);
}

function entriesOf(json: ReadonlyMap<unknown, unknown>): [string, ExactJson][] {
  return [...json] as [string, ExactJson][];
}

function fieldOf(json: ReadonlyMap<unknown, unknown>, name: string): ExactJson {
  if (!json.has(name)) throw new Error(`no field ${name}`);
  return json.get(name) as ExactJson;
}

function isList(json: ExactJson): json is readonly ExactJson[] {
  return Array.isArray(json);
}
