import { BULK_COST, UNCHECKED_ENTRY_COST_MAX, UNCHECKED_SEGMENT_COST_MAX } from './fuel-cost.ts';
import { EDIT, SEGMENT, type FunctionScan } from './function-segments.ts';
import { MISC, OP } from './wasm-operator.ts';
import type { ByteRange } from './wasm-module.ts';
import { WasmWriter } from './wasm-writer.ts';

const I64 = 0x7e;
const I32 = 0x7f;
const EMPTY_BLOCK = 0x40;
const I64_LT_S = 0x53;
const I64_SUB = 0x7d;
const I64_MUL = 0x7e;
const I64_SHR_U = 0x88;
const I64_EXTEND_I32_U = 0xad;
const I32_EQZ = 0x45;
const I32_SHR_U = 0x76;
const I32_MUL = 0x6c;

/** A conditional arm cheaper than this is charged with the code before it instead, up to `allowance` per segment. */
interface Folding {
  readonly costMax: number;
  readonly allowance: number;
}
const FOLD_CACHED: Folding = { costMax: 12, allowance: 24 };
const FOLD_GLOBAL: Folding = { costMax: 24, allowance: 64 };

/** Indices of what the meter adds to a module. */
export interface MeterIndices {
  readonly fuelGlobal: number;
  readonly growFunction: number;
}

/**
 * Writes one function body with charges.
 *
 * In a function with loops the fuel is kept in a local (a register, after compilation) and written back before whatever may
 * leave the function or use fuel elsewhere: calls, tail calls, returns, traps by the meter. Such a body is wrapped in a block, so
 * that every way out passes one write-back. A function with exception handlers charges the global directly, because a throw
 * leaves from the middle of a callee.
 * Only loop heads, bulk operations, costly segments and the entries of functions that call or cost more than a little check for
 * exhaustion: what lies between is straight, short, and calls nothing long unchecked.
 */
export class FunctionMeter {
  readonly #indices: MeterIndices;
  readonly #out = new WasmWriter(64 << 10);
  #cached = false;
  #fuelLocal = 0;
  #countLocal = 0;

  constructor(indices: MeterIndices) {
    this.#indices = indices;
  }

  /**
   * @param blockType of a block that yields the function's results, encoded
   * @returns the body without its length: valid until the next call
   */
  write(bytes: Uint8Array, body: ByteRange, scan: FunctionScan, blockType: Uint8Array): Uint8Array {
    const out = this.#out;
    if (scan.isLeaf) return bytes.subarray(body.start, body.end);
    out.reset();
    this.#cached = scan.hasLoop && !scan.hasExceptions;
    this.#fold(scan, this.#cached ? FOLD_CACHED : FOLD_GLOBAL);
    this.#locals(bytes, scan);
    let at = scan.localsEnd;
    for (let i = 0; i < scan.edits; i += 1) {
      const editAt = scan.editAt[i] ?? 0;
      out.copy(bytes, at, editAt);
      at = editAt + this.#edit(scan, i);
      // The wrapping block opens right after the entry's charge, which is always the first edit.
      if (i === 0 && this.#cached) out.u8(OP.block).raw(blockType);
    }
    out.copy(bytes, at, body.end);
    if (this.#cached) {
      this.#writeBack();
      out.u8(OP.end);
    }
    return out.view();
  }

  /** Children come after their parents, so one pass from the back folds whole trees. */
  #fold(scan: FunctionScan, folding: Folding): void {
    const folded: number[] = [];
    for (let i = scan.segments - 1; i > 0; i -= 1) {
      if (scan.kind[i] !== SEGMENT.plain) continue;
      const cost = scan.cost[i] ?? 0;
      const parent = scan.parent[i] ?? 0;
      const total = (folded[parent] ?? 0) + cost;
      if (cost > folding.costMax || total > folding.allowance) continue;
      folded[parent] = total;
      scan.cost[parent] = (scan.cost[parent] ?? 0) + cost;
      scan.cost[i] = 0;
    }
  }

