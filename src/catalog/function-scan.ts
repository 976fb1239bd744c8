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
import { EDIT, FunctionScan, SEGMENT } from './function-segments.ts';
import type { FunctionType } from './known-imports.ts';
import { readBlockType, readValueType, type ByteRange, type WasmModule } from './wasm-module.ts';
import {
  IMMEDIATE,
  IMMEDIATES,
  OP,
  skipMemoryArgument,
  skipMisc,
  skipSimd,
  unsupportedOperator,
} from './wasm-operator.ts';
import { TooLargeError, WasmFormatError, WasmReader } from './wasm-reader.ts';

/** A function of this size compiles in bounded time and memory; beyond, an optimising compiler can be made to explode. */
const LOCALS_MAX = 10_000;
const BODY_BYTES_MAX = 4 << 20;
/**
 * What an optimising compiler may have to merge, in values: every way into a block brings all locals and the block's own values.
 * Measured on Node 24: at the limit a function takes up to 3 s and 400 MB to compile, and six times the limit ends the process
 * (V8 gives up on memory for one function by aborting). The largest functions of Go and Rust guests come to 20,000.
 */
const MERGES_MAX = 8_000_000;
/** A loop merges once more for what its body changes, and compilers spend more on it. */
const LOOP_EDGES = 4;
/** A call inside a try block may leave to each handler around, and register allocation there is worse than linear. */
const THROWING_CALL_EDGES = 8;
/** Compile time grows with the square: 50,000 take a minute. */
const TRY_BLOCKS_MAX = 10_000;

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
  /** Ways into blocks, and the most values that a block of this function takes and yields. */
  #edges = 0;
  #calls = 0;
  #tryBlocks = 0;
  #arityMax = 0;
  #current = DEAD;
  /**
   * Per function defined: what a leaf costs, -1 for others. Callers and the function itself go by this table alone: whether a
   * function that calls leaves is one depends on the order in which they were looked at.
   */
  readonly #leafCost: Int8Array;

  constructor(module: WasmModule) {
    this.#module = module;
    this.#reader = new WasmReader(module.bytes);
    this.#leafCost = new Int8Array(module.bodies.length).fill(-1);
    module.bodies.forEach((body, i) => {
      if (body.end - body.start <= LEAF_BODY_BYTES_MAX) this.#leafCost[i] = leafCost(this.scan(i));
    });
  }

  /**
   * Scans the function defined as number `index`, imports not counted. The result is valid until the next call.
   * Throws UnsupportedFeatureError, WasmFormatError or TooLargeError.
   */
  scan(index: number): FunctionScan {
    const scan = this.#scan;
    const { module, body, type } = this.#function(index);
    if (body.end - body.start > BODY_BYTES_MAX) {
      throw new TooLargeError(`a function of ${body.end - body.start} bytes (at most ${BODY_BYTES_MAX})`);
    }
    scan.reset();
    const reader = new WasmReader(module.bytes, body.start, body.end);
    this.#reader = reader;
    this.#readLocals(scan, type);
    this.#frames = 0;
    this.#edges = 0;
    this.#calls = 0;
    this.#tryBlocks = 0;
    this.#arityMax = type.results.length;
    this.#current = scan.open(reader.at, SEGMENT.entry, DEAD);
    this.#push();
    this.#charge(ENTRY_COST + Math.floor(scan.localCount / LOCALS_PER_UNIT));
    while (this.#frames > 0) this.#operator();
    if (!reader.done) throw new WasmFormatError(`code after the end of a function at byte ${reader.at}`);
    this.#checkMerges(scan);
    for (let i = 0; i < scan.segments; i += 1) scan.total += scan.cost[i] ?? 0;
    scan.isLeaf = (this.#leafCost[index] ?? -1) >= 0;
    return scan;
  }

  #function(index: number): { module: WasmModule; body: ByteRange; type: FunctionType } {
    const module = this.#module;
    const body = module.bodies[index];
    const type = module.types[module.functionTypes[module.importedFunctions + index] ?? -1];
    if (body === undefined || type === undefined) throw new WasmFormatError(`function ${index} has no type or no code`);
    return { module, body, type };
  }

  #checkMerges(scan: FunctionScan): void {
    if (this.#tryBlocks > TRY_BLOCKS_MAX) {
      throw new TooLargeError(`a function of ${this.#tryBlocks} try blocks (at most ${TRY_BLOCKS_MAX})`);
    }
    const edges = this.#edges + (scan.hasExceptions ? THROWING_CALL_EDGES * this.#calls : 0);
    const values = scan.localCount + this.#arityMax;
    if (edges * values <= MERGES_MAX) return;
    throw new TooLargeError(`a function of ${edges} branches and ${values} values that each may carry`);
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
    if (count > LOCALS_MAX) throw new TooLargeError(`a function of ${count} locals (at most ${LOCALS_MAX})`);
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
    this.#edges += 1;
  }

  #top(): number {
    return this.#frameSegment[this.#frames - 1] ?? DEAD;
  }

  /** Notes a branch out of the innermost `depth` blocks. */
  #leave(depth: number): void {
    this.#edges += 1;
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
        return this.#block(opcode, this.#blockType());
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

  /** Reads a block's type and charges the values it yields; answers how many it takes. One value is a register: free. */
  #blockType(): number {
    const index = readBlockType(this.#reader);
    if (index < 0) return 0;
    const type = this.#module.types[index];
    if (type === undefined) throw new WasmFormatError(`a block of no type at byte ${this.#reader.at}`);
    const { length: params } = type.params;
    this.#arityMax = Math.max(this.#arityMax, params + type.results.length);
    this.#charge(OPERAND_COST * (params + type.results.length));
    return params;
  }

  #block(opcode: number, params: number): void {
    this.#push();
    if (opcode === OP.loop) {
      this.#scan.hasLoop = true;
      this.#edges += LOOP_EDGES;
      this.#open(SEGMENT.loop, this.#current);
      // Each round moves all the loop's values, which may have been read for free.
      this.#charge((OPERATOR_COST[OP.loop] ?? 1) + OPERAND_COST * params);
    } else if (opcode === OP.if) {
      this.#open(SEGMENT.plain, this.#current);
    } else if (opcode === OP.try) {
      this.#scan.hasExceptions = true;
      this.#tryBlocks += 1;
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
    const base = host ? HOST_CALL_COST : direct ? CALL_COST + Math.max(0, leaf) : CALL_INDIRECT_COST;
    this.#charge(base + OPERAND_COST * (type.params.length + type.results.length));
    this.#calls += 1;
    if (this.#current === DEAD || (leaf >= 0 && opcode === OP.call)) return;
    this.#scan.hasCall = true;
    this.#scan.edit(at, EDIT.flush);
    if (opcode === OP.call || opcode === OP.callIndirect) return this.#scan.edit(reader.at, EDIT.reload);
    this.#leave(this.#frames - 1);
    this.#current = DEAD;
  }

  #tryTable(): void {
    const reader = this.#reader;
    this.#scan.hasExceptions = true;
    this.#tryBlocks += 1;
    this.#blockType();
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
  return scan.total <= LEAF_COST_MAX ? scan.total : -1;
}
