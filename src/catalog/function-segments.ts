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
  /** What all segments cost together, each taken once. */
  total = 0;
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
    this.isLeaf = false;
    this.total = 0;
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
