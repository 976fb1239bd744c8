/** Modules that no compiler makes, written byte by byte. Each is refused, for the reason its name says. */

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const I32 = 0x7f;
const FUNC = 0x60;
const PAGES_MAX = 0x10000;

function leb(n: number): number[] {
  const bytes: number[] = [];
  for (let rest = n; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 0x80);
  }
}

const name = (text: string): number[] => [...leb(Buffer.byteLength(text)), ...Buffer.from(text, 'utf8')];
const list = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()];
const section = (id: number, ...items: (readonly number[])[]): number[] => {
  const payload = list(items);
  return [id, ...leb(payload.length), ...payload];
};
const body = (...code: number[]): number[] => [...leb(code.length + 2), 0, ...code, 0x0b];

interface Parts {
  readonly imports?: readonly (readonly number[])[];
  readonly tables?: readonly (readonly number[])[];
  /** Limits of each memory: flags, min, max if flagged. */
  readonly memories?: readonly (readonly number[])[];
  readonly exports?: readonly (readonly number[])[];
  /** Code of function 1, which the module starts with. */
  readonly start?: readonly number[];
  readonly extraTypes?: readonly (readonly number[])[];
}

/** A module whose transform() passes everything through, with what the parts add. */
function moduleOf(parts: Parts): Uint8Array {
  const types = [[FUNC, 3, I32, I32, I32, 1, I32], [FUNC, 0, 0], ...(parts.extraTypes ?? [])];
  const functions = parts.start === undefined ? [[0]] : [[0], [1]];
  const bodies = [body(0x41, 0), ...(parts.start === undefined ? [] : [body(...parts.start)])];
  const exports = parts.exports ?? [[...name('memory'), 2, 0]];
  return Uint8Array.from([
    ...HEADER,
    ...section(1, ...types),
    ...(parts.imports === undefined ? [] : section(2, ...parts.imports)),
    ...section(3, ...functions),
    ...(parts.tables === undefined ? [] : section(4, ...parts.tables)),
    ...(parts.memories?.length === 0 ? [] : section(5, ...(parts.memories ?? [[0, 1]]))),
    ...section(7, [...name('transform'), 0, 0], ...exports),
    ...(parts.start === undefined ? [] : [8, 1, 1]),
    ...section(10, ...bodies),
  ]);
}

const MEMORY_EXPORT = [...name('memory'), 2, 0];
const SPIN = [0x03, 0x40, 0x0c, 0x00, 0x0b];

/** File name without `.wasm` → bytes. */
export const ASSEMBLED: Readonly<Record<string, Uint8Array>> = {
  empty: new Uint8Array(),
  not_wasm: Uint8Array.from(Buffer.from('{"this": "is JSON"}\n')),
  truncated: moduleOf({}).slice(0, -3),
  component: Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00]),
  memory_shared: moduleOf({ memories: [[3, 1, 16]] }),
  memory_64: moduleOf({ memories: [[4, 1]] }),
  memory_two: moduleOf({
    memories: [
      [0, 1],
      [0, 1],
    ],
  }),
  memory_none: moduleOf({ memories: [], exports: [] }),
  memory_not_exported: moduleOf({ exports: [] }),
  memory_imported: moduleOf({ imports: [[...name('env'), ...name('memory'), 2, 0, 1]], memories: [] }),
  memory_min_all: moduleOf({ memories: [[0, ...leb(PAGES_MAX)]] }),
  table_huge: moduleOf({ tables: [[0x70, 0, ...leb(10_000_000)]] }),
  reserved_export: moduleOf({ exports: [MEMORY_EXPORT, [...name('streamline:fuel_set'), 0, 0]] }),
  gc_types: moduleOf({ extraTypes: [[0x5f, 1, I32, 0]] }),
  start_spin: moduleOf({ start: SPIN }),
  start_trap: moduleOf({ start: [0x00] }),
};
