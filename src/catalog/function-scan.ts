import {
  BULK_COST,
  CALL_COST,
  CALL_INDIRECT_COST,
  ENTRY_COST,
  HOST_CALL_COST,
  LEAF_BODY_BYTES_MAX,
  LEAF_COST_MAX,
  LOCALS_PER_UNIT,
  MISC_COST,
  OPERAND_COST,
  OPERATOR_COST,
  simdCost,
  THROW_COST,
} from './fuel-cost.ts';
import type { FunctionType } from './known-imports.ts';
import { readValueType, type ByteRange, type WasmModule } from './wasm-module.ts';
import {
  IMMEDIATE,
  IMMEDIATES,
  OP,
  skipMemoryArgument,
  skipMisc,
  skipSimd,
  unsupportedOperator,
} from './wasm-operator.ts';
import { WasmFormatError, WasmReader } from './wasm-reader.ts';

/** A function of this size compiles in bounded time and memory; beyond, an optimising compiler can be made to explode. */
export const LOCALS_MAX = 10_000;
export const BODY_BYTES_MAX = 4 << 20;
/** Blocks × locals: how many values a compiler may have to merge. */
export const MERGES_MAX = 32_000_000;

/** A function too large for the compiler's own good. */
export class FunctionTooLargeError extends Error {}

/** Kinds of places where the meter changes a body. Edits are in order of position. */
export const EDIT = {
  /** Insert the charge of segment `argument`. */
  charge: 0,
  /** The code from here on may be left, or may run code of others: write the cached fuel back. */
  flush: 1,
  /** Others may have used fuel: read it again. */
  reload: 2,
  /** `return` (1 byte), at nesting depth `argument`. */
  return: 3,
  /** A bulk operation with its length on top of the stack; `argument` is its sub-operator. */
  bulk: 4,
  /** memory.grow, `argument` bytes long. */
  grow: 5,
} as const;

export const SEGMENT = { entry: 0, loop: 1, plain: 2 } as const;

/**
 * What the meter has to know of one function. Code is cut into segments: runs of operators of which either all or none
 * execute (a trap aside), except that loops repeat. A segment's cost is charged where it begins; the code after a block, if
 * nothing inside jumps past the block's end, belongs to the segment before the block again.
 * One object is reused for all functions of a module.
 */
export class FunctionScan {
  localsEnd = 0;
  localGroups = 0;
  /** Where the groups begin, after their count (whose encoding may be longer than need be). */
  groupsAt = 0;
  localCount = 0;
  hasLoop = false;
  hasCall = false;
  hasBulk = false;
  hasExceptions = false;
  /** Carries no charge: its callers pay. */
  isLeaf = false;

  segments = 0;
  readonly cost: number[] = [];
  readonly kind: number[] = [];
  readonly parent: number[] = [];

  edits = 0;
  readonly editAt: number[] = [];
  readonly editKind: number[] = [];
  readonly editArgument: number[] = [];

  reset(): void {
    this.segments = 0;
    this.edits = 0;
    this.hasLoop = false;
    this.hasCall = false;
    this.hasBulk = false;
    this.hasExceptions = false;
  }

  edit(at: number, kind: number, argument = 0): void {
    this.editAt[this.edits] = at;
    this.editKind[this.edits] = kind;
    this.editArgument[this.edits] = argument;
    this.edits += 1;
  }

  open(at: number, kind: number, parent: number): number {
    const segment = this.segments;
    this.cost[segment] = 0;
    this.kind[segment] = kind;
    this.parent[segment] = parent;
    this.segments += 1;
    this.edit(at, EDIT.charge, segment);
    return segment;
  }
}

/** No segment: code that cannot be reached. */
const DEAD = -1;
const FUNCTION_FRAME = 0;

/** Scans function bodies of one module. Keeps its own stack of blocks, so nesting depth is bounded by the body alone. */
export class FunctionScanner {
  readonly #module: WasmModule;
  readonly #scan = new FunctionScan();
  #reader: WasmReader;
  /** Per open block: the segment it began in, whether it is an `if` or loop, the outermost block that a branch inside leaves to. */
  readonly #frameSegment: number[] = [];
  readonly #frameTarget: number[] = [];
  #frames = 0;
  #blocks = 0;
  #current = DEAD;
  /** Per function defined: what a leaf costs, -1 for others. */
  readonly #leafCost: Int8Array;

  constructor(module: WasmModule) {
    this.#module = module;
    this.#reader = new WasmReader(module.bytes);
    this.#leafCost = new Int8Array(module.bodies.length).fill(-1);
    module.bodies.forEach((body, i) => {
      if (body.end - body.start > LEAF_BODY_BYTES_MAX) return;
      const type = module.types[module.functionTypes[module.importedFunctions + i] ?? -1];
      const cost = type === undefined ? -1 : leafCost(this.scan(type, body));
      this.#leafCost[i] = cost;
    });
  }

