import { fastify, type FastifyInstance } from 'fastify';
import { StreamlineError, toStreamlineError } from '../base/error.ts';
import { ERROR_CODES } from '../base/error-code.ts';

/** What the API shows of the sidecar. */
export interface SidecarView {
  readonly version: string;
  /** Every transform has come up or failed for the first time. */
  readonly ready: () => boolean;
  readonly metricsText: () => Promise<string>;
  readonly metricsContentType: string;
}

export interface ServerOptions {
  readonly address: string;
  readonly port: number;
}

const BODY_BYTES_MAX = 64 * 1024;

export function createServer(view: SidecarView): FastifyInstance {
  const server = fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: 10_000,
    connectionTimeout: 30_000,
    logger: false,
    // I8: nobody who holds a connection open holds up the end.
    forceCloseConnections: true,
  });
  server.get('/', () => ({ name: 'streamline-wasm-transforms', version: view.version }));
  server.get('/livez', () => ({ status: 'ok' }));
  server.get('/readyz', (_request, reply) => {
    const ready = view.ready();
    void reply.code(ready ? 200 : 503);
    return { status: ready ? 'ok' : 'starting' };
  });
  server.get('/metrics', async (_request, reply) => {
    void reply.header('content-type', view.metricsContentType);
    return view.metricsText();
  });
  server.setNotFoundHandler((request, reply) => {
    void reply.code(404).send({ message: `no such path: ${request.method} ${request.url.slice(0, 200)}` });
  });
  server.setErrorHandler((thrown, _request, reply) => {
    const status = (thrown as { statusCode?: unknown }).statusCode;
    if (typeof status === 'number' && status < 500) {
      void reply.code(status).send({ message: thrown instanceof Error ? thrown.message : 'bad request' });
      return;
    }
    const error = toStreamlineError(thrown);
    void reply.code(ERROR_CODES[error.code].httpStatus).send(error.toJSON());
  });
  return server;
}

/** Starts to listen; the address it really got (`port: 0` picks a free one). */
export async function listen(server: FastifyInstance, options: ServerOptions): Promise<string> {
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
