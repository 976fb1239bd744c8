import { UnsupportedFeatureError, type WasmReader } from './wasm-reader.ts';

/** Operators the meter treats by name. */
export const OP = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  try: 0x06,
  catch: 0x07,
  throw: 0x08,
  rethrow: 0x09,
  throwRef: 0x0a,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  returnCall: 0x12,
  returnCallIndirect: 0x13,
  delegate: 0x18,
  catchAll: 0x19,
  tryTable: 0x1f,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  miscPrefix: 0xfc,
  simdPrefix: 0xfd,
} as const;

/** Sub-operators of 0xfc with a length on top of the stack. */
export const MISC = {
  memoryInit: 8,
  dataDrop: 9,
  memoryCopy: 10,
  memoryFill: 11,
  tableInit: 12,
  elemDrop: 13,
  tableCopy: 14,
  tableGrow: 15,
  tableSize: 16,
  tableFill: 17,
} as const;

/** What follows an opcode. */
export const IMMEDIATE = {
  unsupported: 0,
  none: 1,
  leb: 2,
  twoLebs: 3,
  blockType: 4,
  memoryArgument: 5,
  bytes4: 6,
  bytes8: 7,
  typeList: 8,
  /** Read by the scanner itself: branches, br_table, calls, try_table, prefixes. */
  special: 9,
} as const;

function immediateTable(): Uint8Array {
  const table = new Uint8Array(256);
  const set = (kind: number, ...opcodes: number[]): void => opcodes.forEach((opcode) => (table[opcode] = kind));
  const range = (kind: number, first: number, last: number): void => void table.fill(kind, first, last + 1);
  range(IMMEDIATE.none, 0x45, 0xc4); // numeric
  set(IMMEDIATE.none, 0x00, 0x01, 0x05, 0x0a, 0x0b, 0x0f, 0x19, 0x1a, 0x1b, 0xd1);
  set(IMMEDIATE.blockType, 0x02, 0x03, 0x04, 0x06);
  range(IMMEDIATE.leb, 0x20, 0x26); // local.*, global.*, table.get, table.set
  set(IMMEDIATE.leb, 0x07, 0x08, 0x3f, 0x40, 0x41, 0x42, 0xd0, 0xd2);
  range(IMMEDIATE.memoryArgument, 0x28, 0x3e);
  set(IMMEDIATE.bytes4, 0x43);
  set(IMMEDIATE.bytes8, 0x44);
  set(IMMEDIATE.typeList, 0x1c);
  set(IMMEDIATE.special, 0x09, 0x0c, 0x0d, 0x0e, 0x10, 0x11, 0x12, 0x13, 0x18, 0x1f, 0xfc, 0xfd);
  return table;
}

/** By opcode; 0 = not taken by the sandbox. */
export const IMMEDIATES = immediateTable();

/** What an unsupported opcode belongs to, for the message. */
export function unsupportedOperator(opcode: number): UnsupportedFeatureError {
  if (opcode === 0xfe) return new UnsupportedFeatureError('threads and atomics');
  if (opcode === 0xfb) return new UnsupportedFeatureError('garbage collection');
  if (opcode === 0x14 || opcode === 0x15 || (opcode >= 0xd3 && opcode <= 0xd6)) {
    return new UnsupportedFeatureError('typed function references');
  }
  return new UnsupportedFeatureError(`operator 0x${opcode.toString(16)}`);
}

export function skipMemoryArgument(reader: WasmReader): void {
  const alignment = reader.u32();
  if (alignment >= 0x40) throw new UnsupportedFeatureError('more than one memory');
  reader.skipLeb();
}

/** Passes over what follows 0xfd; returns the sub-operator. */
export function skipSimd(reader: WasmReader): number {
  const operator = reader.u32();
  if (operator <= 11 || operator === 92 || operator === 93) skipMemoryArgument(reader);
  else if (operator === 12 || operator === 13) reader.skip(16);
  else if (operator >= 21 && operator <= 34) reader.skip(1);
  else if (operator >= 84 && operator <= 91) {
    skipMemoryArgument(reader);
    reader.skip(1);
  } else if (operator >= 0x100) {
    // Its results may differ from one machine to the next; a verdict on a record must not.
    throw new UnsupportedFeatureError('relaxed SIMD');
  }
  return operator;
}

/** Passes over what follows 0xfc; returns the sub-operator. */
export function skipMisc(reader: WasmReader): number {
  const operator = reader.u32();
  if (operator <= 7) return operator; // saturating truncation
  if (operator > MISC.tableFill) throw new UnsupportedFeatureError(`operator 0xfc ${operator}`);
  reader.u32();
  const two: readonly number[] = [MISC.memoryInit, MISC.memoryCopy, MISC.tableInit, MISC.tableCopy];
  if (two.includes(operator)) reader.u32();
  return operator;
}
