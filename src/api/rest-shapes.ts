import { z } from 'zod';
import { textOf } from '../spec/check-shape.ts';
import { NAME_PATTERN, nameFault } from '../spec/spec-name.ts';
import { START_PATTERN } from '../spec/start-offset.ts';

/*
 * What goes over the wire: these schemas check requests, describe both ways in /openapi.json, and give the command line its types.
 * Names are snake_case, as Kafka Connect's are; `configPath` keeps the name it has in errors everywhere.
 */

const count = z.int().min(0);
const offset = z.int().min(0);
const time = (description: string) => z.string().meta({ format: 'date-time', description });
const sha256 = (description: string) => z.string().meta({ description, examples: ['e3b0c442…'] });

// ---- errors

export const errorSchema = z.strictObject({
  error_code: z.int().describe('HTTP status, as in Kafka Connect.'),
  code: z.string().describe('Stable, to be matched on: transform.not_found, request.invalid, …'),
  message: z.string(),
  origin: z.enum(['guest', 'record', 'broker', 'spec', 'bug']).describe('Who caused it.'),
  retriable: z.boolean().describe('Trying the same thing again may succeed.'),
  place: z.string().optional().describe('File with line and column, or the part of the request.'),
  configPath: z.string().optional().describe('JSON pointer of the field at fault.'),
  suggestion: z.string().optional().describe('What to do instead.'),
  get reasons(): z.ZodOptional<z.ZodArray<typeof errorSchema>> {
    return z.array(errorSchema).optional();
  },
});
// Not .meta(), which would make another schema than the one `reasons` refers to.
z.globalRegistry.add(errorSchema, { id: 'Error' });
export type ErrorShape = z.output<typeof errorSchema>;

// ---- the sidecar

export const aboutSchema = z
  .strictObject({
    name: z.string(),
    version: z.string(),
    worker_id: z.string(),
    transport: z.string().describe('How it speaks to the cluster.'),
    features: z.strictObject({ wasm_transforms: z.boolean() }),
    specs: z.strictObject({
      directory: z.string(),
      writable: z.boolean(),
      reason: z.string().optional().describe('Why the API cannot write specs.'),
      errors: z.array(errorSchema).describe('Files that are there and wrong.'),
    }),
  })
  .meta({ id: 'About' });
export type About = z.output<typeof aboutSchema>;

export const aliveSchema = z.strictObject({ status: z.enum(['ok', 'starting']) });
export const healthSchema = z.strictObject({ status: z.enum(['healthy', 'starting']), message: z.string() });

// ---- transforms

const stateSchema = z
  .enum(['UNASSIGNED', 'RUNNING', 'PAUSED', 'FAILED', 'RESTARTING', 'STOPPED'])
  .describe("Kafka Connect's states.");
const typeSchema = z.enum(['filter', 'map', 'enrich', 'route']);
const trace = z.string().optional().describe('What went wrong, in words.');
const instancesSchema = z.strictObject({ busy: count, idle: count });

const taskStateSchema = z
  .strictObject({ id: count.describe('The partition.'), state: stateSchema, worker_id: z.string(), trace })
  .meta({ id: 'TaskState' });

const versionSchema = z.strictObject({
  number: z.int().min(1).describe('Counts from 1 within this process.'),
  module: z.string(),
  module_sha256: sha256('Of the module; `builtin` for a builtin.'),
  config_sha256: sha256('Of the spec, normalised.'),
  since: time('When it took over.'),
  records: count.describe('Of this version, with an outcome.'),
});

const waitingSchema = z
  .strictObject({
    for: z.enum(['schema_registry']),
    since: time('When it began.'),
    code: z.string().describe('Why: registry.unreachable, registry.unauthorized, …'),
    message: z.string(),
  })
  .describe('What records wait for; it is RUNNING, and nothing is lost.');

const candidateSchema = z
  .strictObject({
    stage: z.enum(['PREPARING', 'CANARY', 'REFUSED']),
    module: z.string(),
    module_sha256: sha256('Of the module.').optional(),
    config_sha256: sha256('Of the spec, normalised.'),
    since: time('When it entered this stage.'),
    error: errorSchema.optional(),
    canary: z.strictObject({ done: count, of: count }).optional(),
  })
  .describe('A version that does not serve, or not all.');

