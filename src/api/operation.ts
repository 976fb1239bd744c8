import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { BodyKind } from './request-body.ts';
import { errorSchema } from './rest-shapes.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `none` unless said. */
    readonly body?: BodyKind;
    /** Needs neither token nor certificate. */
    readonly isOpen?: boolean;
    /** Does not count towards the requests of a minute. */
    readonly isUncounted?: boolean;
    /** Changes nothing, whatever its method says: the read-only token may. */
    readonly onlyReads?: boolean;
  }
}

/** A server whose requests are checked, and whose answers are typed, by zod. */
export type Routes = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** What any path may answer: a bad path or query, who asks, how fast, how often, ours, the cluster's. */
const COMMON = [400, 401, 403, 408, 413, 429, 500, 503] as const;
type Common = (typeof COMMON)[number];

/** Every error `statuses` and those any path may answer. */
export function errors<S extends number = never>(...statuses: readonly S[]): Record<S | Common, typeof errorSchema> {
  const all: readonly (S | Common)[] = [...COMMON, ...statuses];
  return Object.fromEntries(all.map((status) => [status, errorSchema])) as Record<S | Common, typeof errorSchema>;
}

export const nothing = (description: string) => z.undefined().describe(description);
