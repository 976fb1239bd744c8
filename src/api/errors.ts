import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ERROR_CODES } from '../base/error-code.ts';
import { StreamlineError, toStreamlineError } from '../base/error.ts';
import { quoted } from '../spec/quoted.ts';
import type { ApiLog } from './api-options.ts';
import { errorShapeOf } from './error-shape.ts';
import type { MethodTable } from './method-table.ts';
import { RequestError } from './request-error.ts';

/** Every error leaves in one shape, whoever found it: a route, a schema, the router, the HTTP parser. */
export function answerErrors(server: FastifyInstance, methods: MethodTable, log: ApiLog): void {
  server.setErrorHandler((thrown, request, reply) => {
    const error = errorOf(thrown);
    if (error.origin === 'bug') {
      log.error({ ...error.toJSON(), method: request.method, path: request.url.slice(0, 200) }, 'request failed');
    }
    return send(reply, error);
  });
  server.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed = methods.methodsOf(path);
    if (allowed.length > 0) {
      const allow = allowed.join(', ');
      const message = `${request.method} is not for this path`;
      throw new RequestError('request.method', message, { suggestion: `It takes ${allow}.`, headers: { allow } });
    }
    void reply;
    throw new RequestError('request.not_found', `no such path: ${request.method} ${quoted(path)}`, {
      suggestion: 'GET /openapi.json lists the paths.',
    });
  });
}

/** What the router cannot make sense of: no route, no hook has seen it. */
export function answerFrameworkError(error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void {
  const { status, body } = answerOf(errorOf(error));
  reply.raw.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  reply.raw.end(body);
}

/** What is no HTTP, or comes too slowly: there is a socket only. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, body } = answerOf(clientError(error.code));
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`;
  // Not end(): who sends slowly may take slowly too.
  socket.write(head + body, () => socket.destroy());
}

function send(reply: FastifyReply, error: StreamlineError): FastifyReply {
  const headers = error instanceof RequestError ? error.headers : {};
  if (error.code === 'request.too_large') void reply.header('connection', 'close');
  return reply
    .code(ERROR_CODES[error.code].httpStatus)
    .headers(headers)
    .header('content-type', 'application/json; charset=utf-8')
    .send(errorShapeOf(error));
}

function answerOf(error: StreamlineError): { readonly status: number; readonly body: string } {
  return { status: ERROR_CODES[error.code].httpStatus, body: JSON.stringify(errorShapeOf(error)) };
}

function clientError(code: string | undefined): RequestError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new RequestError('request.timeout', 'the request did not come in time', { suggestion: 'Send it faster.' });
    case 'HPE_HEADER_OVERFLOW':
      return new RequestError('request.too_large', 'the headers are too large', { place: 'headers' });
    default:
      return new RequestError('request.invalid', 'this is no HTTP request', {});
  }
}

function errorOf(thrown: unknown): StreamlineError {
  if (thrown instanceof StreamlineError) return thrown;
  const { statusCode, code } = thrown as { readonly statusCode?: unknown; readonly code?: unknown };
  if (typeof statusCode !== 'number' || statusCode >= 500) return toStreamlineError(thrown);
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new RequestError('request.too_large', 'the body is too large', {
        place: 'body',
        suggestion: 'limits.body_bytes and limits.module_bytes in sidecar.yaml say how large it may be.',
      });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new RequestError('request.media_type', 'the Content-Type is no media type', { place: 'headers' });
    case 'FST_ERR_BAD_URL':
      return new RequestError('request.invalid', 'the path is not well encoded', { place: 'path' });
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new RequestError('request.invalid', 'a part of the path is too long', { place: 'path' });
    default:
      return new RequestError('request.invalid', 'the request cannot be read', { place: 'body' });
  }
}