const groupSchema = z.strictObject({
  state: z.string().describe("Kafka's: Stable, Empty, …"),
  members: z.array(
    z.strictObject({
      member_id: z.string(),
      client_id: z.string(),
      host: z.string(),
      partitions: z.array(count),
      self: z.boolean().describe('This worker.'),
    }),
  ),
  one_of: z.int().min(1).describe('How many workers share the transform.'),
});

export const statusSchema = z
  .strictObject({
    name: z.string(),
    type: typeSchema,
    connector: z.strictObject({ state: stateSchema, worker_id: z.string(), trace }),
    tasks: z.array(taskStateSchema).describe('One for each partition this worker has.'),
    target_state: z.enum(['RUNNING', 'PAUSED', 'STOPPED']).describe('What is asked for.'),
    group_id: z.string(),
    partitions: z.array(count).describe('Those this worker has.'),
    worker_id: z.string(),
    restarts: count,
    instances: instancesSchema,
    error: errorSchema.optional().describe('Why it is FAILED or RESTARTING.'),
    waiting: waitingSchema.optional(),
    version: versionSchema.optional().describe('What serves, or served last.'),
    candidate: candidateSchema.optional(),
    spec_errors: z.array(errorSchema).describe('Of the spec as it is now, while an older version runs on.'),
    group: groupSchema.optional().describe('With ?group=true.'),
  })
  .meta({ id: 'Status' });
export type Status = z.output<typeof statusSchema>;

const taskIdSchema = z.strictObject({ transform: z.string(), task: count });
const configSchema = z.record(z.string(), z.unknown()).describe('The spec as written; numbers keep their digits.');
const infoFields = {
  name: z.string(),
  config: configSchema,
  tasks: z.array(taskIdSchema),
  type: typeSchema,
  source: z.string().describe('The file it is written in.'),
};

export const infoSchema = z.strictObject(infoFields).meta({ id: 'Info' });
export type Info = z.output<typeof infoSchema>;

export const deployedSchema = z
  .strictObject({
    ...infoFields,
    created: z.boolean(),
    changed: z.boolean().describe('false: the spec is the one that was there.'),
    config_sha256: sha256('Of the spec, normalised.'),
  })
  .meta({ id: 'Deployed' });
export type Deployed = z.output<typeof deployedSchema>;

const expandedSchema = z.record(
  z.string(),
  z.strictObject({ status: statusSchema.optional(), info: infoSchema.optional() }),
);
export type Expanded = z.output<typeof expandedSchema>;

export const listSchema = z.union([z.array(z.string()), expandedSchema]);
export const specConfigSchema = configSchema;
export const tasksSchema = z.array(z.strictObject({ id: taskIdSchema, config: z.strictObject({}) }));
export type Tasks = z.output<typeof tasksSchema>;
export const topicsSchema = z.record(z.string(), z.strictObject({ topics: z.array(z.string()) }));

const latencySchema = z.strictObject({ mean: z.number(), p50: z.number(), p99: z.number() });

export const metricsSchema = z
  .strictObject({
    records: z
      .strictObject({
        received: count,
        output: count,
        dead_lettered: count,
        filtered: count,
        skipped: count,
        returned: count.describe('Given back without an outcome: read again.'),
        in_flight: count,
        unaccounted: z.int().describe('Received less all the others: anything but 0 is a bug.'),
      })
      .describe('Since the sidecar started.'),
    retries: count,
    errors: z.record(z.string(), count).describe('Failed attempts, by error code.'),
    dead_letters: z.record(z.string(), count).describe('Records, by the error code of their last attempt.'),
    latency_us: latencySchema.describe('Of one record in the guest.'),
    end_to_end_us: latencySchema.describe('Of one record, from being read to its outcome.'),
    input_bytes: count.describe('Keys, values and headers of the records guests were shown.'),
    output_bytes: count.describe('The same of the outputs guests made.'),
    fuel_units: z.number().min(0),
    in_flight_bytes: count,
    instances: instancesSchema,
    instance_restarts: count,
    stuck_threads: count,
    log_lines_dropped: count,
    lag: z.strictObject({ total: count, partitions: z.array(z.strictObject({ partition: count, lag: count })) }),
    last_commit: time('Of offsets.').optional(),
  })
  .meta({ id: 'Metrics' });
export type Metrics = z.output<typeof metricsSchema>;

