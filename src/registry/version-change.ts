import type { StreamlineError } from '../base/error.ts';
import type { PreparedModule } from '../catalog/prepared-module.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';

/** A builtin has no file. */
export const BUILTIN_DIGEST = 'builtin';

export function digestOf(module: PreparedModule | undefined): string {
  return module?.facts.sha256 ?? BUILTIN_DIGEST;
}

/** What makes a version another: the spec or the module's bytes. */
export interface VersionIdentity {
  readonly config: TransformationConfig;
  /** Hex, or `builtin`; undefined: not known yet, or the file is not there. */
  readonly moduleSha256: string | undefined;
}

/** A version that is to take over, and how far it came. */
export interface Candidate extends VersionIdentity {
  readonly stage: 'PREPARING' | 'CANARY' | 'REFUSED';
  readonly sinceMs: number;
  readonly error: StreamlineError | undefined;
}

export function isSameVersion(a: VersionIdentity, b: VersionIdentity): boolean {
  return a.config.sha256 === b.config.sha256 && a.moduleSha256 === b.moduleSha256;
}