  /** Valid until the next call. Throws UnsupportedFeatureError, WasmFormatError or FunctionTooLargeError. */
  scan(type: FunctionType, body: ByteRange): FunctionScan {
    const scan = this.#scan;
    if (body.end - body.start > BODY_BYTES_MAX) {
      throw new FunctionTooLargeError(`a function of ${body.end - body.start} bytes (at most ${BODY_BYTES_MAX})`);
    }
    scan.reset();
    const reader = new WasmReader(this.#module.bytes, body.start, body.end);
    this.#reader = reader;
    this.#readLocals(scan, type);
    this.#frames = 0;
    this.#blocks = 0;
    this.#current = scan.open(reader.at, SEGMENT.entry, DEAD);
    this.#push();
    this.#charge(ENTRY_COST + Math.floor(scan.localCount / LOCALS_PER_UNIT));
    while (this.#frames > 0) this.#operator();
    if (!reader.done) throw new WasmFormatError(`code after the end of a function at byte ${reader.at}`);
    if (this.#blocks * scan.localCount > MERGES_MAX) {
      throw new FunctionTooLargeError(`a function of ${this.#blocks} blocks and ${scan.localCount} locals`);
    }
    scan.isLeaf = body.end - body.start <= LEAF_BODY_BYTES_MAX && leafCost(scan) >= 0;
    return scan;
  }

  #readLocals(scan: FunctionScan, type: FunctionType): void {
    const reader = this.#reader;
    let count = type.params.length;
    scan.localGroups = reader.count(2);
    scan.groupsAt = reader.at;
    for (let i = 0; i < scan.localGroups; i += 1) {
      count += reader.u32();
      readValueType(reader);
    }
    if (count > LOCALS_MAX) throw new FunctionTooLargeError(`a function of ${count} locals (at most ${LOCALS_MAX})`);
    scan.localCount = count;
    scan.localsEnd = reader.at;
  }

  #charge(cost: number): void {
    if (this.#current !== DEAD) this.#scan.cost[this.#current] = (this.#scan.cost[this.#current] ?? 0) + cost;
  }

  /** A segment from here on, unless this code cannot be reached. */
  #open(kind: number, parent: number): void {
    this.#current = parent === DEAD ? DEAD : this.#scan.open(this.#reader.at, kind, parent);
  }

