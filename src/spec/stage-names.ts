import type { TransformationConfig } from './transformation-config.ts';

/** The modules of all stages, for people: `a.wasm → b.wasm`. */
export function stageNames({ stages }: Pick<TransformationConfig, 'stages'>): string {
  return stages.map(({ wasmModule }) => wasmModule).join(' → ');
}
