import type { ErrorCode } from '../base/error-code.ts';
import { StreamlineError } from '../base/error.ts';
import type { PreparedComponent } from './component-plan.ts';
import type { ModuleFacts } from './prepared-module.ts';

/** Main → catalog thread. The bytes are transferred. */
export interface PrepareOrder {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly maxMemoryMb: number;
  readonly initialFuel: number;
  readonly cacheDir: string | undefined;
}

/** An error across the thread boundary: structured clone keeps no class. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly configPath: string | undefined;
  readonly suggestion: string | undefined;
}

export interface PreparedReply {
  readonly kind: 'prepared';
  readonly facts: ModuleFacts;
  readonly module: WebAssembly.Module;
  readonly component?: PreparedComponent | undefined;
  readonly cached: boolean;
  /** Why the cache was not used, when it could not be. */
  readonly cacheTrouble: string | undefined;
}

export interface RefusedReply {
  readonly kind: 'refused';
  readonly errors: readonly [PlainError, ...PlainError[]];
}

/** Catalog thread → main. */
export type CatalogReply = PreparedReply | RefusedReply;

export function toPlainError(error: StreamlineError): PlainError {
  return { code: error.code, message: error.message, configPath: error.configPath, suggestion: error.suggestion };
}

export function fromPlainError(plain: PlainError, place: string): StreamlineError {
  return new StreamlineError(plain.code, plain.message, {
    place,
    configPath: plain.configPath,
    suggestion: plain.suggestion,
  });
}
