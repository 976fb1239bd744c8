import type { ContextRule } from '../../pipeline/tracing.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** As the SDK reads a variable: one that is blank is not there. */
function read(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === undefined || value === '' ? undefined : value;
}

/** Whether the standard variables ask for traces: an exporter or an endpoint is named, and nothing turns it off. */
export function tracesAsked(env: Environment): boolean {
  if (read(env, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return false;
  const exporters = read(env, 'OTEL_TRACES_EXPORTER');
  if (exporters !== undefined) return !exporters.split(',').some((name) => name.trim() === 'none');
  return ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'].some(
    (name) => read(env, name) !== undefined,
  );
}

/** Which records with a context of their own the sampler that the variables name would sample. */
export function contextRule(env: Environment): ContextRule {
  switch (read(env, 'OTEL_TRACES_SAMPLER')) {
    case 'always_on':
      return 'always';
    case 'always_off':
      return 'never';
    case 'traceidratio': {
      const ratio = Number(read(env, 'OTEL_TRACES_SAMPLER_ARG') ?? 1);
      return { ratio: ratio >= 0 && ratio <= 1 ? ratio : 1 };
    }
    default:
      return 'as_it_says';
  }
}

/** Whether they say what this service is called. */
export function namesService(env: Environment): boolean {
  if (read(env, 'OTEL_SERVICE_NAME') !== undefined) return true;
  return /(?:^|,)\s*service\.name\s*=/.test(read(env, 'OTEL_RESOURCE_ATTRIBUTES') ?? '');
}

/** What the collector's headers hold: credentials, as a rule. */
export function headerSecrets(env: Environment): string[] {
  const headers = ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'].flatMap(
    (name) => read(env, name)?.split(',') ?? [],
  );
  return headers.flatMap((header) => {
    const value = header.slice(header.indexOf('=') + 1).trim();
    return [value, decoded(value)];
  });
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