// ---- offsets

const kafkaPartitionSchema = z.strictObject({
  kafka_topic: z.string().max(249),
  kafka_partition: z.int().min(0).max(2_147_483_647),
});

const partitionOffsetSchema = z
  .strictObject({
    partition: kafkaPartitionSchema,
    offset: z.strictObject({ kafka_offset: offset }).nullable().describe('What is committed; null: nothing.'),
    earliest: offset,
    latest: offset,
    lag: count.optional(),
    switched: z
      .strictObject({ offset, module_sha256: z.string(), config_sha256: z.string(), version: z.int().min(1) })
      .optional()
      .describe('Where the version that serves took over.'),
  })
  .meta({ id: 'PartitionOffset' });

export const offsetsSchema = z.strictObject({ offsets: z.array(partitionOffsetSchema) }).meta({ id: 'Offsets' });
export type Offsets = z.output<typeof offsetsSchema>;

/** One message may move so many partitions. */
const PARTITIONS_MAX = 10_000;

export const offsetsPatchSchema = z
  .strictObject({
    to: z.string().max(64).optional().meta({
      pattern: START_PATTERN.source,
      description: 'earliest, latest, @MS, @DATE, or +N or -N records from what is committed.',
    }),
    offsets: z
      .array(z.strictObject({ partition: kafkaPartitionSchema, offset: z.strictObject({ kafka_offset: offset }) }))
      .min(1)
      .max(PARTITIONS_MAX)
      .optional(),
  })
  .refine((patch) => (patch.to === undefined) !== (patch.offsets === undefined), {
    message: 'either to or offsets is needed, and one of them only',
  })
  .meta({
    description: 'Either `to` for every partition, or `offsets` as in Kafka Connect.',
    oneOf: [{ required: ['to'] }, { required: ['offsets'] }],
    examples: [{ to: 'earliest' }],
  });
export type OffsetsPatch = z.output<typeof offsetsPatchSchema>;

// ---- checks

const moduleSummary = {
  path: z.string(),
  sha256: sha256('Of the file.'),
  exports: z.array(z.string()),
  imports: z.array(z.string()),
};

export const validationSchema = z
  .strictObject({
    ok: z.boolean(),
    name: z.string().optional(),
    type: typeSchema.optional(),
    module: z.strictObject(moduleSummary).optional(),
    errors: z.array(errorSchema),
  })
  .meta({ id: 'Validation' });
export type Validation = z.output<typeof validationSchema>;

const plannedSchemaSchema = z.strictObject({
  part: z.enum(['value', 'key', 'reader']).describe('Of what is written; reader: what values are read into.'),
  subject: z.string(),
  version: z.union([z.int().min(1), z.enum(['latest', 'file'])]).describe('file: the schema of schema_file.'),
  id: count.optional().describe('Absent: not registered.'),
  type: z.enum(['AVRO', 'JSON', 'PROTOBUF']),
  registers: z.boolean().describe('It would be registered.'),
  compatible: z
    .boolean()
    .optional()
    .describe("With the subject's schemas, as the registry judges; absent: it has none."),
  level: z.string().optional().describe("The subject's: BACKWARD, FULL, NONE, …"),
  messages: z.array(z.string()).describe('Of the registry: why it is not compatible.'),
});

export const planSchema = z
  .strictObject({
    name: z.string(),
    action: z
      .enum(['create', 'unchanged', 'in_place', 'restart'])
      .describe('in_place: the group notices nothing; restart: it drains, leaves and joins again.'),
    changes: z.array(
      z.strictObject({ field: z.string(), before: z.unknown().optional(), after: z.unknown().optional() }),
    ),
    module: z.strictObject({ ...moduleSummary, before: z.string().optional() }).optional(),
    group: z.strictObject({
      group_id: z.string(),
      state: z.string(),
      members: count,
      lag: count.optional().describe('Absent when nothing is committed.'),
      start: z.string().describe('Where it would begin.'),
    }),
    topics: z.array(
      z.strictObject({
        role: z.enum(['input', 'output', 'dead_letter']),
        topic: z.string().optional().describe('Absent: route() names it.'),
        partitions: count.optional().describe('Absent: there is no such topic.'),
        creates: z.boolean(),
      }),
    ),
    schemas: z
      .array(plannedSchemaSchema)
      .describe('Those that can be named before there are records, as far as the registry answered.'),
    effects: z.array(z.string()).describe('Whether, and how, order or state is affected.'),
    errors: z.array(errorSchema).describe('Why it would be refused.'),
  })
  .meta({ id: 'Plan' });
