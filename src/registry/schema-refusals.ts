import type { ErrorCode } from '../base/error-code.ts';
import { StreamlineError } from '../base/error.ts';
import type { SchemaType } from '../codec/schema.ts';
import { placeOf } from '../spec/spec-place.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';

/* What a spec is refused for on account of its schemas, with its line. */

/** What would become of a subject that a spec writes or reads with. */
export interface SchemaPlan {
  readonly part: 'value' | 'key' | 'reader';
  readonly subject: string;
  readonly version: number | 'latest' | 'file';
  /** undefined: not registered. */
  readonly id: number | undefined;
  readonly type: SchemaType;
  /** The schema of schema_file would be registered. */
  readonly registers: boolean;
  /** With the subject's latest version, as the registry judges; undefined: nothing to judge. */
  readonly compatible: boolean | undefined;
  /** `BACKWARD` and the like. */
  readonly level: string | undefined;
  readonly messages: readonly string[];
}

/** All that is known of a spec's schemas before it is deployed. */
export interface SchemaVerdict {
  readonly schemas: readonly SchemaPlan[];
  /** Why it would be refused; the last one is registry.* when the registry did not answer to the end. */
  readonly faults: readonly StreamlineError[];
}

export const TYPE_NAMES = { AVRO: 'Avro', JSON: 'JSON Schema', PROTOBUF: 'Protobuf' } as const;

export const SUGGESTIONS: Partial<Record<ErrorCode, string>> = {
  'schema.missing': 'Register the schema under that subject, or correct the name.',
  'schema.not_registered': 'Register the schema of schema_file, or write `auto_register: true`.',
  'schema.incompatible': 'Change the schema so that it is compatible, or register it under another subject.',
};

export function notConfigured(place?: string, configPath?: string): StreamlineError {
  return new StreamlineError(
    'registry.not_configured',
    'the spec needs a schema registry and sidecar.yaml names none',
    {
      place,
      configPath,
      suggestion: 'Write `schema_registry: { url: http://localhost:8081 }` in sidecar.yaml.',
    },
  );
}

/** With the line of the spec, which the registry does not know. */
export function placed(config: TransformationConfig, configPath: string, error: StreamlineError): StreamlineError {
  if (error.place !== undefined) return error;
  const { code, message, suggestion = SUGGESTIONS[code] } = error;
  return new StreamlineError(code, message, {
    place: placeOf(config, configPath),
    configPath,
    suggestion,
    cause: error,
  });
}

/** What a plan says that keeps a spec from being deployed. */
export function planFault(config: TransformationConfig, plan: SchemaPlan): StreamlineError | undefined {
  if (plan.version !== 'file') return undefined;
  const configPath = '/output/schema_file';
  const at = { place: placeOf(config, configPath), configPath };
  if (plan.compatible === false) {
    const why = plan.messages.length === 0 ? '' : `: ${plan.messages.slice(0, 5).join('; ')}`;
    const message = `the schema of schema_file is not compatible (${plan.level ?? 'as the registry judges'}) with subject ${plan.subject}${why}`;
    return new StreamlineError('schema.incompatible', message, {
      ...at,
      suggestion: SUGGESTIONS['schema.incompatible'],
    });
  }
  if (plan.id !== undefined || plan.registers) return undefined;
  const message = `subject ${plan.subject} does not have the schema of schema_file`;
  return new StreamlineError('schema.not_registered', message, {
    ...at,
    suggestion: SUGGESTIONS['schema.not_registered'],
  });
}
