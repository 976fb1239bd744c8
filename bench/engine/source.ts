import type { PreparedModule } from '../../src/catalog/prepared-module.ts';
import type { StageSource } from '../../src/guest/batch-runner.ts';
import type { GuestConfig } from '../../src/guest/guest-config.ts';

/** A guest that is a module, ready for a thread. */
export interface BatchRunnerSource {
  readonly config: GuestConfig;
  readonly module: PreparedModule;
  readonly following?: readonly StageSource[];
}
