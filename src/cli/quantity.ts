/* Numbers as a person reads them at a glance. */

/** 1,234,567 */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** 12.3 MB, in thousands as disks and networks count. */
export function bytes(value: number): string {
  return value < 1000 ? `${value} B` : `${short(value)}B`;
}

/** 1.2 k, 34.5 M: three digits. Below 10 one decimal, so that a slow trickle is not nothing. */
export function short(value: number): string {
  const units = ['', ' k', ' M', ' G', ' T', ' P'];
  let scaled = value;
  let unit = 0;
  // 999.95 would be shown as 1000.0.
  while (Math.abs(scaled) >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  const digits = Number.isInteger(scaled) && unit === 0 ? 0 : Math.abs(scaled) < 99.95 ? 1 : 0;
  return `${scaled.toFixed(digits)}${units[unit]}`;
}

/** 12 µs, 1.5 ms, 2.0 s. */
export function microseconds(value: number): string {
  if (value < 1000) return `${value < 9.95 ? Number(value.toFixed(1)) : Math.round(value)} µs`;
  if (value < 1_000_000) return `${(value / 1000).toFixed(1)} ms`;
  return `${(value / 1_000_000).toFixed(1)} s`;
}

/** 0-5,7: partitions as they are named in one breath. */
export function ranges(numbers: readonly number[]): string {
  const sorted = [...new Set(numbers)].toSorted((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length;) {
    const from = sorted[i] ?? 0;
    let to = from;
    for (i += 1; sorted[i] === to + 1; i += 1) to += 1;
    parts.push(from === to ? String(from) : `${from}-${to}`);
  }
  return parts.join(',');
}

/** The first characters of a digest: enough to tell modules apart. */
export function shortDigest(sha256: string): string {
  return sha256.slice(0, 12);
}

/** `1 record`, `2 records`. */
export function counted(value: number, what: string): string {
  return `${count(value)} ${what}${value === 1 ? '' : 's'}`;
}
