import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { specSchema } from '../spec/spec-schema.ts';
import { MEDIA_TYPES, type BodyKind } from './request-body.ts';

type Json = Record<string, unknown>;

const INTRODUCTION = `Deploy, watch, change, pause and remove transforms. Paths, states and shapes are Kafka Connect's with /transforms in
place of /connectors. HEAD works where GET does. Every error has the shape Error.`;

const EXAMPLE_SPEC = {
  name: 'mask-pii',
  input_topic: 'raw-events',
  output_topic: 'clean-events',
  wasm_module: 'transforms/mask_pii.wasm',
  config: { fields_to_mask: ['email', 'phone'] },
};

/** Describes the routes added from now on, from the schemas that check their requests: `server.swagger()` once it is ready. */
export function describeRoutes(server: FastifyInstance, version: string): void {
  void server.register(swagger, {
    convertConstToEnum: false,
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Streamline WebAssembly transforms', version, description: INTRODUCTION },
      security: [{ bearer: [] }, { certificate: [] }, {}],
      components: {
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            description: 'http.auth.admin_token, or read_only_token for what changes nothing.',
          },
          // OpenAPI 3.1; the types of the package know 3.0 only.
          certificate: { type: 'mutualTLS', description: 'A certificate of http.tls.client_ca.' } as never,
        },
      },
    },
    transform: (route) => {
      const described = jsonSchemaTransform(route);
      const content = bodyContent(route.route.config?.body ?? 'none');
      return content === undefined ? described : { ...described, schema: { ...described.schema, body: { content } } };
    },
    transformObject: (document) => finish(jsonSchemaTransformObject(document) as unknown as Json) as never,
  });
}

/** Bodies that no schema checks because they are handed on as they came. */
function bodyContent(kind: BodyKind): Json | undefined {
  const each = (schema: Json): Json =>
    Object.fromEntries(MEDIA_TYPES[kind].map((type) => [type, { schema: { ...schema } }]));
  switch (kind) {
    case 'spec':
      return each({ $ref: '#/components/schemas/Spec' });
    case 'module':
      return each({ type: 'string', format: 'binary' });
    case 'json':
    case 'merge-patch':
    case 'none':
      return undefined;
  }
}

function finish(document: Json): Json {
  const schemas = (document['components'] as { schemas: Json }).schemas;
  schemas['Spec'] = specDescription();
  for (const operation of operationsOf(document)) {
    nameResponses(operation['responses'] as Record<string, Json>);
    const body = operation['requestBody'] as Json | undefined;
    if (body === undefined) continue;
    body['required'] = true;
    const content = body['content'] as Record<string, Json>;
    for (const media of Object.values(content)) {
      if ((media['schema'] as Json)['$ref'] === '#/components/schemas/Spec') media['example'] = EXAMPLE_SPEC;
    }
    if (operation['operationId'] === 'deploy') mentionConnectShape(content);
  }
  prune(document, schemas);
  return document;
}

function nameResponses(responses: Record<string, Json>): void {
  for (const [status, response] of Object.entries(responses)) {
    if (response['description'] === 'Default Response') response['description'] = STATUS_CODES[status] ?? status;
  }
}

function specDescription(): Json {
  const { $schema: _, ...schema } = z.toJSONSchema(specSchema, { io: 'input', target: 'draft-2020-12' });
  const required = (schema.required ?? []).filter((field) => field !== 'name');
  return {
    ...schema,
    description: 'A spec, as the files in the spec directory. `name` may be left out where the path has it.',
    required,
    anyOf: [{ required: ['wasm_module'] }, { required: ['transforms'] }],
  };
}

function mentionConnectShape(content: Record<string, Json>): void {
  const spec = { $ref: '#/components/schemas/Spec' };
  const connect = {
    type: 'object',
    description: "Kafka Connect's shape.",
    properties: { name: { type: 'string' }, config: spec },
    required: ['name', 'config'],
    additionalProperties: false,
  };
  for (const media of Object.values(content)) media['schema'] = { anyOf: [spec, connect] };
}

function operationsOf(document: Json): Json[] {
  const paths = document['paths'] as Record<string, Record<string, Json>>;
  return Object.values(paths).flatMap((methods) => Object.values(methods));
}

/** Each schema is registered for requests and for answers; only what is referred to stays. */
function prune(document: Json, schemas: Json): void {
  for (let removed = true; removed;) {
    removed = false;
    const text = JSON.stringify(document);
    for (const name of Object.keys(schemas)) {
      const own = JSON.stringify(schemas[name]);
      const reference = `"#/components/schemas/${name}"`;
      // A schema that only refers to itself is not referred to.
      if (text.split(reference).length === own.split(reference).length) {
        delete schemas[name];
        removed = true;
      }
    }
  }
}
