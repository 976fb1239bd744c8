import { z } from 'zod';
import { textOf } from './check-shape.ts';
import { FieldGuide } from './field-guide.ts';
import {
  RECORD_NAME_PATTERN,
  recordNameFault,
  schemaFileFault,
  SUBJECT_LENGTH_MAX,
  subjectFault,
  VERSION_MAX,
  versionFault,
} from './schema-name.ts';
import {
  groupFault,
  moduleFault,
  NAME_PATTERN,
  nameFault,
  outputTopicFault,
  TOPIC_PATTERN,
  topicFault,
} from './spec-name.ts';
import { STAGES_MAX } from './spec-place.ts';
import { START_PATTERN } from './start-offset.ts';
import type { SchemaVersion } from './transformation-config.ts';

/*
 * The shape of a spec: names, types, ranges, defaults. Rules between fields are in parse-spec.ts and formats.ts. The descriptions are
 * what an editor shows, the examples what an error suggests.
 */

const DAY_MS = 86_400_000;

const format = z.enum(['bytes', 'json', 'avro']).default('bytes');
const json = z.enum(['plain', 'avro_json']).default('plain');
const subject = (description: string, example: string) =>
  textOf(subjectFault)
    .optional()
    .meta({ minLength: 1, maxLength: SUBJECT_LENGTH_MAX, description, examples: [example] });
// A union of zod's would only say that the value fits no part of it.
const version = (description: string) =>
  z
    .unknown()
    .check((context) => {
      const fault = versionFault(context.value);
      if (fault === undefined) return;
      context.issues.push({ code: 'custom', input: context.value, message: fault.message, params: { fault } });
    })
    .transform((value) => value as SchemaVersion)
    .default('latest')
    .meta({
      anyOf: [{ const: 'latest' }, { type: 'integer', minimum: 1, maximum: VERSION_MAX }],
      default: 'latest',
      description,
      examples: [3],
    });
const schemaFile = (description: string) =>
  textOf(schemaFileFault, /\.(?:avsc|json)$/)
    .optional()
    .meta({ description, examples: ['schemas/api-log.avsc'] });
// Judged on the tree (parse-spec.ts): the guest gets the map's own text, key order and digits included.
const config = z
  .unknown()
  .optional()
  .meta({
    type: 'object',
    description: 'Any map; handed to init() of the module as JSON.',
    examples: [{ fields_to_mask: ['email', 'phone'] }],
  });
const module = textOf(moduleFault).meta({
  description: 'A file below the modules directory, or builtin:pass-through, builtin:logging, builtin:metrics.',
  examples: ['transforms/mask_pii.wasm'],
});
const memoryMb = z.int().min(1).max(4096);
const budgetMs = z.int().min(1).max(60_000);
const topic = (description: string, example: string) =>
  textOf(topicFault, TOPIC_PATTERN).meta({ description, examples: [example] });

const input = z
  .strictObject({
    format: format.describe(
      'What values are: bytes, handed over as they are; json; avro as the schema registry frames it, handed over as JSON.',
    ),
    key_format: format.describe('The same of keys.'),
    json: json.describe(
      'How Avro is shown as JSON: unions by their value alone, or tagged as in the Avro JSON encoding.',
    ),
    subject: subject(
      'Avro values are read into the schema of this subject; into that of their writer by default.',
      'api-logs-value',
    ),
    version: version('Version of that subject: latest, or a number.'),
    schema_file: schemaFile("The same schema from a file below the spec's own folder, instead of subject."),
    start: z
      .union([z.string(), z.int()])
      .default('latest')
      .meta({
        pattern: START_PATTERN.source,
        description:
          'Where a consumer group without offsets begins; fixed at deploy. latest, earliest, "@<ms or date-time>", +n (after the earliest), -n (before the latest).',
        examples: ['earliest'],
      }),
    group_id: textOf(groupFault)
      .optional()
      .meta({ description: 'Consumer group; streamline.<name> by default.', examples: ['streamline.mask-pii'] }),
    tombstones: z
      .enum(['forward', 'transform', 'drop'])
      .default('forward')
      .describe('Records without a value: forward them untouched, hand them to the guest, or drop them.'),
  })
  .prefault({});

