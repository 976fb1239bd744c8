import type { Control, TargetState } from '../../registry/control.ts';
import { errors, nothing, type Routes } from '../operation.ts';
import { nameParams, noQuery, restartQuery, statusSchema } from '../rest-shapes.ts';
import { statusShape } from '../transform-shape.ts';

const tags = ['life'];

export function lifeRoutes(server: Routes, control: Control): void {
  const targets: readonly { word: string; target: TargetState; status: 202 | 204; summary: string }[] = [
    { word: 'pause', target: 'PAUSED', status: 202, summary: 'No more records; it stays in its group' },
    { word: 'resume', target: 'RUNNING', status: 202, summary: 'Goes on after a pause or a stop' },
    { word: 'stop', target: 'STOPPED', status: 204, summary: 'Drains it and leaves the group' },
  ];
  for (const { word, target, status, summary } of targets) {
    server.put(
      `/transforms/:name/${word}`,
      {
        schema: {
          operationId: word,
          summary,
          tags,
          params: nameParams,
          querystring: noQuery,
          response: {
            [status as 202]: nothing('Kept, over a restart too; the state follows'),
            ...errors(404, 409),
          },
        },
      },
      async ({ params: { name } }, reply) => {
        await control.setTarget(name, target);
        return reply.code(status as 202).send();
      },
    );
  }
  server.post(
    '/transforms/:name/restart',
    {
      schema: {
        operationId: 'restart',
        summary: 'Takes it down and begins anew',
        tags,
        params: nameParams,
        querystring: restartQuery,
        response: { 202: statusSchema, 204: nothing('Begun'), ...errors(404, 409) },
      },
    },
    async ({ params: { name }, query: { includeTasks, onlyFailed } }, reply) => {
      await control.restart(name, { onlyFailed });
      if (!includeTasks) return reply.code(204).send();
      return reply.code(202).send(statusShape(control.status(name)));
    },
  );
}
