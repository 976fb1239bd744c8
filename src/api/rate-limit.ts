import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RequestError } from './request-error.ts';
import type { Gate } from './auth.ts';

const MINUTE_MS = 60_000;

type Counter = ReturnType<FastifyInstance['createRateLimit']>;

/**
 * Before anything else of a request is looked at: how often its address asks, then who it is. Tokens cannot be guessed faster than that
 * either: what is not counted (/metrics) is, when the token is wrong, in a count of its own.
 */
export function admit(server: FastifyInstance, gate: Gate, requestsPerMinute: number): void {
  let counters: { readonly requests: Counter; readonly failures: Counter } | undefined;
  void server.register(rateLimit, {
    global: false,
    max: requestsPerMinute,
    timeWindow: MINUTE_MS,
    keyGenerator: addressOf,
  });
  server.after(() => {
    counters = {
      requests: server.createRateLimit(),
      // With a setting of its own it gets a count of its own.
      failures: server.createRateLimit({ max: requestsPerMinute }),
    };
  });
  server.addHook('onRequest', async (request) => {
    if (counters === undefined) throw new Error('a request before the server was ready');
    const { config } = request.routeOptions;
    if (config.isUncounted !== true) await count(counters.requests, request, true);
    if (config.isOpen === true) return;
    if (config.isUncounted === true) await count(counters.failures, request, false);
    try {
      gate.check({
        method: request.method,
        headers: request.headers,
        socket: request.raw.socket,
        onlyReads: config.onlyReads === true,
      });
    } catch (thrown) {
      if (config.isUncounted === true) await count(counters.failures, request, true);
      throw thrown;
    }
  });
}

async function count(counter: Counter, request: FastifyRequest, increment: boolean): Promise<void> {
  const result = await counter(request, { increment });
  // Looked at without counting, the last one allowed is one too many already.
  if (result.isAllowed || (increment ? !result.isExceeded : result.remaining > 0)) return;
  throw new RequestError('request.too_many', `more than ${result.max} requests in a minute`, {
    suggestion: 'Ask less often, or raise limits.requests_per_minute.',
    headers: { 'retry-after': String(Math.max(1, result.ttlInSeconds)) },
  });
}

/** A network of IPv6 is one client: it has 2^64 addresses. */
function addressOf(request: FastifyRequest): string {
  // Gone already: the socket does not know any more.
  const address: string | undefined = request.ip;
  return address === undefined ? '' : rateLimit.normalizeIP(address);
}
