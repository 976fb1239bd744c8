import type { Control } from '../../registry/control.ts';
import { LOG_LEVELS } from '../../registry/control.ts';
import { nearestName } from '../../spec/nearest-name.ts';
import { loggerShape } from '../logger-shape.ts';
import { errors, type Routes } from '../operation.ts';
import { RequestError } from '../request-error.ts';
import {
  changedLoggersSchema,
  loggerParams,
  loggerPatchSchema,
  loggerSchema,
  loggersSchema,
  noQuery,
} from '../rest-shapes.ts';

const tags = ['loggers'];

export function loggerRoutes(server: Routes, control: Control): void {
  server.get(
    '/admin/loggers',
    {
      schema: {
        operationId: 'loggers',
        summary: 'Log levels',
        tags,
        querystring: noQuery,
        response: { 200: loggersSchema, ...errors() },
      },
    },
    () => Object.fromEntries(control.loggers().map((view) => [view.name, loggerShape(view)])),
  );
  server.get(
    '/admin/loggers/:logger',
    {
      schema: {
        operationId: 'logger',
        summary: 'One log level',
        tags,
        params: loggerParams,
        querystring: noQuery,
        response: { 200: loggerSchema, ...errors(404) },
      },
    },
    ({ params: { logger } }) => {
      const loggers = control.loggers();
      const view = loggers.find(({ name }) => name === logger);
      if (view !== undefined) return loggerShape(view);
      const near = nearestName(
        logger,
        loggers.map(({ name }) => name),
      );
      throw new RequestError('transform.not_found', `there is no logger ${logger}`, {
        suggestion: near === undefined ? "Write root, or a transform's name." : `Did you mean ${near}?`,
      });
    },
  );
  server.put(
    '/admin/loggers/:logger',
    {
      config: { body: 'json' },
      schema: {
        operationId: 'setLogger',
        summary: 'Changes a log level until the sidecar ends',
        tags,
        params: loggerParams,
        querystring: noQuery,
        body: loggerPatchSchema,
        response: { 200: changedLoggersSchema, ...errors(404, 415) },
      },
    },
    ({ params: { logger }, body }) => {
      const level = LOG_LEVELS.find((known) => known === body.level.toLowerCase()) ?? 'info';
      return [...control.setLogLevel(logger, level)];
    },
  );
}
