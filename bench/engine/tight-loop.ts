const I32 = 0x7f;

const text = (name: string): number[] => [name.length, ...Buffer.from(name, 'latin1')];
const section = (id: number, ...payload: readonly number[]): number[] => [id, payload.length, ...payload];

/**
 * Sums bytes of its input, 20,000 a record: six instructions that matter, nothing to hide a charge behind. Compilers do not leave
 * loops this small where speed counts (they unroll them), so it is the worst case and not the usual one.
 */
const SUM = [
  ...[1, 2, I32], // locals 3: what is left to do, 4: the sum
  ...[0x41, 0xa0, 0x9c, 0x01, 0x21, 3], // left = 20,000
  ...[0x03, 0x40], // loop
  ...[0x20, 4, 0x20, 0, 0x20, 3, 0x41, 0xff, 0x01, 0x71, 0x6a, 0x2d, 0, 0, 0x6a, 0x21, 4], // sum += in[left & 255]
  ...[0x20, 3, 0x41, 1, 0x6b, 0x22, 3, 0x0d, 0], // left -= 1; again unless 0
  0x0b,
  ...[0x20, 4, 0x41, 0x7f, 0x46], // 0, pass through, unless the sum is -1
  0x0b,
];

/** transform(in, len, out): the loop; the record goes on as it came. */
export const TIGHT_LOOP: Uint8Array<ArrayBuffer> = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, 1, 0x60, 3, I32, I32, I32, 1, I32),
  ...section(3, 1, 0),
  ...section(5, 1, 0, 1),
  ...section(7, 2, ...text('transform'), 0, 0, ...text('memory'), 2, 0),
  ...section(10, 1, SUM.length, ...SUM),
]);
