import type { FastifyReply } from 'fastify';
import { setTimeout } from 'node:timers/promises';
import { toStreamlineError } from '../../base/error.ts';
import type { Control } from '../../registry/control.ts';
import type { ApiLog } from '../api-options.ts';
import { logStream } from '../log-stream.ts';
import { errors, type Routes } from '../operation.ts';
import { logLineSchema, logsQuery, nameParams } from '../rest-shapes.ts';
import type { Slots } from '../slots.ts';

/** The end of a stream is a few bytes: who does not take them by then has stopped reading. */
const END_MS_MAX = 1000;

interface LogRouteOptions {
  readonly followers: Slots;
  readonly stallTimeoutMs: number;
  readonly log: ApiLog;
}

export function logRoutes(server: Routes, control: Control, options: LogRouteOptions): void {
  const closing = new AbortController();
  const streams = new Set<Promise<void>>();
  // Before connections are cut: a follower gets the end of its stream, if it takes it.
  server.addHook('preClose', async () => {
    closing.abort();
    const ended = new AbortController();
    const bound = setTimeout(END_MS_MAX, undefined, { signal: ended.signal }).catch(() => undefined);
    await Promise.race([Promise.all(streams), bound]);
    ended.abort();
  });
  server.get(
    '/transforms/:name/logs',
    {
      schema: {
        operationId: 'logs',
        summary: 'Log lines',
        tags: ['logs'],
        params: nameParams,
        querystring: logsQuery,
        response: {
          200: { description: 'A LogLine a line', content: { 'application/x-ndjson': { schema: logLineSchema } } },
          ...errors(404),
        },
      },
    },
    (request, typedReply) => {
      // What is described is a line, what is sent a stream of them.
      const reply = typedReply as unknown as FastifyReply;
      const { name } = request.params;
      const { tail, since, follow } = request.query;
      // An unknown name is an error, not a stream that breaks off.
      control.status(name);
      void reply.type('application/x-ndjson; charset=utf-8');
      if (request.method === 'HEAD') {
        void reply.send('');
        return;
      }
      const giveBack = follow ? options.followers.take() : (): void => undefined;
      const gone = new AbortController();
      const { promise: closed, resolve } = Promise.withResolvers<void>();
      streams.add(closed);
      reply.raw.once('close', () => {
        gone.abort();
        giveBack();
        streams.delete(closed);
        resolve();
      });
      const signal = AbortSignal.any([gone.signal, closing.signal]);
      const lines = control.logs(name, { tail, sinceMs: since, follow, signal });
      const onBroken = (thrown: unknown): void =>
        options.log.error(
          { ...toStreamlineError(thrown).toJSON(), transform: name },
          'a stream of log lines broke off',
        );
      void reply.send(logStream(lines, { reply, signal, stallTimeoutMs: options.stallTimeoutMs, onBroken }));
    },
  );
}
