/** A header of a record; a value may be null. */
export class Header {
  constructor(
    public name: string,
    public value: Uint8Array | null,
  ) {}

  /** The value as UTF-8; "" for null. */
  get text(): string {
    const value = this.value;
    return value === null ? "" : String.UTF8.decodeUnsafe(value.dataStart, value.length);
  }
}
