import type { ErrorCode } from '../../src/base/error-code.ts';

/** What must become of a record that orders a guest to misbehave. */
export interface RecordVerdict {
  /** In integration/guests/modules. */
  readonly file: string;
  /** The record's order, see recordValue; '' = none, so the record passes. */
  readonly order: string;
  /**
   * output: comes out, changed or not; filtered: dropped; else a failure with one of these codes. More than one where two
   * limits stand guard and the faster one depends on the machine.
   */
  readonly outcome: 'output' | 'filtered' | readonly ErrorCode[];
  /** The instance must be gone afterwards: the next `count` answers 1. False = it may stay. */
  readonly freshInstance: boolean;
}

/** What must become of a deploy. */
export interface DeployVerdict {
  readonly file: string;
  readonly codes: readonly ErrorCode[];
}

/** The value of a record that gives an order. `extra` adds fields, such as `to` for misroute and `n` for inflate. */
export function recordValue(order: string, id: number, extra: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify(order === '' ? { id, ...extra } : { id, do: order, ...extra });
}

const fuel: readonly ErrorCode[] = ['guest.out_of_fuel'];
const fuelOrClock: readonly ErrorCode[] = ['guest.out_of_fuel', 'guest.timeout'];
const trap: readonly ErrorCode[] = ['guest.trap'];
const abi: readonly ErrorCode[] = ['guest.abi_violation'];
const stack: readonly ErrorCode[] = ['guest.stack_overflow'];

type Outcomes = Readonly<Record<string, RecordVerdict['outcome']>>;

const misbehave: Outcomes = {
  '': 'output',
  spin: fuel,
  spin_divide: fuelOrClock,
  fill: fuelOrClock,
  copy: fuelOrClock,
  log_for_ever: fuelOrClock,
  filter_spin: fuel,
  filter_trap: trap,
  drop: 'filtered',
  trap,
  grow_trap: trap,
  divide_by_zero: trap,
  read_outside: trap,
  write_past: [...trap, ...fuel],
  call_null: trap,
  call_past: trap,
  call_mistyped: trap,
  exit: ['guest.aborted'],
  abort: ['guest.aborted'],
  stack,
  stack_frames: trap,
  stack_indirect: stack,
  log_flood: 'output',
  log_large: 'output',
  log_outside: 'output',
  grow_hold: 'output',
  fail: ['guest.failed'],
  count: 'output',
  inflate: 'output',
  length_huge: abi,
  length_past: abi,
  length_short: abi,
  key_lie: abi,
  key_lie_huge: abi,
};

const misbehaveNoAlloc: Outcomes = {
  '': 'output',
  write_past: trap,
  length_past: abi,
  grow_one: 'output',
  count: 'output',
};

/**
 * `topic` depends on the name in `to`: route.unknown_topic, route.cycle, route.too_many_topics or output. The engine itself hands
 * names on unchecked, but for their length: bad ones are found where records are produced.
 */
const misroute: Outcomes = {
  '': 'output',
  trap,
  spin: fuel,
  length_huge: abi,
  length_past: abi,
  not_utf8: ['route.invalid_topic'],
  spaces: ['route.invalid_topic'],
  dots: ['route.invalid_topic'],
  long_name: ['route.invalid_topic'],
};

/** Failures after which an instance may go on: the call ended as it should, only its answer is bad. */
const CLEAN: readonly ErrorCode[] = ['guest.failed', 'route.invalid_topic'];

function verdictsOf(file: string, outcomes: Outcomes): RecordVerdict[] {
  return Object.entries(outcomes).map(([order, outcome]) => {
    const failed = typeof outcome !== 'string';
    return { file, order, outcome, freshInstance: failed && !outcome.some((code) => CLEAN.includes(code)) };
  });
}

export const RECORD_VERDICTS: readonly RecordVerdict[] = [
  ...verdictsOf('misbehave.wasm', misbehave),
  ...verdictsOf('misbehave_no_alloc.wasm', misbehaveNoAlloc),
  ...verdictsOf('misroute.wasm', misroute),
];

const refusals: Readonly<Record<string, readonly ErrorCode[]>> = {
  // Caught before anything runs.
  empty: ['module.invalid'],
  not_wasm: ['module.invalid'],
  truncated: ['module.invalid'],
  component: ['module.missing_export'],
  memory_shared: ['module.unsupported_feature'],
  memory_64: ['module.unsupported_feature'],
  memory_two: ['module.unsupported_feature'],
  gc_types: ['module.unsupported_feature'],
  memory_none: ['module.missing_export'],
  memory_not_exported: ['module.missing_export'],
  no_transform: ['module.missing_export'],
  wrong_signature: ['module.bad_signature'],
  import_signature: ['module.bad_signature', 'module.unknown_import'],
  memory_imported: ['module.unknown_import'],
  unknown_import: ['module.unknown_import'],
  unknown_wasi: ['module.unknown_import'],
  memory_min: ['module.memory_limit'],
  memory_min_all: ['module.memory_limit'],
  table_huge: ['module.table_limit'],
  reserved_export: ['module.reserved_name'],
  // Caught when the first instance starts.
  init_zero: ['guest.init_rejected'],
  init_trap: ['guest.init_failed'],
  init_spin: ['guest.init_failed'],
  init_grow: ['guest.init_failed'],
  initialize_spin: ['guest.init_failed'],
  start_spin: ['guest.init_failed'],
  start_trap: ['guest.init_failed'],
  alloc_zero: ['guest.init_failed'],
  alloc_outside: ['guest.init_failed', 'guest.abi_violation'],
};

export const DEPLOY_VERDICTS: readonly DeployVerdict[] = Object.entries(refusals).map(([name, codes]) => ({
  file: `${name}.wasm`,
  codes,
}));

/**
 * peek.wasm (I9) deploys, and its output is JSON of what it could reach. It must have got nothing: errno values other than 0,
 * counts of 0; clock_ns is what the host shows, never the machine's own time to the nanosecond.
 */
export const PEEK_FILE = 'peek.wasm';
export const PEEK_NOTHING = { file_bytes: 0, environ: 0, args: 0 } as const;
export const PEEK_ERRNO_FIELDS = ['file', 'prestat', 'sock'] as const;
