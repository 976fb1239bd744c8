import type { FastifyInstance } from 'fastify';
import { Secret } from '../../spec/secret.ts';
import type { ApiBounds, ApiOptions } from '../api-options.ts';
import { createApi } from '../server.ts';
import { FakeControl } from './fake-control.ts';

export const ADMIN_TOKEN = 'admin-token-0123456789';
export const READ_ONLY_TOKEN = 'read-only-token-0123456789';

export interface Fixture {
  readonly api: FastifyInstance;
  readonly control: FakeControl;
  /** What the API told its log: nothing, unless the sidecar has a bug. */
  readonly logged: { readonly fields: Record<string, unknown>; readonly message: string }[];
}

interface FixtureOptions {
  readonly control?: FakeControl;
  readonly http?: {
    readonly adminToken?: string | undefined;
    readonly readOnlyToken?: string | undefined;
    readonly tls?: ApiOptions['http']['tls'];
  };
  readonly limits?: Partial<ApiOptions['limits']>;
  readonly bounds?: Partial<ApiBounds>;
  readonly ready?: () => boolean;
  readonly metricsText?: () => Promise<string>;
}

const secretOf = (text: string | undefined): Secret | undefined => (text === undefined ? undefined : new Secret(text));

export function fixture(options: FixtureOptions = {}): Fixture {
  const control = options.control ?? new FakeControl();
  const logged: Fixture['logged'] = [];
  const api = createApi({
    control,
    health: {
      version: '1.2.3',
      ready: options.ready ?? ((): boolean => true),
      metricsText: options.metricsText ?? (() => Promise.resolve('m 1\n')),
      metricsContentType: 'text/plain; version=0.0.4; charset=utf-8',
    },
    http: {
      adminToken: secretOf(options.http?.adminToken),
      readOnlyToken: secretOf(options.http?.readOnlyToken),
      tls: options.http?.tls,
    },
    limits: { bodyBytes: 4096, moduleBytes: 8192, requestsPerMinute: 1_000_000, ...options.limits },
    bounds: options.bounds,
    log: { error: (fields, message) => void logged.push({ fields, message }) },
  });
  return { api, control, logged };
}
