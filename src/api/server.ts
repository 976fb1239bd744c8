import { readFileSync } from 'node:fs';
import type { ServerOptions as HttpsOptions } from 'node:https';
import type { Socket } from 'node:net';
import { fastify, type FastifyInstance, type FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { StreamlineError, toStreamlineError } from '../base/error.ts';
import type { HttpConfig } from '../spec/http-config.ts';
import { API_BOUNDS, type ApiBounds, type ApiLog, type ApiOptions } from './api-options.ts';
import { Gate } from './auth.ts';
import { ByteBudget } from './byte-budget.ts';
import { answerClientError, answerErrors, answerFrameworkError } from './errors.ts';
import { invalidRequest } from './invalid-request.ts';
import { MethodTable } from './method-table.ts';
import { describeRoutes } from './openapi.ts';
import type { Routes } from './operation.ts';
import { admit } from './rate-limit.ts';
import { readBodies } from './request-body.ts';
import { aboutRoutes } from './routes/about.ts';
import { healthRoutes } from './routes/health.ts';
import { lifeRoutes } from './routes/life.ts';
import { loggerRoutes } from './routes/loggers.ts';
import { logRoutes } from './routes/logs.ts';
import { moduleRoutes } from './routes/modules.ts';
import { offsetRoutes } from './routes/offsets.ts';
import { specRoutes } from './routes/specs.ts';
import { transformRoutes } from './routes/transforms.ts';
import { Slots } from './slots.ts';

/** The whole API, not listening yet. Throws config.unreadable when the files of http.tls cannot be read. */
export function createApi(options: ApiOptions): FastifyInstance {
  const { control, health, http, limits, log } = options;
  const bounds = { ...API_BOUNDS, ...options.bounds };
  const server = bareServer(bounds, limits.bodyBytes, http.tls);
  const methods = new MethodTable();
  server.addHook('onRoute', (route) => methods.add(route.url, [route.method].flat()));
  answerErrors(server, methods, log);
  admit(server, new Gate(http), limits.requestsPerMinute);
  readBodies(server, new Slots('uploads', bounds.uploadsMax), new ByteBudget(bounds.specBytesPerMinute));
  waitForAnswers(server, bounds.idleTimeoutMs);
  checkShapes(server, log);
  describeRoutes(server, health.version);
  // A plugin, so that what describes the routes is there before them.
  void server.register((instance, _options, done) => {
    const routes: Routes = instance.withTypeProvider();
    healthRoutes(routes, health);
    aboutRoutes(routes, control);
    transformRoutes(routes, control);
    specRoutes(routes, control);
    lifeRoutes(routes, control);
    offsetRoutes(routes, control);
    logRoutes(routes, control, {
      followers: new Slots('followers of logs', bounds.logFollowersMax),
      stallTimeoutMs: bounds.idleTimeoutMs,
      log,
    });
    moduleRoutes(routes, control, limits.moduleBytes);
    loggerRoutes(routes, control);
    done();
  });
  return server;
}

function bareServer(bounds: ApiBounds, bodyLimit: number, tls: HttpConfig['tls']): FastifyInstance {
  const timeouts = {
    headersTimeout: bounds.headersTimeoutMs,
    // How late a timeout may be noticed; Node's own 30 s would be three times the wait.
    connectionsCheckingInterval: Math.min(1000, bounds.headersTimeoutMs),
  };
  const common = {
    bodyLimit,
    requestTimeout: bounds.requestTimeoutMs,
    connectionTimeout: bounds.idleTimeoutMs,
    logger: false,
    // I8: nobody who holds a connection open holds up the end.
    forceCloseConnections: true,
    return503OnClosing: false,
    // A name of 128 characters, each encoded.
    routerOptions: { maxParamLength: 384 },
    clientErrorHandler: answerClientError,
    frameworkErrors: answerFrameworkError,
  };
  const server =
    tls === undefined
      ? fastify({ ...common, http: timeouts })
      : (fastify({ ...common, https: { ...timeouts, ...tlsOptions(tls) } }) as unknown as FastifyInstance);
  server.server.maxConnections = bounds.connectionsMax;
  return server;
}

function tlsOptions({ cert, key, clientCa }: NonNullable<HttpConfig['tls']>): HttpsOptions {
  const read = (file: string, field: string): Buffer => {
    try {
      return readFileSync(file);
    } catch (cause) {
      throw new StreamlineError('config.unreadable', `http.tls.${field} cannot be read`, {
        place: file,
        configPath: `/http/tls/${field}`,
        suggestion: 'Check the path and its permissions.',
        cause,
      });
    }
  };
  return {
    cert: read(cert, 'cert'),
    key: read(key, 'key'),
    // Not refused here: health needs no certificate, and a token may stand for one (auth.ts).
    ...(clientCa === undefined
      ? {}
      : { ca: read(clientCa, 'client_ca'), requestCert: true, rejectUnauthorized: false }),
  };
}

/** While an answer is made the connection is silent and still wanted: a drain may take long. What is being sent or taken must move. */
function waitForAnswers(server: FastifyInstance, idleTimeoutMs: number): void {
  // A request that is injected comes over no socket that could time out.
  const setTimeout = (request: FastifyRequest, timeoutMs: number): void => {
    const socket: Partial<Socket> = request.raw.socket;
    socket.setTimeout?.(timeoutMs);
  };
  server.addHook('preHandler', (request, _reply, done) => {
    setTimeout(request, 0);
    done();
  });
  server.addHook('onSend', (request, reply, payload, done) => {
    // A stream of logs may be silent for days; who does not take its lines is cut off elsewhere (log-stream.ts).
    const isStream = typeof payload === 'object' && payload !== null && 'pipe' in payload;
    if (!isStream && !reply.raw.destroyed) setTimeout(request, idleTimeoutMs);
    done(null, payload);
  });
}

/** Requests must fit their schemas. So must answers, yet one that does not is sent as it is: half a truth is better than none. */
function checkShapes(server: FastifyInstance, log: ApiLog): void {
  server.setValidatorCompiler<z.ZodType>(({ schema, httpPart }) => (data: unknown) => {
    const result = schema.safeParse(data, { reportInput: true });
    return result.success ? { value: result.data } : { error: invalidRequest(schema, httpPart, result.error) };
  });
  server.setSerializerCompiler<z.ZodType>(({ schema, method, url }) => (data: unknown) => {
    const result = schema.safeParse(data);
    if (!result.success)
      log.error({ method, path: url, issues: result.error.issues.slice(0, 5) }, 'an answer is not as described');
    return JSON.stringify(data);
  });
}

/** Starts to listen; the address it really got (`port: 0` picks a free one). */
export async function listen(
  server: FastifyInstance,
  options: { readonly address: string; readonly port: number },
): Promise<string> {
  try {
    return await server.listen({ host: options.address, port: options.port });
  } catch (thrown) {
    const cause = toStreamlineError(thrown);
    throw new StreamlineError(
      'config.invalid',
      `cannot listen on ${options.address}:${options.port}: ${cause.message}`,
      {
        configPath: '/http/port',
        suggestion: 'choose another port under http.port, or stop what listens there',
        cause: thrown,
      },
    );
  }
}
