import type { Rng } from '../../base/rng.ts';

/** Doubles from `firstMs` to `maxMs`; the half of it is jitter, so that many who wait do not come back as one. */
export function backoffMs(triedBefore: number, firstMs: number, maxMs: number, rng: Rng): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(triedBefore, 30));
  return full / 2 + (full / 2) * rng();
}