  #locals(bytes: Uint8Array, scan: FunctionScan): void {
    const needsFuel = scan.hasLoop || scan.hasBulk || entryChecks(scan);
    const needsCount = scan.hasBulk;
    this.#fuelLocal = scan.localCount;
    this.#countLocal = scan.localCount + 1;
    this.#out.u32(scan.localGroups + Number(needsFuel) + Number(needsCount)).copy(bytes, scan.groupsAt, scan.localsEnd);
    if (needsFuel) this.#out.u32(1).u8(I64);
    if (needsCount) this.#out.u32(1).u8(I32);
  }

  /** Writes one edit; returns how many bytes of the original it stands for. */
  #edit(scan: FunctionScan, i: number): number {
    const argument = scan.editArgument[i] ?? 0;
    switch (scan.editKind[i]) {
      case EDIT.charge:
        this.#charge(scan, argument);
        return 0;
      case EDIT.flush:
        if (this.#cached) this.#writeBack();
        return 0;
      case EDIT.reload:
        if (this.#cached) this.#readAgain();
        return 0;
      case EDIT.return:
        if (!this.#cached) return 0;
        this.#out.u8(OP.br).u32(argument);
        return 1;
      case EDIT.bulk:
        this.#bulk(argument);
        return 0;
      default:
        if (this.#cached) this.#writeBack();
        this.#out.u8(OP.call).u32(this.#indices.growFunction);
        if (this.#cached) this.#readAgain();
        return argument;
    }
  }

  #writeBack(): void {
    this.#out.u8(OP.localGet).u32(this.#fuelLocal).u8(OP.globalSet).u32(this.#indices.fuelGlobal);
  }

  #readAgain(): void {
    this.#out.u8(OP.globalGet).u32(this.#indices.fuelGlobal).u8(OP.localSet).u32(this.#fuelLocal);
  }

  #charge(scan: FunctionScan, segment: number): void {
    const cost = scan.cost[segment] ?? 0;
    const kind = scan.kind[segment];
    const entry = kind === SEGMENT.entry;
    const checked = kind === SEGMENT.loop || (entry ? entryChecks(scan) : cost > UNCHECKED_SEGMENT_COST_MAX);
    if (cost === 0 && !checked && !entry) return;
    const out = this.#out;
    if (this.#cached && !entry) out.u8(OP.localGet).u32(this.#fuelLocal);
    else out.u8(OP.globalGet).u32(this.#indices.fuelGlobal);
    out.u8(OP.i64Const).s64(cost).u8(I64_SUB);
    if (checked) this.#storeAndCheck();
    else if (this.#cached) out.u8(OP.localSet).u32(this.#fuelLocal);
    else out.u8(OP.globalSet).u32(this.#indices.fuelGlobal);
  }

  /** Takes the fuel left from the stack, keeps it, and traps when it is negative. No handler of the guest catches a trap. */
  #storeAndCheck(): void {
    const out = this.#out;
    out.u8(OP.localTee).u32(this.#fuelLocal);
    if (!this.#cached) out.u8(OP.globalSet).u32(this.#indices.fuelGlobal).u8(OP.localGet).u32(this.#fuelLocal);
    out.u8(OP.i64Const, 0, I64_LT_S, OP.if, EMPTY_BLOCK);
    if (this.#cached) this.#writeBack();
    out.u8(OP.unreachable, OP.end);
  }

  #bulk(operator: number): void {
    const out = this.#out;
    const sixteenths = BULK_COST.get(operator)?.perElementSixteenths ?? 16;
    out.u8(OP.localTee).u32(this.#countLocal);
    if (this.#cached) out.u8(OP.localGet).u32(this.#fuelLocal);
    else out.u8(OP.globalGet).u32(this.#indices.fuelGlobal);
    out.u8(OP.localGet).u32(this.#countLocal);
    if (operator === MISC.tableGrow) {
      // Growing beyond the table limit is refused by the engine at no cost: n × (n < 2^17).
      out.u8(OP.localGet).u32(this.#countLocal);
      out.u8(OP.i32Const, 17, I32_SHR_U, I32_EQZ, I32_MUL);
    }
    out.u8(I64_EXTEND_I32_U, OP.i64Const).s64(sixteenths).u8(I64_MUL);
    out.u8(OP.i64Const, 4, I64_SHR_U, I64_SUB);
    this.#storeAndCheck();
  }
}

/** Whether all of a function must not run on fuel that is not there: its caller may call it a million times in straight code. */
function entryChecks(scan: FunctionScan): boolean {
  return scan.hasCall || scan.total > UNCHECKED_ENTRY_COST_MAX;
}
