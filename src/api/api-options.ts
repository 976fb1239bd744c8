import type { Control } from '../registry/control.ts';
import type { HttpConfig } from '../spec/http-config.ts';
import type { SidecarLimits } from '../spec/sidecar-config.ts';

/** Health and metrics: what is there before, and whatever becomes of, the transforms. */
export interface HealthView {
  readonly version: string;
  /** Every transform has come up or failed for the first time. */
  readonly ready: () => boolean;
  readonly metricsText: () => Promise<string>;
  readonly metricsContentType: string;
}

/** Where errors of ours are told: a client sees their message only. */
export interface ApiLog {
  error(fields: Record<string, unknown>, message: string): void;
}

export interface ApiOptions {
  readonly control: Control;
  readonly health: HealthView;
  readonly http: Pick<HttpConfig, 'adminToken' | 'readOnlyToken' | 'tls'>;
  readonly limits: Pick<SidecarLimits, 'bodyBytes' | 'moduleBytes' | 'requestsPerMinute'>;
  readonly log: ApiLog;
  readonly bounds?: Partial<ApiBounds> | undefined;
}

/** Bounds nobody needs to set, but tests. */
export interface ApiBounds {
  readonly connectionsMax: number;
  readonly logFollowersMax: number;
  readonly uploadsMax: number;
  /** Of specs and patches, of all clients together. */
  readonly specBytesPerMinute: number;
  /** A client that sends its headers, or its whole request, more slowly is cut off. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** A client that neither sends nor takes anything for so long is cut off, unless its answer is being made. */
  readonly idleTimeoutMs: number;
}

export const API_BOUNDS: ApiBounds = {
  connectionsMax: 512,
  logFollowersMax: 32,
  // A module is held in memory while it comes: 64 MiB each at most.
  uploadsMax: 4,
  // A tenth of the main thread's time, or a thousand specs of 4 KiB.
  specBytesPerMinute: 4 * 1024 * 1024,
  headersTimeoutMs: 10_000,
  // 64 MiB at 10 Mbit/s.
  requestTimeoutMs: 60_000,
  idleTimeoutMs: 30_000,
};
