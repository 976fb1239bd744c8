/** The branch a union's value takes, and the value. */
export class Branch {
  readonly index: number;
  readonly value: AvroValue;

  constructor(index: number, value: AvroValue) {
    this.index = index;
    this.value = value;
  }
}

/**
 * A value of any schema, without loss: int and long are bigint, float and double number, bytes and fixed a Buffer, string and
 * enum a string, maps and records a Map in the order of their entries.
 */
export type AvroValue =
  null | boolean | bigint | number | string | Buffer | readonly AvroValue[] | ReadonlyMap<string, AvroValue> | Branch;
