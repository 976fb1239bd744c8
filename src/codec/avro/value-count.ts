import { StreamlineError } from '../../base/error.ts';
import { types, type AvroType } from './avsc.ts';

/** Far beyond what anybody has written down; read in a moment. */
const VALUES_MAX = 1_000_000;

/**
 * Records in records can have ever so many values without a byte for any: twice as many with each level. Throws StreamlineError
 * schema.unsupported for such. Arrays and maps are bounded as they are read (collections.ts), unions have a byte each.
 */
export function checkValueCount(type: AvroType): void {
  const counts = new Map<AvroType, number>();
  const countOf = (of: AvroType): number => {
    const known = counts.get(of);
    if (known !== undefined) return known;
    // Of one that has itself in it: what is read of that is bounded by its bytes, or by the stack.
    counts.set(of, 1);
    let count = 1;
    if (of instanceof types.RecordType) for (const field of of.fields) count += countOf(field.type);
    else if (of instanceof types.ArrayType) countOf(of.itemsType);
    else if (of instanceof types.MapType) countOf(of.valuesType as AvroType);
    else if (of instanceof types.WrappedUnionType) for (const branch of of.types) countOf(branch);
    counts.set(of, count);
    if (count <= VALUES_MAX) return count;
    throw new StreamlineError(
      'schema.unsupported',
      `one ${of.name ?? of.typeName} would have more than ${VALUES_MAX} values in it`,
    );
  };
  countOf(type);
}
