import type { StreamlineError } from '../base/error.ts';
import { FUEL_PER_MS, type PreparedModule } from '../catalog/prepared-module.ts';
import type { SchemaWaiting } from '../codec/registry/schema-supply.ts';
import { isBuiltin } from '../spec/spec-name.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { QueuedRecords } from '../pipeline/lane.ts';
import type { TargetState } from './control.ts';
import type { ServingVersion } from './serving-record.ts';
import type { InstanceCounts } from './transform-factory.ts';
import type { TransformTotals } from './transform-totals.ts';
import type { Candidate } from './version-change.ts';

/**
 * Kafka Connect's states. STOPPED: not started, or taken down. UNASSIGNED: on its way up, or up and not yet given its share by
 * the group. RUNNING: it has it. PAUSED: it keeps it and reads nothing.
 */
export type TransformState = 'UNASSIGNED' | 'RUNNING' | 'PAUSED' | 'RESTARTING' | 'FAILED' | 'STOPPED';

export interface ReloadCounts {
  readonly served: number;
  readonly refused: number;
}

/** A transform at one moment. */
export interface TransformSnapshot {
  readonly name: string;
  readonly state: TransformState;
  readonly target: TargetState;
  /** Why it is FAILED or RESTARTING. */
  readonly error: StreamlineError | undefined;
  /** Records wait for the schema registry. It is RUNNING nevertheless. */
  readonly waiting: SchemaWaiting | undefined;
  /** Of the version that serves; while there is none, of the one that is to. */
  readonly config: TransformationConfig;
  readonly module: PreparedModule | undefined;
  /** What serves, or served last. */
  readonly version: ServingVersion | undefined;
  readonly candidate: Candidate | undefined;
  /** Of a candidate's first records, how many it has had. */
  readonly canary: { readonly done: number; readonly of: number } | undefined;
  readonly partitions: readonly number[];
  readonly lag: readonly { readonly partition: number; readonly lag: number }[];
  readonly totals: TransformTotals;
  readonly instances: InstanceCounts;
  readonly stuckThreads: number;
  readonly inFlightBytes: number;
  readonly queued: QueuedRecords;
  /** Fuel one record may use, all stages of a chain together. */
  readonly fuelBudget: number;
  /** New versions beside one that served: what became of them. */
  readonly reloads: ReloadCounts;
  readonly lastCommitMs: number | undefined;
  readonly restarts: number;
}

/** A builtin uses none. */
export function fuelBudgetOf({ stages }: TransformationConfig): number {
  const metered = stages.filter(({ wasmModule }) => !isBuiltin(wasmModule));
  return metered.reduce((sum, { timeoutMs }) => sum + timeoutMs * FUEL_PER_MS, 0);
}
