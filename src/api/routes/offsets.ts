import type { Control } from '../../registry/control.ts';
import { offsetsShape, offsetTarget } from '../offset-shape.ts';
import { errors, nothing, type Routes } from '../operation.ts';
import { nameParams, noQuery, offsetsPatchSchema, offsetsSchema } from '../rest-shapes.ts';

const named = { params: nameParams, querystring: noQuery, tags: ['offsets'] };

export function offsetRoutes(server: Routes, control: Control): void {
  const path = '/transforms/:name/offsets';
  server.get(
    path,
    {
      schema: {
        ...named,
        operationId: 'offsets',
        summary: 'What is committed, and where the version that serves took over',
        response: { 200: offsetsSchema, ...errors(404, 409) },
      },
    },
    async ({ params: { name } }) => offsetsShape(await control.offsets(name)),
  );
  server.patch(
    path,
    {
      config: { body: 'json' },
      schema: {
        ...named,
        operationId: 'resetOffsets',
        summary: 'When STOPPED: puts offsets elsewhere',
        body: offsetsPatchSchema,
        response: { 200: offsetsSchema, ...errors(404, 409, 415) },
      },
    },
    async ({ params: { name }, body }) => {
      const topic = body.offsets === undefined ? undefined : (await control.spec(name)).config['input_topic'];
      const target = offsetTarget(body, typeof topic === 'string' ? topic : undefined);
      return offsetsShape(await control.resetOffsets(name, target));
    },
  );
  server.delete(
    path,
    {
      schema: {
        ...named,
        operationId: 'deleteOffsets',
        summary: 'When STOPPED: the group begins at input.start again',
        response: { 204: nothing('Deleted'), ...errors(404, 409) },
      },
    },
    async ({ params: { name } }, reply) => {
      await control.deleteOffsets(name);
      return reply.code(204).send();
    },
  );
}
