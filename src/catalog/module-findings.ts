import { StreamlineError, type ErrorDetails } from '../base/error.ts';
import type { ErrorCode } from '../base/error-code.ts';
import { TooLargeError, UnsupportedFeatureError, WasmFormatError } from './wasm-reader.ts';

/** Beyond these a module is not the output of a toolchain, and lists of errors would be as long. */
const ERRORS_MAX = 50;

export const REBUILD = 'rebuild it; the file may be cut off';
export const STRIP = 'strip debug information: wasm-strip, -Wl,--strip-all, or -ldflags "-s -w"';

/** Every reason to refuse a module. */
export class Findings {
  readonly errors: StreamlineError[] = [];

  add(code: ErrorCode, message: string, suggestion?: string, details: ErrorDetails = {}): void {
    if (this.errors.length < ERRORS_MAX)
      this.errors.push(new StreamlineError(code, message, { ...details, suggestion }));
  }

  get refusal(): readonly [StreamlineError, ...StreamlineError[]] | undefined {
    const [first, ...rest] = this.errors;
    return first === undefined ? undefined : [first, ...rest];
  }
}

/** What a decoder has thrown, for a person. */
export function noteFormat(error: unknown, findings: Findings): undefined {
  if (error instanceof UnsupportedFeatureError) {
    const hint = 'build without it: the sandbox takes WebAssembly 2.0 with SIMD, tail calls and exceptions';
    findings.add('module.unsupported_feature', `the module uses ${error.message}, which is not taken`, hint);
  } else if (error instanceof WasmFormatError) {
    findings.add('module.invalid', `not a module that can be read: ${error.message}`, REBUILD);
  } else if (error instanceof TooLargeError) {
    const hint = 'no toolchain makes that of an ordinary program: split what is so large';
    findings.add('module.too_large', `the module has ${error.message}, more than can be run safely`, hint);
  } else throw error;
}

/** A guest's name in a message: bounded, and no control characters for a terminal. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}
