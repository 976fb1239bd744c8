import { reachableFrom, type AvroSchema } from './avro-schema.ts';

/**
 * Whether plain JSON tells all branches of all unions apart: no two branches may show as the same kind of JSON. float and
 * double show as a number or (NaN, Infinity) a string; logical types as a text, or as their number where a text cannot say it.
 */
export function isUnambiguous(root: AvroSchema): boolean {
  return [...reachableFrom(root)].every((schema) => {
    if (schema.type !== 'union') return true;
    const kinds = schema.branches.flatMap(plainKinds);
    return new Set(kinds).size === kinds.length;
  });
}

function plainKinds(schema: AvroSchema): readonly string[] {
  switch (schema.type) {
    case 'null':
    case 'boolean':
    case 'array':
      return [schema.type];
    case 'int':
    case 'long':
      return schema.logical === undefined ? ['number'] : ['number', 'string'];
    case 'float':
    case 'double':
      return ['number', 'string'];
    case 'map':
    case 'record':
      return ['object'];
    case 'string':
    case 'enum':
      return ['string'];
    case 'bytes':
    case 'fixed':
      // A decimal is taken as a number, too.
      return schema.logical === undefined ? ['string'] : ['number', 'string'];
    case 'union':
      return [];
  }
}
