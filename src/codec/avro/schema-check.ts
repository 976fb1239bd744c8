import { StreamlineError } from '../../base/error.ts';
import { digitsOf, parseJson } from '../json-text.ts';
import type { Schema } from './avsc.ts';
import { unscaledOf } from './logical-form.ts';

/*
 * A schema is somebody else's text, and avsc makes code of the names in it: they are looked at before it sees them.
 */

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const FULL_NAME = /^(?:[A-Za-z_][A-Za-z0-9_]*\.)*[A-Za-z_][A-Za-z0-9_]*$/;
const NODES_MAX = 100_000;
const DEPTH_MAX = 100;
const NAME_CHARACTERS_MAX = 512;

/** The schema as JSON. Throws StreamlineError schema.invalid or schema.unsupported. */
export function readSchema(text: string): Schema {
  let schema: unknown;
  try {
    schema = withExactDefaults(parseJson(text));
  } catch (cause) {
    throw new StreamlineError('schema.invalid', 'the schema is not JSON', { cause });
  }
  let nodes = 0;
  const look = (value: unknown, depth: number): void => {
    nodes += 1;
    if (nodes > NODES_MAX || depth > DEPTH_MAX) {
      throw invalid(`it is larger than ${NODES_MAX} nodes or nested deeper than ${DEPTH_MAX} levels`);
    }
    if (Array.isArray(value)) for (const inner of value as unknown[]) look(inner, depth + 1);
    else if (typeof value === 'object' && value !== null) lookAt(value as Record<string, unknown>, depth);
    else if (typeof value !== 'string') throw invalid('a type is a name, an object or an array');
    else checkName(value, FULL_NAME);
  };
  const lookAt = (type: Record<string, unknown>, depth: number): void => {
    if (type['name'] !== undefined) {
      const name = checkName(type['name'], FULL_NAME);
      checkTaken(name);
      splitName(type, name);
    }
    const { namespace } = type;
    if (namespace !== undefined && namespace !== null && namespace !== '') checkName(namespace, FULL_NAME);
    for (const alias of listOf(type['aliases'])) checkName(alias, FULL_NAME);
    for (const symbol of listOf(type['symbols'])) checkTaken(checkName(symbol, NAME));
    for (const field of listOf(type['fields'])) {
      if (typeof field !== 'object' || field === null) throw invalid('a field is an object');
      const { name, aliases, type: fieldType } = field as Record<string, unknown>;
      checkName(name, NAME);
      for (const alias of listOf(aliases)) checkName(alias, NAME);
      look(fieldType, depth + 1);
    }
    for (const part of ['type', 'items', 'values']) if (type[part] !== undefined) look(type[part], depth + 1);
  };
  look(schema, 0);
  return schema as Schema;
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid('aliases, symbols and fields are arrays');
  return value;
}

/** Integers that a double would round are bigints: only the default of a long has a use for them. */
function withExactDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withExactDefaults);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withExactDefaults(inner)]));
  }
  const digits = typeof value === 'number' && !Number.isSafeInteger(value) ? String(value) : digitsOf(value);
  if (digits === undefined) return value;
  const integer = unscaledOf(digits, 19, 0);
  return integer === undefined || Number.isSafeInteger(Number(integer)) ? Number(digits) : integer;
}

function checkName(name: unknown, pattern: RegExp): string {
  if (typeof name !== 'string' || name.length > NAME_CHARACTERS_MAX || !pattern.test(name)) {
    throw invalid(`${JSON.stringify(typeof name === 'string' ? name.slice(0, 80) : typeof name)} is no name`);
  }
  if (name === '__proto__') {
    throw new StreamlineError('schema.unsupported', 'a field, type or symbol named __proto__ is not supported');
  }
  return name;
}

/** A full name is in its own namespace, whatever the schema says beside it: avsc goes by what is beside it. */
function splitName(type: Record<string, unknown>, fullName: string): void {
  const dot = fullName.lastIndexOf('.');
  if (dot < 0) return;
  type['namespace'] = fullName.slice(0, dot);
  type['name'] = fullName.slice(dot + 1);
}

/** avsc keeps types and symbols in objects, and takes what every object has for one that is there already. */
function checkTaken(name: string): void {
  if (!(name in Object.prototype)) return;
  throw new StreamlineError('schema.unsupported', `a type or symbol named ${name} is not supported`);
}

function invalid(why: string): StreamlineError {
  return new StreamlineError('schema.invalid', `the Avro schema cannot be used: ${why}`);
}
