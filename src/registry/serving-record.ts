import type { TransformationConfig } from '../spec/transformation-config.ts';
import { digestsOf, isSameVersion, type VersionFiles, type VersionIdentity } from './version-change.ts';

/** The version that serves, or served last. */
export interface ServingVersion extends VersionIdentity {
  readonly number: number;
  readonly moduleSha256: string;
  readonly sinceMs: number;
  /** Records that have an outcome. */
  readonly records: number;
}

/** Which version serves, over all the pipelines it has had. */
export class ServingRecord {
  #version: Omit<ServingVersion, 'records'> | undefined;
  /** Of pipelines that are gone. */
  #records = 0;
  #numbers = 0;
  /** What it was made of: the files may be another's by now. */
  files: VersionFiles | undefined;

  get identity(): VersionIdentity | undefined {
    return this.#version;
  }

  is(wanted: VersionIdentity): boolean {
    return this.#version !== undefined && isSameVersion(this.#version, wanted);
  }

  nextNumber(): number {
    return (this.#numbers += 1);
  }

  /** One that comes back after a restart is the same version. @returns its number */
  serve(config: TransformationConfig, files: VersionFiles, nowMs: number, number?: number): number {
    const identity = { config, ...digestsOf(files) };
    this.files = files;
    if (number === undefined && this.#version !== undefined && this.is(identity)) {
      return this.#version.number;
    }
    this.#records = 0;
    this.#version = { number: number ?? this.nextNumber(), ...identity, sinceMs: nowMs };
    return this.#version.number;
  }

  /** @param running what the pipeline has of it, if there is one */
  view(running: { readonly number: number; readonly settled: number } | undefined): ServingVersion | undefined {
    const version = this.#version;
    if (version === undefined) return undefined;
    return { ...version, records: this.#records + (running?.number === version.number ? running.settled : 0) };
  }

  /** The pipeline is gone. */
  ended(running: { readonly number: number; readonly settled: number }): void {
    this.#records = this.view(running)?.records ?? 0;
  }

  /** The next start takes the spec and its files as they are by then. */
  forget(): void {
    this.#version = undefined;
    this.#records = 0;
    this.files = undefined;
  }
}
