import { setFlagsFromString } from 'node:v8';

/** aot: optimised code before the first record, slower deploys. jit: the engine's defaults, optimised while running. */
export type CompilationMode = 'aot' | 'jit';

/**
 * No baseline compiler: only optimised code stops promptly when its thread is terminated (loops of memory.fill under baseline
 * code hold a thread for seconds). No lazy compilation: a record never waits for a compiler.
 * Not --no-wasm-inlining, though it would save compile time: set in a running process it crashes worker threads (Node 24.21).
 */
const AOT_FLAGS = ['--no-liftoff', '--no-wasm-lazy-compilation'];

/** Sets the engine's flags for the whole process. Call it in the main thread, once, before the first module is compiled. */
export function applyCompilationMode(mode: CompilationMode): void {
  if (mode === 'jit') return;
  for (const flag of AOT_FLAGS) setFlagsFromString(flag);
}
