import type { Transform } from './index.js';

/** What a component exports: `export const { config, transform } = component(definition)`. */
export function component(definition: Transform): {
  readonly config: { init(json: string): void };
  readonly transform: { transform(input: unknown): unknown };
};