export type Plan = z.output<typeof planSchema>;

// ---- modules

export const moduleSchema = z
  .strictObject({
    path: z.string().describe('What a spec writes under wasm_module.'),
    name: z.string(),
    sha256: sha256('Of the file.'),
    size_bytes: count,
    uploaded: z.boolean().describe('false: put there by hand, never deleted by the API.'),
    modified: time('Of the file.'),
    used_by: z.array(z.string()).describe('Names of transforms.'),
  })
  .meta({ id: 'Module' });
export type Module = z.output<typeof moduleSchema>;
export const modulesSchema = z.array(moduleSchema);

// ---- logs

export const logLineSchema = z
  .strictObject({
    time: time('Of the line.'),
    level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
    from: z.enum(['guest', 'sidecar']).describe('guest: what the module logged.'),
    message: z.string(),
    fields: z.record(z.string(), z.unknown()).describe('What else the line carries.'),
  })
  .meta({ id: 'LogLine' });
export type LogLine = z.output<typeof logLineSchema>;

const levelSchema = z.enum(['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']);

export const loggerSchema = z
  .strictObject({
    level: levelSchema,
    last_modified: z.int().nullable().describe('Ms since 1970; null: never changed.'),
  })
  .meta({ id: 'Logger' });
export type Logger = z.output<typeof loggerSchema>;
export const loggersSchema = z.record(z.string(), loggerSchema);
export const changedLoggersSchema = z.array(z.string()).describe('Loggers whose level changed.');

export const loggerPatchSchema = z
  .strictObject({ level: z.enum([...levelSchema.options, 'trace', 'debug', 'info', 'warn', 'error', 'fatal']) })
  .meta({ examples: [{ level: 'DEBUG' }] });

// ---- what a request may say beside its body

export const nameParams = z.strictObject({
  name: textOf(nameFault, NAME_PATTERN).meta({ maxLength: 128, examples: ['mask-pii'] }),
});
export const loggerParams = z.strictObject({
  logger: textOf(nameFault, NAME_PATTERN).meta({
    maxLength: 128,
    description: "`root`, or a transform's name.",
    examples: ['mask-pii'],
  }),
});
export const sha256Params = z.strictObject({
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'not the 64 hexadecimal digits of a sha256')
    .meta({ examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'] }),
});

/** A flag: `true` or `false`. */
const flag = (description: string) =>
  z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .meta({ description });

/** A whole number, in decimal. */
const integer = (from: number, to: number, description: string) =>
  z
    .unknown()
    .transform((text, context) => {
      const value = typeof text === 'string' && /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= from && value <= to) return value;
      context.issues.push({ code: 'custom', message: `not a whole number from ${from} to ${to}`, input: text });
      return z.NEVER;
    })
    .meta({ type: 'integer', minimum: from, maximum: to, description });

export const noQuery = z.strictObject({});

const expandable = z.enum(['status', 'info']);
export const listQuery = z.strictObject({
  expand: z
    .union([expandable.transform((one) => [one]), z.array(expandable).max(2)])
    .optional()
    .describe('May be given twice.'),
});
export const statusQuery = z.strictObject({
  group: flag('Asks the cluster for the members of the group too.'),
});
export const restartQuery = z.strictObject({
  includeTasks: flag('Answer 202 and the status. A transform and its tasks always restart together.'),
  onlyFailed: flag('Nothing happens unless it is FAILED.'),
});

/** The last Date there is (ECMA-262). */
const TIME_MS_MAX = 8_640_000_000_000_000;

export const logsQuery = z.strictObject({
  tail: integer(0, 100_000, 'So many of the kept lines first.').default(100),
  since: integer(0, TIME_MS_MAX, 'None before this time, ms since 1970.').optional(),
  follow: flag('Go on with what comes, until the connection closes.'),
});
export const uploadQuery = z.strictObject({
  name: textOf(nameFault, NAME_PATTERN).meta({
    maxLength: 128,
    description: 'Versions of one module share it.',
    examples: ['mask-pii'],
  }),
});
