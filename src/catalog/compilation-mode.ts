import { setFlagsFromString } from 'node:v8';

/** aot: optimised code before the first record, slower deploys. jit: the engine's defaults, optimised while running. */
export type CompilationMode = 'aot' | 'jit';

/**
 * No baseline compiler: only optimised code stops promptly when its thread is terminated (loops of memory.fill under baseline
 * code hold a thread for seconds). No lazy compilation: a record never waits for a compiler.
 */
const AOT_FLAGS = ['--no-liftoff', '--no-wasm-lazy-compilation'];

/**
 * For the command line of whoever starts Node; the first line of bin/streamline-sidecar.ts says the same.
 * Toolchains have inlined already, and doing it again takes two thirds of the compile time; never set it in a running process:
 * modules that live by then (Node has some of its own) crash V8 13.6. The young generation is kept small because records do not
 * live in it: at its default a sidecar under load takes 60 MB more (bench/README.md).
 */
export const NODE_ARGUMENTS: readonly string[] = ['--no-wasm-inlining', '--max-semi-space-size=8'];

/** Sets the engine's flags for the whole process. Call it in the main thread, once, before the first module is compiled. */
export function applyCompilationMode(mode: CompilationMode): void {
  if (mode === 'jit') return;
  for (const flag of AOT_FLAGS) setFlagsFromString(flag);
}
