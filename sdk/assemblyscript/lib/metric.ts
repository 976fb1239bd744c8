import { hostMetricAdd, hostMetricSet } from "./host";

/**
 * Counts a counter of this transform up, by 0 or more: `streamline_transform_guest_counter_total{name="…"}`. A name is up to 64
 * lower-case letters, digits and `_`, not a digit first; anything else ends the record (guest.aborted).
 */
export function metricAdd(name: string, by: f64 = 1): void {
  const text = String.UTF8.encode(name);
  hostMetricAdd(changetype<usize>(text), text.byteLength, by);
}

/** Sets a gauge of this transform; names as of metricAdd. */
export function metricSet(name: string, value: f64): void {
  const text = String.UTF8.encode(name);
  hostMetricSet(changetype<usize>(text), text.byteLength, value);
}
