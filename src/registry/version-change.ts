import { createHash } from 'node:crypto';
import type { StreamlineError } from '../base/error.ts';
import type { PreparedModule } from '../catalog/prepared-module.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { SchemaFiles } from './schema-files.ts';

/** A builtin has no file. */
export const BUILTIN_DIGEST = 'builtin';

/** The files a version is made of, as they were read. Kept, so that it can be made again when they have changed meanwhile. */
export interface VersionFiles {
  /** Absent for a builtin. */
  readonly module: PreparedModule | undefined;
  /** Of the stages of a chain after the first. */
  readonly following?: readonly (PreparedModule | undefined)[];
  /** Absent where the spec names none. */
  readonly schemas: SchemaFiles | undefined;
}

/** The same files, told by their digests, hex. */
export interface FileDigests {
  /** `builtin` for a builtin; undefined: not known yet, or the file is not there. */
  readonly moduleSha256: string | undefined;
  /** Of all schema files; undefined: the spec names none, or one is not there. */
  readonly schemasSha256: string | undefined;
}

export const UNKNOWN_FILES: FileDigests = { moduleSha256: undefined, schemasSha256: undefined };

export function digestsOf(files: VersionFiles): FileDigests & { readonly moduleSha256: string } {
  const { module, following = [], schemas } = files;
  const digests = [module, ...following].map((prepared) => prepared?.facts.sha256 ?? BUILTIN_DIGEST);
  return { moduleSha256: chainDigest(digests), schemasSha256: schemas?.sha256 };
}

/** One digest for the modules of all stages: that of the module where there is one stage. */
export function chainDigest(digests: readonly string[]): string {
  const [only = BUILTIN_DIGEST] = digests;
  return digests.length <= 1 ? only : createHash('sha256').update(digests.join()).digest('hex');
}

/** What makes a version another: the spec, or the bytes of a file it names. */
export interface VersionIdentity extends FileDigests {
  readonly config: TransformationConfig;
}

/** A version that is to take over, and how far it came. */
export interface Candidate extends VersionIdentity {
  readonly stage: 'PREPARING' | 'CANARY' | 'REFUSED';
  readonly sinceMs: number;
  readonly error: StreamlineError | undefined;
}

export function isSameVersion(a: VersionIdentity, b: VersionIdentity): boolean {
  return (
    a.config.sha256 === b.config.sha256 && a.moduleSha256 === b.moduleSha256 && a.schemasSha256 === b.schemasSha256
  );
}
