import { z } from 'zod';
import { sidecarSchema } from './sidecar-schema.ts';
import { specSchema } from './spec-schema.ts';

/** The published schemas by file name: what an editor checks while a spec is written. parseSpec knows more. */
export const JSON_SCHEMAS: Readonly<Record<string, () => string>> = {
  'transform-spec.schema.json': () =>
    text(specSchema, { anyOf: [{ required: ['wasm_module'] }, { required: ['transforms'] }] }),
  'sidecar.schema.json': () => text(sidecarSchema, {}),
};

function text(schema: z.ZodType, more: Readonly<Record<string, unknown>>): string {
  // Draft 7 is what yaml-language-server understands best.
  return `${JSON.stringify({ ...z.toJSONSchema(schema, { io: 'input', target: 'draft-7' }), ...more }, null, 2)}\n`;
}
