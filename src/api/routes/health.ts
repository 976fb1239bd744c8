import { z } from 'zod';
import type { HealthView } from '../api-options.ts';
import { errors, type Routes } from '../operation.ts';
import { aliveSchema, healthSchema } from '../rest-shapes.ts';

const tags = ['health'];
const open = { isOpen: true, isUncounted: true } as const;

/** A transform that failed fails none of these. */
export function healthRoutes(server: Routes, view: HealthView): void {
  server.get(
    '/livez',
    {
      config: open,
      schema: {
        operationId: 'live',
        summary: 'The process runs',
        tags,
        security: [],
        response: { 200: aliveSchema, ...errors() },
      },
    },
    () => ({ status: 'ok' as const }),
  );
  server.get(
    '/readyz',
    {
      config: open,
      schema: {
        operationId: 'ready',
        summary: 'Every transform has come up or failed for the first time',
        tags,
        security: [],
        response: { ...errors(), 200: aliveSchema, 503: aliveSchema },
      },
    },
    (_request, reply) => {
      const isReady = view.ready();
      void reply.code(isReady ? 200 : 503);
      return { status: isReady ? ('ok' as const) : ('starting' as const) };
    },
  );
  server.get(
    '/health',
    {
      config: { isOpen: true },
      schema: {
        operationId: 'health',
        summary: "Kafka Connect's health",
        tags,
        security: [],
        response: { ...errors(), 200: healthSchema, 503: healthSchema },
      },
    },
    (_request, reply) => {
      const isReady = view.ready();
      void reply.code(isReady ? 200 : 503);
      return isReady
        ? { status: 'healthy' as const, message: 'Every transform has come up, or failed for the first time.' }
        : { status: 'starting' as const, message: 'Transforms are coming up.' };
    },
  );
  server.get(
    '/metrics',
    {
      config: { isUncounted: true },
      schema: {
        operationId: 'metricsText',
        summary: 'Prometheus text',
        tags,
        response: {
          200: {
            description: 'Metrics of the process and of every transform',
            content: { 'text/plain': { schema: z.string() } },
          },
          ...errors(),
        },
      },
    },
    async (_request, reply) => {
      const text = await view.metricsText();
      void reply.header('content-type', view.metricsContentType);
      return text;
    },
  );
}
