import { Distribution } from '../../pipeline/distribution.ts';
import { StreamlineError } from '../../base/error.ts';
import { isTransient } from './registry-refusal.ts';
import type { HttpAnswer } from './registry-transport.ts';

/** How one request ended: `refused` is an answer, `failed` is the registry's trouble. */
export type RequestResult = 'ok' | 'refused' | 'failed' | 'unreachable';

/** What became of requests to the schema registry, each try by itself. */
export class RequestStats {
  readonly results: Record<RequestResult, number> = { ok: 0, refused: 0, failed: 0, unreachable: 0 };
  /** Nanoseconds. */
  readonly latency = new Distribution();

  count(answer: HttpAnswer | StreamlineError, elapsedMs: number): void {
    const result = resultOf(answer);
    if (result === undefined) return;
    this.results[result] += 1;
    this.latency.add(elapsedMs * 1e6);
  }
}

/** undefined: none of the registry's, as when the client was closed. */
function resultOf(answer: HttpAnswer | StreamlineError): RequestResult | undefined {
  if (answer instanceof StreamlineError) {
    if (answer.code === 'registry.unreachable') return 'unreachable';
    return answer.code === 'registry.failed' || answer.code === 'schema.invalid' ? 'failed' : undefined;
  }
  if (answer.status >= 200 && answer.status < 300) return 'ok';
  return isTransient(answer.status) || answer.status < 400 ? 'failed' : 'refused';
}
