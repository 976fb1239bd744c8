const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;
/** What timers take (2^31 - 1 ms). */
const DURATION_MS_MAX = 2_147_483_647;

/** `500ms`, `60s`, `1m30s`, `2h`; a bare number is seconds. undefined when it is none, or nothing a timer could wait for. */
export function parseDurationMs(text: string): number | undefined {
  const ms = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) * 1000 : sumOfParts(text);
  return ms !== undefined && ms <= DURATION_MS_MAX ? Math.round(ms) : undefined;
}

function sumOfParts(text: string): number | undefined {
  if (!new RegExp(`^(?:${PART.source})+$`).test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(PART)) ms += Number(amount) * UNITS_MS[unit as keyof typeof UNITS_MS];
  return ms;
}

/** The largest unit there is of it, and the next: `2d 3h`, `4m 10s`, `12s`, `200ms`. */
export function formatDuration(ms: number): string {
  if (!(ms >= 1)) return '0s';
  if (ms < 1000) return `${Math.floor(ms)}ms`;
  const seconds = Math.floor(ms / 1000);
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  const from = parts.findIndex(([amount]) => amount > 0);
  return parts
    .slice(from, from + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join(' ');
}

/** A moment for a query: `10m` or `-10m` ago, `@1767225600000`, an ISO date-time with a zone, or a date. undefined when it is none. */
export function parseMomentMs(text: string, nowMs: number): number | undefined {
  const ago = parseDurationMs(text.replace(/^-/, ''));
  if (ago !== undefined && /[a-z]$/.test(text)) return nowMs - ago;
  const moment = text.replace(/^@/, '');
  if (/^\d{10,16}$/.test(moment)) return Number(moment);
  // Without a zone the same command would mean something else on another machine.
  if (!/^\d{4}-\d{2}-\d{2}(?:[Tt]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:[Zz]|[+-]\d{2}:\d{2}))?$/.test(moment))
    return undefined;
  const ms = Date.parse(moment.toUpperCase());
  return Number.isNaN(ms) ? undefined : ms;
}
