import { StreamlineError } from '../base/error.ts';

/** Blocks for as long as that takes. */
export function compileMetered(metered: Uint8Array, maxMemoryPages: number): WebAssembly.Module | StreamlineError {
  try {
    return new WebAssembly.Module(metered);
  } catch (error) {
    // The original was valid: charges pushed a function, or the count of something, over a limit of the engine.
    const text = `the module does not compile with fuel metering and ${maxMemoryPages} pages of memory: ${reasonOf(error)}`;
    return new StreamlineError('module.too_large', text, { suggestion: 'split the largest functions' });
  }
}

export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 300);
}
