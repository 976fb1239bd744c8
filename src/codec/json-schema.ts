import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { StreamlineError } from '../base/error.ts';
import { Misfit } from './misfit.ts';
import type { ReferencedSchema } from './schema.ts';

// A schema in use says what is valid, not what is good style; formats are notes, as in the specification.
const OPTIONS = {
  strict: false,
  validateFormats: false,
  allErrors: false,
  logger: false,
  messages: true,
  // What every object has is not in the record.
  ownProperties: true,
} as const;

type Dialect = typeof Ajv | typeof Ajv2019 | typeof Ajv2020;

/** One of each dialect judges all schemas: to make it takes ten times as long as to compile a schema. */
const judges = new Map<Dialect, Ajv>();

/** One JSON Schema, compiled. */
export class JsonSchema {
  readonly name: string;
  readonly #validate: ValidateFunction;

  private constructor(name: string, validate: ValidateFunction) {
    this.name = name;
    this.#validate = validate;
  }

  /** Throws StreamlineError schema.invalid. */
  static compile(text: string, references: readonly ReferencedSchema[]): JsonSchema {
    try {
      const schema = readSchema(text);
      const ajv = new (dialectOf(schema))({ ...OPTIONS, validateSchema: false });
      for (const reference of references) ajv.addSchema(readSchema(reference.text) as object, reference.name);
      const validate = ajv.compile(schema);
      // ajv's own: it would answer with a promise, and its rejection would be nobody's.
      if ('$async' in validate && validate.$async) throw new Error('$async is not supported');
      return new JsonSchema(nameOf(schema), validate);
    } catch (thrown) {
      if (thrown instanceof StreamlineError) throw thrown;
      const why = thrown instanceof Error ? thrown.message.slice(0, 500) : String(thrown);
      throw new StreamlineError('schema.invalid', `the JSON Schema cannot be used: ${why}`, { cause: thrown });
    }
  }

  /** Throws Misfit with the place in the value. */
  check(value: unknown, code: 'record.malformed' | 'record.schema_mismatch'): void {
    let isValid: unknown;
    try {
      isValid = this.#validate(value);
    } catch (thrown) {
      if (thrown instanceof RangeError) throw new Misfit(code, 'it is nested too deep');
      throw thrown;
    }
    if (isValid === true) return;
    const [first] = this.#validate.errors ?? [];
    throw first === undefined ? new Misfit(code, 'it does not fit its JSON Schema') : misfitOf(first, code);
  }
}

type AnySchema = Record<string, unknown> | boolean;

/** A schema by the rules of its own dialect: only such a one is compiled. */
function readSchema(text: string): AnySchema {
  const schema = JSON.parse(text) as AnySchema;
  const Dialect = dialectOf(schema);
  let judge = judges.get(Dialect);
  if (judge === undefined) judges.set(Dialect, (judge = new Dialect(OPTIONS)));
  if (judge.validateSchema(schema) !== true) throw new Error(`it is no schema: ${judge.errorsText()}`);
  return schema;
}

function dialectOf(schema: AnySchema): Dialect {
  const dialect = typeof schema === 'object' ? schema['$schema'] : undefined;
  if (typeof dialect !== 'string') return Ajv;
  if (dialect.includes('2020-12')) return Ajv2020;
  if (dialect.includes('2019-09')) return Ajv2019;
  if (/draft-0[3-6]/.test(dialect)) {
    throw new StreamlineError(
      'schema.unsupported',
      'the JSON Schema is of an old draft: draft-07, 2019-09 and 2020-12 are supported',
    );
  }
  return Ajv;
}

function nameOf(schema: AnySchema): string {
  if (typeof schema !== 'object') return '';
  const { title, $id } = schema;
  return typeof title === 'string' ? title : typeof $id === 'string' ? $id : '';
}

function misfitOf({ instancePath, message, params, keyword }: ErrorObject, code: Misfit['code']): Misfit {
  const extra: unknown =
    keyword === 'additionalProperties' ? (params as Record<string, unknown>)['additionalProperty'] : undefined;
  const what =
    typeof extra === 'string'
      ? `has a field ${JSON.stringify(extra.slice(0, 128))} that the schema does not have`
      : (message ?? keyword);
  const misfit = new Misfit(code, what);
  const steps = instancePath
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  for (const step of steps.toReversed())
    misfit.within(/^(?:0|[1-9][0-9]*)$/.test(step) ? Number(step) : step.slice(0, 128));
  return misfit;
}
