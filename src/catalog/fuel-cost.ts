import { MISC } from './wasm-operator.ts';

/**
 * What operators cost, in fuel. Calibrated so that 50 M units (timeout_ms 10) of nothing but one kind of operator take less
 * than 20 ms under the aot flags (bench/README.md). What an optimising compiler makes disappear is free: constants, reads of
 * locals, block ends. A loop head always costs something, so nothing free repeats for free.
 */
const DEFAULT_COST = 1;

function costTable(): Uint8Array {
  const table = new Uint8Array(256).fill(DEFAULT_COST);
  const set = (cost: number, ...opcodes: number[]): void => opcodes.forEach((opcode) => (table[opcode] = cost));
  const range = (cost: number, first: number, last: number): void => void table.fill(cost, first, last + 1);
  set(0, 0x01, 0x02, 0x05, 0x06, 0x0b, 0x1a, 0x1f, 0x20, 0x41, 0x42, 0x43, 0x44);
  set(3, 0x03); // loop: with the engine's own interrupt check and ours
  set(4, 0x0e); // br_table
  range(2, 0x28, 0x35); // loads
  range(4, 0x36, 0x3e); // stores: 30 ns where they cross a page
  set(10, 0x25); // table.get
  set(100, 0x26, 0xd2); // table.set with its write barrier, ref.func
  set(20, 0x6d, 0x6e, 0x6f, 0x70); // i32 division and remainder
  set(30, 0x7f, 0x80, 0x81, 0x82); // i64 division and remainder
  range(3, 0x8b, 0xa6); // float arithmetic: latency of 3 to 4 cycles
  set(16, 0x95, 0xa3); // float division
  set(24, 0x91, 0x9f); // float square root
  range(4, 0xa8, 0xb1); // float to integer
  range(4, 0xb2, 0xbb); // integer to float, between floats
  set(1, 0xac, 0xad); // i64.extend
  return table;
}

/** By opcode. */
export const OPERATOR_COST = costTable();
export const THROW_COST = 20_000;

/**
 * Functions without loops and calls that cost no more than this carry no charge of their own: a direct call pays for them,
 * an indirect one pays LEAF_COST_MAX whatever it reaches.
 */
export const LEAF_COST_MAX = 16;
export const LEAF_BODY_BYTES_MAX = 64;

/** A call, besides what the callee charges at its own entry. */
export const CALL_COST = 6;
export const CALL_INDIRECT_COST = 14 + LEAF_COST_MAX;
/** A call that leaves the sandbox: parameters convert, JavaScript runs. What the function does with a length is its own to limit. */
export const HOST_CALL_COST = 200;
/** Per parameter and result of a call or a block. */
export const OPERAND_COST = 1;
/** Function entry: stack check and frame; and per this many locals, zeroing. */
export const ENTRY_COST = 3;
export const LOCALS_PER_UNIT = 4;

/**
 * What may go unchecked: a function that costs no more than the first, entered again and again from straight code (a body holds
 * two million calls: 30 ms), and a segment that costs no more than the second.
 */
export const UNCHECKED_ENTRY_COST_MAX = 64;
export const UNCHECKED_SEGMENT_COST_MAX = 1000;

/** A bulk operation costs `base + (n × perElementSixteenths) / 16`. */
export interface BulkCost {
  readonly base: number;
  readonly perElementSixteenths: number;
}

const memoryBulk: BulkCost = { base: 100, perElementSixteenths: 2 };
const tableBulk: BulkCost = { base: 200, perElementSixteenths: 20 * 16 };

export const BULK_COST: ReadonlyMap<number, BulkCost> = new Map([
  [MISC.memoryInit, memoryBulk],
  [MISC.memoryCopy, memoryBulk],
  [MISC.memoryFill, memoryBulk],
  [MISC.tableInit, tableBulk],
  [MISC.tableCopy, tableBulk],
  [MISC.tableFill, tableBulk],
  [MISC.tableGrow, tableBulk],
]);

/**
 * A memory.grow that succeeds: a new buffer, page tables, and the first touch of each 64 KiB page, which the kernel has to zero.
 * A refused one is cheap, and growing by nothing is answered without asking the engine.
 */
export const MEMORY_GROW_COST = 300_000;
export const MEMORY_GROW_REFUSED_COST = 1_000;
export const MEMORY_PAGE_COST = 20_000;

/** Saturating truncation, the 0xfc operators that are not bulk. */
export const MISC_COST = 4;

const SIMD_SLOW = new Set([0xe3, 0xe7, 0xef, 0xf3]); // square root and division of float lanes

export function simdCost(operator: number): number {
  return SIMD_SLOW.has(operator) ? 30 : 4;
}
