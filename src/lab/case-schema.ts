import { z } from 'zod';
import { ERROR_CODES } from '../base/error-code.ts';
import { textOf, type FormFault } from '../spec/check-shape.ts';
import { FieldGuide } from '../spec/field-guide.ts';
import { nearestName } from '../spec/nearest-name.ts';
import { quoted } from '../spec/quoted.ts';

/*
 * The shape of a cases file. Records, outputs and errors have shapes of their own, because each may stand alone or in a list; values are
 * judged on the tree (parse-cases.ts), so that they keep their digits. Descriptions are what an editor shows, examples what an error suggests.
 */

const HEADERS_EXAMPLE = { tenant: 'acme' };

const headers = (description: string) =>
  z
    .record(z.string(), z.unknown())
    .optional()
    .meta({ description, examples: [HEADERS_EXAMPLE] });

const part = (description: string, example: unknown) => z.unknown().meta({ description, examples: [example] });

const int = (from: number, description: string, example: number) =>
  z
    .int()
    .min(from)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .meta({ description, examples: [example] });

export const recordSchema = z.strictObject({
  value: part(
    'Text, or a map, list or number as JSON, or {base64: …} for bytes as they are; null is a tombstone. Of format avro: JSON, framed for you.',
    { email: 'a@b.c' },
  ),
  key: part('As value; null unless given.', 'user-1').optional(),
  headers: headers('Text, null or {base64: …} under each name; a list for a name that is there more than once.'),
  partition: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .optional()
    .meta({ description: 'Partition it was read from; 0 unless given.', examples: [3] }),
  offset: int(0, 'Its offset; its place among the inputs unless given.', 42),
  timestamp: int(-1, 'Milliseconds since 1970; 0 unless given, -1 for none.', 1_767_225_600_000),
});

export const outputSchema = z.strictObject({
  value: part('What the value is: text byte by byte, a map or a list as JSON with all its digits, null a tombstone.', {
    email: '***',
  }).optional(),
  json_contains: part('What the value has at least: fields that are not named here are passed over.', {
    email: '***',
  }).optional(),
  key: part('As value.', 'user-1').optional(),
  headers: headers('All headers of the output, in any order.'),
  topic: z
    .string()
    .optional()
    .meta({ description: 'The topic it goes to: output_topic, or what route() names.', examples: ['orders-eu'] }),
});

const CODES = Object.keys(ERROR_CODES);

function codeFault(code: string): FormFault | undefined {
  if (CODES.includes(code)) return undefined;
  const near = nearestName(code, CODES);
  return {
    code: 'spec.out_of_range',
    message: `there is no error code ${quoted(code)}`,
    suggestion: near === undefined ? 'Codes of records: guest.failed, guest.trap, …' : `Did you mean \`${near}\`?`,
  };
}

export const errorSchema = z.strictObject({
  code: textOf(codeFault).meta({
    description: 'Code of the failure, as dead letters carry it.',
    examples: ['guest.failed'],
  }),
  stage: z
    .int()
    .min(1)
    .max(16)
    .optional()
    .meta({ description: 'Of a chain: the stage that failed, from 1.', examples: [2] }),
  message_contains: z
    .string()
    .optional()
    .meta({ description: 'What its message has in it.', examples: ['division by zero'] }),
});

const caseFields = {
  name: z
    .string()
    .min(1)
    .max(200)
    .meta({ description: 'What the case shows; --filter looks here.', examples: ['masks the e-mail'] }),
  dropped: z
    .literal(true)
    .optional()
    .meta({ description: 'Nothing comes out of any input, and none fails.', examples: [true] }),
};

const INPUT = 'One record, or a list of them, put through one fresh guest in order.';
const OUTPUT = 'What comes out, or a list where that is more than one record: all inputs together, in order.';
const ERROR = 'What the record fails with, or a list where more than one fails.';

/** What is checked first; `input`, `output` and `error` are looked into afterwards. */
export const casesSchema = z.strictObject({
  schemas: z
    .record(z.string(), z.string())
    .default({})
    .meta({
      description: 'Schemas by subject, in place of a registry: files relative to this one.',
      examples: [{ 'api-logs-value': 'schemas/api-log.avsc' }],
    }),
  cases: z
    .array(
      z.strictObject({
        ...caseFields,
        input: z.unknown().meta({ description: INPUT, examples: [{ value: { email: 'a@b.c' } }] }),
        output: z
          .unknown()
          .optional()
          .meta({ description: OUTPUT, examples: [{ value: { email: '***' } }] }),
        error: z
          .unknown()
          .optional()
          .meta({ description: ERROR, examples: [{ code: 'guest.failed' }] }),
      }),
    )
    .min(1)
    .max(1000)
    .meta({ description: 'The cases, one after the other.' }),
});

export const casesGuide = new FieldGuide(casesSchema);
export const recordGuide = new FieldGuide(recordSchema);
export const outputGuide = new FieldGuide(outputSchema);
export const errorGuide = new FieldGuide(errorSchema);

const oneOrMore = (schema: z.ZodType) => z.union([schema, z.array(schema).min(1)]);

/** What an editor checks while cases are written; parseCases knows more. */
const publishedSchema = z.strictObject({
  schemas: casesSchema.shape.schemas,
  cases: z
    .array(
      z.strictObject({
        ...caseFields,
        input: oneOrMore(recordSchema).meta({ description: INPUT }),
        output: oneOrMore(outputSchema).optional().meta({ description: OUTPUT }),
        error: oneOrMore(errorSchema).optional().meta({ description: ERROR }),
      }),
    )
    .min(1)
    .meta({ description: 'The cases, one after the other.' }),
});

export const CASES_SCHEMA_FILE = 'transform-cases.schema.json';

/** Text of the published file: run scripts/write-schemas.ts after a change. */
export function casesSchemaText(): string {
  return `${JSON.stringify(z.toJSONSchema(publishedSchema, { io: 'input', target: 'draft-7' }), null, 2)}\n`;
}
