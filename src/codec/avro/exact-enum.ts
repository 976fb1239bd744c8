import { Misfit } from '../misfit.ts';
import { types, type Resolver, type Tap } from './avsc.ts';
import { isNamedLike, notReadable } from './resolver.ts';
import { readIndex } from './varint.ts';

/** Enums that refuse a symbol their reader does not have where it comes, and not all that the writer wrote. */
export class ExactEnum extends types.EnumType {
  _read(this: { readonly symbols: readonly string[] }, tap: Tap): string {
    const index = readIndex(tap);
    const symbol = this.symbols[index];
    if (symbol === undefined) throw new Misfit('record.malformed', `there is no symbol ${index} in an enum`);
    return symbol;
  }

  _update(resolver: Resolver, writer: unknown): void {
    if (!(writer instanceof types.EnumType) || !isNamedLike(this, writer)) return;
    const own = new Set(this.symbols);
    const fallback = (this as { readonly default?: string }).default;
    const read = writer.symbols.map((symbol) => (own.has(symbol) ? symbol : fallback));
    if (read.every((symbol) => symbol === undefined)) return;
    resolver._read = (tap) => {
      const index = readIndex(tap);
      const symbol = read[index];
      if (symbol !== undefined) return symbol;
      const written = writer.symbols[index];
      if (written === undefined)
        throw new Misfit('record.malformed', `there is no symbol ${index} in ${writer.name ?? 'an enum'}`);
      throw notReadable(`the symbol ${written}`, this);
    };
  }
}
