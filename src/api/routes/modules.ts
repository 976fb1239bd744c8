import type { Control } from '../../registry/control.ts';
import { moduleShape } from '../module-shape.ts';
import { errors, nothing, type Routes } from '../operation.ts';
import { moduleBody } from '../request-body.ts';
import { RequestError } from '../request-error.ts';
import { moduleSchema, modulesSchema, noQuery, sha256Params, uploadQuery } from '../rest-shapes.ts';

const tags = ['modules'];

export function moduleRoutes(server: Routes, control: Control, moduleBytesMax: number): void {
  server.get(
    '/modules',
    {
      schema: {
        operationId: 'modules',
        summary: 'Modules there are',
        tags,
        querystring: noQuery,
        response: { 200: modulesSchema, ...errors() },
      },
    },
    async () => (await control.modules()).map(moduleShape),
  );
  server.post(
    '/modules',
    {
      bodyLimit: moduleBytesMax,
      config: { body: 'module' },
      schema: {
        operationId: 'upload',
        summary: 'Checks a module and keeps it',
        tags,
        querystring: uploadQuery,
        response: { 200: moduleSchema, 201: moduleSchema, ...errors(409, 415, 422) },
      },
    },
    async (request, reply) => {
      const bytes = moduleBody(request);
      const { module, created } = await control.uploadModule(request.query.name, bytes);
      return reply.code(created ? 201 : 200).send(moduleShape(module));
    },
  );
  server.get(
    '/modules/:sha256',
    {
      schema: {
        operationId: 'module',
        summary: 'One module',
        tags,
        params: sha256Params,
        querystring: noQuery,
        response: { 200: moduleSchema, ...errors(404) },
      },
    },
    async ({ params: { sha256 } }) => {
      const found = (await control.modules()).filter((module) => module.sha256 === sha256);
      // The same bytes may lie there twice; the one put there by hand is not ours to delete.
      const module = found.find(({ uploaded }) => uploaded) ?? found[0];
      if (module === undefined) {
        throw new RequestError('module.not_found', 'there is no module with this sha256', {
          place: 'path',
          configPath: '/sha256',
          suggestion: 'GET /modules lists those there are.',
        });
      }
      return moduleShape(module);
    },
  );
  server.delete(
    '/modules/:sha256',
    {
      schema: {
        operationId: 'deleteModule',
        summary: 'Deletes an uploaded module that no spec names',
        tags,
        params: sha256Params,
        querystring: noQuery,
        response: { 204: nothing('Deleted'), ...errors(404, 409) },
      },
    },
    async ({ params: { sha256 } }, reply) => {
      await control.deleteModule(sha256);
      return reply.code(204).send();
    },
  );
}