const output = z
  .strictObject({
    format: format.describe(
      'How values are written: bytes as the guest wrote them; its JSON, checked; its JSON as Avro, framed as the schema registry has it.',
    ),
    key_format: format.describe('The same of keys.'),
    json: json.describe('How the JSON that becomes Avro is written: see input.json.'),
    subject: subject(
      'Subject of values. For avro <topic>-value by default; for json, values are checked by its JSON Schema and framed.',
      'api-logs-value',
    ),
    key_subject: subject('Subject of keys. For avro <topic>-key by default.', 'api-logs-key'),
    subject_name_strategy: z
      .enum(['topic', 'record', 'topic_record'])
      .optional()
      .meta({
        description:
          'Instead of subject: topic = <topic>-value, record = the full name of the record, topic_record = both.',
        examples: ['topic'],
      }),
    record_name: textOf(recordNameFault, RECORD_NAME_PATTERN)
      .optional()
      .meta({
        description: 'Full name of the record, for the strategies record and topic_record without schema_file.',
        examples: ['com.example.ApiLog'],
      }),
    version: version('Version of the subject of values: latest, or a number.'),
    schema_file: schemaFile("Schema of Avro values: a file below the spec's own folder."),
    auto_register: z
      .boolean()
      .default(false)
      .describe('Registers the schema of schema_file under the subject unless it is there.'),
    unknown_fields: z
      .enum(['fail', 'drop'])
      .default('fail')
      .describe('JSON fields that the Avro schema does not have: the record fails, or they are left out.'),
    partition: z
      .enum(['key', 'input'])
      .default('key')
      .describe("Chosen by the output's key, or the input's partition number."),
    timestamp: z.enum(['input', 'now']).default('input').describe("The input's timestamp, or the time of writing."),
    module_header: z
      .boolean()
      .default(false)
      .describe('Adds the header streamline.module.sha256 to each output: which module made it.'),
  })
  .prefault({});

const errors = z
  .strictObject({
    on_failure: z
      .enum(['dead_letter', 'skip', 'stop'])
      .default('dead_letter')
      .describe('What becomes of a record that failed for good.'),
    dead_letter_topic: topic('<name>.dlq by default.', 'mask-pii.dlq').optional(),
    max_retries: z.int().min(0).max(100).default(0).describe('Tries after the first one.'),
    retry_backoff_ms: z
      .int()
      .min(0)
      .max(DAY_MS)
      .default(100)
      .describe('Wait before the first retry; doubles with each further one.'),
    retry_backoff_max_ms: z.int().min(0).max(DAY_MS).default(10_000).describe('The longest wait between retries.'),
    stop_after: z
      .strictObject({
        failures: z
          .int()
          .min(0)
          .max(1_000_000)
          .default(0)
          .describe('Failures among the last `window` records that stop the transform; 0 = never.'),
        window: z.int().min(1).max(1_000_000).default(1000).describe('Records looked back at.'),
      })
      .prefault({})
      .describe('Breaker: stops the transform when too many records fail.'),
  })
  .prefault({});

export const specSchema = z
  .strictObject({
    name: textOf(nameFault, NAME_PATTERN).meta({
      maxLength: 128,
      description: 'Unique, kebab-case.',
      examples: ['mask-pii'],
    }),
    description: z
      .string()
      .max(4096)
      .default('')
      .meta({ description: 'For people.', examples: ['Masks personal data'] }),
    type: z
      .enum(['filter', 'map', 'enrich', 'route'])
      .optional()
      .meta({
        description:
          "A label. Unless given, by the module's exports: route with route(), else filter with filter(), else map.",
        examples: ['enrich'],
      }),
    payload: z
      .enum(['framed', 'value'])
      .default('framed')
      .describe("What the guest is handed: u32 key length, key and value; or the value's bytes only."),
    input_topic: topic('Topic to read.', 'raw-events'),
    output_topic: textOf(outputTopicFault, /^[a-zA-Z0-9._-]{0,249}$/).meta({
      description: 'Topic to write; "" when route() of the module names it.',
      examples: ['clean-events'],
    }),
    wasm_module: module.optional(),
    config,
    instances: z
      .int()
      .min(1)
      .max(64)
      .default(1)
      .describe('Guest instances at most; one is kept warm once there are records.'),
    max_memory_mb: memoryMb.default(64).describe('Linear memory of one instance, MiB.'),
    timeout_ms: budgetMs.default(10).describe('Budget of one record.'),
    input: input.describe('How records are read.'),
    output: output.describe('How records are written.'),
    delivery: z.enum(['at_least_once', 'exactly_once']).default('at_least_once').describe('Delivery guarantee.'),
    ordering: z
      .enum(['partition', 'key'])
      .default('partition')
      .describe('Order kept per input partition, or per key only.'),
    errors: errors.describe('What happens to records that fail.'),
    rollout: z
      .strictObject({
        canary: z
          .int()
          .min(0)
          .max(1_000_000)
          .default(0)
          .describe('A changed version that traps on one of its first so many records is taken back; 0 = not tried.'),
      })
      .prefault({})
      .describe('How a changed version takes over.'),
    transforms: z
      .array(
        z.strictObject({
          wasm_module: module,
          config,
          max_memory_mb: memoryMb.optional().meta({
            description: "Of this stage, instead of the spec's max_memory_mb.",
            examples: [128],
          }),
          timeout_ms: budgetMs
            .optional()
            .meta({ description: "Of this stage, instead of the spec's timeout_ms.", examples: [50] }),
        }),
      )
      .min(1)
      .max(STAGES_MAX)
      .optional()
      .meta({
        description:
          'Stages, instead of wasm_module and config: what comes out of one goes into the next. Each has its own memory and budget; only the last may route.',
        examples: [[{ wasm_module: 'transforms/mask_pii.wasm' }]],
      }),
  })
  .meta({ title: 'Streamline transform spec' });

export type SpecFields = z.output<typeof specSchema>;

export const specGuide = new FieldGuide(specSchema);
