import { z } from 'zod';
import type { Control } from '../../registry/control.ts';
import { errorShapeOf } from '../error-shape.ts';
import { errors, type Routes } from '../operation.ts';
import { aboutSchema, noQuery } from '../rest-shapes.ts';

export function aboutRoutes(server: Routes, control: Control): void {
  server.get(
    '/',
    {
      schema: {
        operationId: 'about',
        summary: 'What this sidecar is',
        tags: ['sidecar'],
        querystring: noQuery,
        response: { 200: aboutSchema, ...errors() },
      },
    },
    async () => {
      const about = await control.about();
      return {
        name: 'streamline-wasm-transforms',
        version: about.version,
        worker_id: about.workerId,
        transport: about.transport,
        features: { wasm_transforms: about.wasmTransforms },
        specs: {
          directory: about.specsDirectory,
          writable: about.specsReadOnly === undefined,
          ...(about.specsReadOnly === undefined ? {} : { reason: about.specsReadOnly }),
          errors: control.specErrors().map(({ error }) => errorShapeOf(error)),
        },
      };
    },
  );
  let document: Record<string, unknown> | undefined;
  server.get(
    '/openapi.json',
    {
      schema: {
        operationId: 'openapi',
        summary: 'This description',
        tags: ['sidecar'],
        querystring: noQuery,
        response: { 200: z.record(z.string(), z.unknown()), ...errors() },
      },
    },
    () => (document ??= server.swagger() as unknown as Record<string, unknown>),
  );
}