  #push(): void {
    this.#frameSegment[this.#frames] = this.#current;
    this.#frameTarget[this.#frames] = this.#frames;
    this.#frames += 1;
    this.#blocks += 1;
  }

  #top(): number {
    return this.#frameSegment[this.#frames - 1] ?? DEAD;
  }

  /** Notes a branch out of the innermost `depth` blocks. */
  #leave(depth: number): void {
    const top = this.#frames - 1;
    const target = top - depth;
    if (target < 0) throw new WasmFormatError(`branch past the function at byte ${this.#reader.at}`);
    if (target < (this.#frameTarget[top] ?? 0)) this.#frameTarget[top] = target;
  }

  #pop(): void {
    this.#frames -= 1;
    const frame = this.#frames;
    const start = this.#frameSegment[frame] ?? DEAD;
    const target = this.#frameTarget[frame] ?? 0;
    if (frame === FUNCTION_FRAME) return;
    const outer = frame - 1;
    if (target < frame) {
      if (target < (this.#frameTarget[outer] ?? 0)) this.#frameTarget[outer] = target;
      this.#open(SEGMENT.plain, start);
    } else {
      this.#current = start;
    }
  }

  #operator(): void {
    const reader = this.#reader;
    const at = reader.at;
    const opcode = reader.u8();
    this.#charge(OPERATOR_COST[opcode] ?? 1);
    switch (IMMEDIATES[opcode]) {
      case IMMEDIATE.none:
        return this.#plain(opcode, at);
      case IMMEDIATE.leb:
        reader.skipLeb();
        if (opcode === OP.memoryGrow) this.#grow(at);
        else if (opcode === OP.catch) this.#handler();
        else if (opcode === OP.throw) this.#throw();
        return;
      case IMMEDIATE.memoryArgument:
        return skipMemoryArgument(reader);
      case IMMEDIATE.blockType:
        reader.skipLeb();
        return this.#block(opcode);
      case IMMEDIATE.bytes4:
        return reader.skip(4);
      case IMMEDIATE.bytes8:
        return reader.skip(8);
      case IMMEDIATE.typeList:
        for (let left = reader.count(); left > 0; left -= 1) readValueType(reader);
        return;
      case IMMEDIATE.special:
        return this.#special(opcode, at);
      default:
        throw unsupportedOperator(opcode);
    }
  }

  #plain(opcode: number, at: number): void {
    switch (opcode) {
      case OP.end:
        return this.#pop();
      case OP.else:
        return this.#open(SEGMENT.plain, this.#top());
      case OP.catchAll:
        return this.#handler();
      case OP.throwRef:
        return this.#throw();
      case OP.return:
        if (this.#current !== DEAD) this.#scan.edit(at, EDIT.return, this.#frames - 1);
        this.#leave(this.#frames - 1);
        this.#current = DEAD;
        return;
      case OP.unreachable:
        if (this.#current !== DEAD) this.#scan.edit(at, EDIT.flush);
        this.#current = DEAD;
    }
  }

  #block(opcode: number): void {
    this.#push();
    if (opcode === OP.loop) {
      this.#scan.hasLoop = true;
      this.#open(SEGMENT.loop, this.#current);
      this.#charge(OPERATOR_COST[OP.loop] ?? 1);
    } else if (opcode === OP.if) {
      this.#open(SEGMENT.plain, this.#current);
    } else if (opcode === OP.try) {
      this.#scan.hasExceptions = true;
    }
  }

  #handler(): void {
    this.#scan.hasExceptions = true;
    this.#open(SEGMENT.plain, this.#top());
  }

  #throw(): void {
    this.#scan.hasExceptions = true;
    this.#charge(THROW_COST);
    // It may end up in any handler around, or in the caller.
    this.#leave(this.#frames - 1);
    this.#current = DEAD;
  }

  #grow(at: number): void {
    if (this.#current === DEAD) return;
    this.#scan.hasCall = true;
    this.#scan.edit(at, EDIT.grow, this.#reader.at - at);
  }

  #special(opcode: number, at: number): void {
    const reader = this.#reader;
    switch (opcode) {
      case OP.br:
        this.#leave(reader.u32());
        this.#current = DEAD;
        return;
      case OP.brIf:
        this.#leave(reader.u32());
        return this.#open(SEGMENT.plain, this.#current);
      case OP.brTable:
        for (let left = reader.count() + 1; left > 0; left -= 1) this.#leave(reader.u32());
        this.#current = DEAD;
        return;
      case OP.call:
      case OP.callIndirect:
      case OP.returnCall:
      case OP.returnCallIndirect:
        return this.#call(opcode, at);
      case OP.rethrow:
        reader.u32();
        return this.#throw();
      case OP.delegate:
        reader.u32();
        return this.#pop();
      case OP.tryTable:
        return this.#tryTable();
      case OP.miscPrefix: {
        const operator = skipMisc(reader);
        const bulk = BULK_COST.get(operator);
        if (bulk === undefined) return this.#charge(MISC_COST);
        if (this.#current === DEAD) return;
        this.#charge(bulk.base);
        this.#scan.hasBulk = true;
        return this.#scan.edit(at, EDIT.bulk, operator);
      }
      default:
        return this.#charge(simdCost(skipSimd(reader)));
    }
  }

  #call(opcode: number, at: number): void {
    const reader = this.#reader;
    const index = reader.u32();
    const direct = opcode === OP.call || opcode === OP.returnCall;
    if (!direct) reader.u32();
    const typeIndex = direct ? this.#module.functionTypes[index] : index;
    const type = typeIndex === undefined ? undefined : this.#module.types[typeIndex];
    if (type === undefined) throw new WasmFormatError(`call of no function at byte ${at}`);
    const host = direct && index < this.#module.importedFunctions;
    const leaf = direct ? (this.#leafCost[index - this.#module.importedFunctions] ?? -1) : -1;
    if (leaf >= 0 && opcode === OP.call) {
      return this.#charge(CALL_COST + leaf + OPERAND_COST * (type.params.length + type.results.length));
    }
    const base = host ? HOST_CALL_COST : direct ? CALL_COST : CALL_INDIRECT_COST;
    this.#charge(base + OPERAND_COST * (type.params.length + type.results.length));
    if (this.#current === DEAD) return;
    this.#scan.hasCall = true;
    this.#scan.edit(at, EDIT.flush);
    if (opcode === OP.call || opcode === OP.callIndirect) return this.#scan.edit(reader.at, EDIT.reload);
    this.#leave(this.#frames - 1);
    this.#current = DEAD;
  }

  #tryTable(): void {
    const reader = this.#reader;
    this.#scan.hasExceptions = true;
    reader.skipLeb();
    for (let left = reader.count(2); left > 0; left -= 1) {
      const clause = reader.u8();
      if (clause > 3) throw unsupportedOperator(OP.tryTable);
      if (clause < 2) reader.u32();
      this.#leave(reader.u32());
    }
    this.#push();
  }
}

/** What all of a leaf's code costs together, or -1 for a function that has to carry charges itself. */
function leafCost(scan: FunctionScan): number {
  if (scan.hasLoop || scan.hasCall || scan.hasBulk || scan.hasExceptions) return -1;
  let cost = 0;
  for (let i = 0; i < scan.segments; i += 1) cost += scan.cost[i] ?? 0;
  return cost <= LEAF_COST_MAX ? cost : -1;
}
