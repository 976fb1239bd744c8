import { z } from 'zod';
import type { Control, DeployOutcome } from '../../registry/control.ts';
import { exactConfig } from '../exact-config.ts';
import { errors, type Routes } from '../operation.ts';
import { planShape, validationShape } from '../plan-shape.ts';
import { RequestError } from '../request-error.ts';
import { patchText, specBody } from '../request-body.ts';
import {
  deployedSchema,
  nameParams,
  noQuery,
  planSchema,
  specConfigSchema,
  validationSchema,
  type Deployed,
} from '../rest-shapes.ts';
import { checkSpecText, newSpec, specNamed } from '../spec-text.ts';
import { deployedShape } from '../transform-shape.ts';

const tags = ['specs'];
const named = { params: nameParams, querystring: noQuery, tags };
const takesSpec = { body: 'spec' } as const;
const mergePatch = z.record(z.string(), z.unknown()).meta({
  description: 'JSON merge patch (RFC 7396): fields to change; null removes.',
  examples: [{ timeout_ms: 20 }],
});

export function specRoutes(server: Routes, control: Control): void {
  const deployed = async (outcome: DeployOutcome): Promise<Deployed> =>
    deployedShape(outcome, await control.spec(outcome.name), control.status(outcome.name));

  server.post(
    '/transforms',
    {
      config: takesSpec,
      schema: {
        operationId: 'deploy',
        summary: 'Deploys a new transform',
        tags,
        querystring: noQuery,
        response: { 201: deployedSchema, ...errors(409, 415, 422) },
      },
    },
    async (request, reply) => {
      const outcome = await control.deploy(newSpec(specBody(request)), { createOnly: true });
      return reply
        .code(201)
        .header('location', `/transforms/${outcome.name}`)
        .send(await deployed(outcome));
    },
  );
  server.get(
    '/transforms/:name/config',
    {
      schema: {
        ...named,
        operationId: 'config',
        summary: 'The spec as written',
        response: {
          200: {
            description: 'As JSON, or with `Accept: application/yaml` as its text',
            content: { 'application/json': { schema: specConfigSchema }, 'application/yaml': { schema: z.string() } },
          },
          ...errors(404),
        },
      },
    },
    async ({ params: { name }, headers }, reply) => {
      const spec = await control.spec(name);
      void reply.header('vary', 'accept');
      if (wantsYaml(headers.accept)) return reply.type('application/yaml; charset=utf-8').send(spec.text);
      return reply.type('application/json; charset=utf-8').send(exactConfig(spec));
    },
  );
  server.put(
    '/transforms/:name/config',
    {
      config: takesSpec,
      schema: {
        ...named,
        operationId: 'put',
        summary: 'Deploys a transform, or changes one',
        response: { 200: deployedSchema, 201: deployedSchema, ...errors(409, 415, 422) },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const outcome = await control.deploy(specNamed(name, specBody(request)), { name, createOnly: false });
      return reply.code(outcome.created ? 201 : 200).send(await deployed(outcome));
    },
  );
  server.patch(
    '/transforms/:name/config',
    {
      config: { body: 'merge-patch' },
      schema: {
        ...named,
        operationId: 'patch',
        summary: 'Changes fields of a spec',
        body: mergePatch,
        consumes: ['application/json', 'application/merge-patch+json'],
        response: { 200: deployedSchema, ...errors(404, 409, 415, 422) },
      },
    },
    async (request) => {
      const { body } = request;
      const { name } = request.params;
      if (Object.hasOwn(body, 'name') && body['name'] !== name) {
        throw new RequestError('request.invalid', 'a transform cannot be renamed', {
          place: 'body',
          configPath: '/name',
          suggestion: 'Deploy it under the new name and remove the old one: the consumer group is another.',
        });
      }
      return deployed(await control.patch(name, patchText(request)));
    },
  );
  server.put(
    '/transforms/validate',
    {
      config: { ...takesSpec, onlyReads: true },
      schema: {
        operationId: 'validate',
        summary: 'Checks a spec and its module; changes nothing',
        tags,
        querystring: noQuery,
        response: { 200: validationSchema, ...errors(415) },
      },
    },
    async (request) => validationShape(await control.validate(specBody(request))),
  );
  server.put(
    '/transforms/plan',
    {
      config: { ...takesSpec, onlyReads: true },
      schema: {
        operationId: 'plan',
        summary: 'What deploying a spec would do; changes nothing',
        tags,
        querystring: noQuery,
        response: { 200: planSchema, ...errors(409, 415, 422) },
      },
    },
    async (request) => {
      const text = specBody(request);
      checkSpecText(text);
      return planShape(await control.plan(text));
    },
  );
}

/** Only who asks for YAML by name gets it: browsers and curl say that they take anything. */
function wantsYaml(accept: string | undefined): boolean {
  return /(?:^|,)\s*(?:application|text)\/(?:x-)?yaml\s*(?:;|,|$)/i.test(accept ?? '');
}
