import type { Control, SpecText } from '../../registry/control.ts';
import { StreamlineError } from '../../base/error.ts';
import { errors, nothing, type Routes } from '../operation.ts';
import {
  infoSchema,
  listQuery,
  listSchema,
  metricsSchema,
  nameParams,
  noQuery,
  statusQuery,
  statusSchema,
  tasksSchema,
  topicsSchema,
  type Expanded,
} from '../rest-shapes.ts';
import { infoShape, metricsShape, statusShape, tasksShape } from '../transform-shape.ts';

const tags = ['transforms'];
const named = { params: nameParams, querystring: noQuery, tags };

export function transformRoutes(server: Routes, control: Control): void {
  server.get(
    '/transforms',
    {
      schema: {
        operationId: 'list',
        summary: 'Names of all transforms, or with expand what is known of each',
        tags,
        querystring: listQuery,
        response: { 200: listSchema, ...errors() },
      },
    },
    ({ query: { expand } }) => (expand === undefined ? [...control.names()] : expanded(control, new Set(expand))),
  );
  server.get(
    '/transforms/:name',
    {
      schema: {
        ...named,
        operationId: 'info',
        summary: 'Its spec and tasks',
        response: { 200: infoSchema, ...errors(404) },
      },
    },
    async ({ params: { name } }) => infoShape(await control.spec(name), control.status(name)),
  );
  server.delete(
    '/transforms/:name',
    {
      schema: {
        ...named,
        operationId: 'undeploy',
        summary: 'Drains it, leaves the group, removes the spec',
        response: { 204: nothing('Gone'), ...errors(404, 409) },
      },
    },
    async ({ params: { name } }, reply) => {
      await control.undeploy(name);
      return reply.code(204).send();
    },
  );
  server.get(
    '/transforms/:name/status',
    {
      schema: {
        ...named,
        querystring: statusQuery,
        operationId: 'status',
        summary: 'What state it is in, which versions there are',
        response: { 200: statusSchema, ...errors(404, 409) },
      },
    },
    async ({ params: { name }, query: { group } }) => {
      const status = control.status(name);
      return statusShape(status, group ? await control.group(name) : undefined);
    },
  );
  server.get(
    '/transforms/:name/tasks',
    {
      schema: {
        ...named,
        operationId: 'tasks',
        summary: 'One task for each partition this worker has',
        response: { 200: tasksSchema, ...errors(404) },
      },
    },
    ({ params: { name } }) => tasksShape(control.status(name)),
  );
  server.get(
    '/transforms/:name/topics',
    {
      schema: {
        ...named,
        operationId: 'topics',
        summary: 'Topics it reads and writes',
        response: { 200: topicsSchema, ...errors(404) },
      },
    },
    ({ params: { name } }) => ({ [name]: { topics: [...control.topics(name)] } }),
  );
  server.get(
    '/transforms/:name/metrics',
    {
      schema: {
        ...named,
        operationId: 'metrics',
        summary: 'Counts since the sidecar started',
        response: { 200: metricsSchema, ...errors(404) },
      },
    },
    ({ params: { name } }) => metricsShape(control.metrics(name)),
  );
}

async function expanded(control: Control, what: ReadonlySet<'status' | 'info'>): Promise<Expanded> {
  const one = async (name: string): Promise<Expanded[string] | undefined> => {
    try {
      const spec = what.has('info') ? await specOrNothing(control, name) : undefined;
      const status = control.status(name);
      return {
        ...(what.has('status') ? { status: statusShape(status) } : {}),
        ...(spec === undefined ? {} : { info: infoShape(spec, status) }),
      };
    } catch (thrown) {
      // Removed while the list was made.
      if (thrown instanceof StreamlineError && thrown.code === 'transform.not_found') return undefined;
      throw thrown;
    }
  };
  const entries = await Promise.all(control.names().map(async (name) => [name, await one(name)] as const));
  return Object.fromEntries(entries.flatMap(([name, known]) => (known === undefined ? [] : [[name, known]])));
}

/** One file that cannot be read does not hide the others; its status says what is wrong with it. */
async function specOrNothing(control: Control, name: string): Promise<SpecText> {
  try {
    return await control.spec(name);
  } catch (thrown) {
    const isFile =
      thrown instanceof StreamlineError && (thrown.code === 'spec.unreadable' || thrown.code === 'spec.too_large');
    if (!isFile) throw thrown;
    return { name, source: thrown.place ?? '', text: '', config: {} };
  }
}
