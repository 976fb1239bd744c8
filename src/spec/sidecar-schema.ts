import { isIP } from 'node:net';
import { z } from 'zod';
import { textOf } from './check-shape.ts';
import type { FormFault } from './check-shape.ts';
import { FieldGuide } from './field-guide.ts';
import { quoted } from './quoted.ts';
import { registryUrlFault } from './registry-url.ts';
import { topicFault, TOPIC_PATTERN } from './spec-name.ts';

/* The shape of sidecar.yaml: names, types, ranges, defaults. */

const MIB = 1024 * 1024;
const DAY_MS = 86_400_000;

const int = (from: number, to: number, fallback: number, description: string) =>
  z.int().min(from).max(to).default(fallback).describe(description);

const path = (description: string, example: string) =>
  textOf((text): FormFault | undefined => {
    if (text === '')
      return {
        code: 'config.invalid',
        message: 'the path is empty',
        suggestion: `Write for example ${example}, or remove the line.`,
      };
    if (!text.includes('${') && !text.includes('\0')) return undefined;
    return {
      code: 'config.invalid',
      message: `${quoted(text)} is no path`,
      suggestion:
        '${…} is replaced under kafka: and auth: only; use the flags of the command line for paths that vary.',
    };
  }).meta({ description, examples: [example] });

const address = textOf((text): FormFault | undefined => {
  if (isLoopback(text) || isIP(text) !== 0 || /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,252})$/.test(text)) return undefined;
  return {
    code: 'config.invalid',
    message: `${quoted(text)} is no address to listen on`,
    suggestion: 'Write `address: 127.0.0.1`, or `0.0.0.0` for every interface.',
  };
});

/** Whether what listens there is reached from this machine only. */
export function isLoopback(text: string): boolean {
  return (
    text === 'localhost' ||
    text === '::1' ||
    /^127(?:\.(?:[0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])){3}$/.test(text)
  );
}

// Judged on the tree (secret-field.ts), where no message shows it.
const secret = (description: string, example: string) =>
  z
    .unknown()
    .optional()
    .meta({ type: 'string', writeOnly: true, description, examples: [example] });
const token = (description: string) => secret(description, '${file:/run/secrets/token}');

const limits = z
  .strictObject({
    poll_records: int(1, 10_000, 2000, 'Records of one batch.'),
    in_flight_bytes: int(MIB, 4096 * MIB, 16 * MIB, 'Bytes of a transform between consumer and acknowledgement.'),
    in_flight_batches: int(1, 1024, 64, 'Batches of a transform under way.'),
    commit_interval_ms: int(10, 60_000, 100, 'Longest time between two commits.'),
    transaction_interval_ms: int(10, 60_000, 100, 'Exactly once: longest time between two transactions.'),
    transaction_timeout_ms: int(
      1000,
      900_000,
      10_000,
      'Exactly once: the cluster gives up a transaction that nobody ends for so long.',
    ),
    drain_timeout_ms: int(
      0,
      600_000,
      10_000,
      'Longest wait for outcomes when a partition is revoked or the process ends.',
    ),
    record_bytes: int(1024, 1024 * MIB, 1_000_000, 'Largest record written; the cluster has a limit of its own.'),
    output_bytes: int(
      1024,
      1024 * MIB,
      MIB,
      'Largest output a guest may return for one record; of several outputs, all of them together, with what all but the first keep of its headers.',
    ),
    record_outputs: int(1, 65_536, 1000, 'Outputs that one record may have.'),
    init_timeout_ms: int(1, 600_000, 5000, 'Budget of init().'),
    module_bytes: int(1024, 64 * MIB, 64 * MIB, 'Largest module.'),
    routed_topics: int(1, 10_000, 256, 'Different topics one transform may route to.'),
    stuck_threads: int(1, 64, 3, 'Guest threads that may hang or die within ten minutes before the transform fails.'),
    idle_instance_ms: int(100, 86_400_000, 30_000, 'An idle instance beyond the first goes after this long.'),
    log_lines_per_second: int(0, 100_000, 100, 'Log lines of one transform; more are counted and dropped.'),
    log_line_bytes: int(16, 64 * 1024, 2048, 'A longer log line of a guest is cut.'),
    restart_backoff_ms: int(
      1,
      3_600_000,
      1000,
      'Wait before the first restart of a failed transform; doubles with each further one.',
    ),
    restart_backoff_max_ms: int(1, 3_600_000, 30_000, 'Longest wait before a restart.'),
    stall_timeout_ms: int(
      0,
      3_600_000,
      60_000,
      'A consumer that gets nothing for so long while its partitions grow is made anew; 0 = never.',
    ),
    body_bytes: int(1024, 16 * MIB, 256 * 1024, 'Largest body of a request, modules apart.'),
    requests_per_minute: int(1, 1_000_000, 1200, 'Requests of one client address; more are answered with 429.'),
    module_versions: int(1, 1000, 5, 'Uploaded versions kept of one module, besides those in use.'),
    log_tail_lines: int(0, 100_000, 1000, 'Log lines kept of each transform, for the logs command.'),
    avro_items: int(1, 100_000_000, 250_000, 'Items of arrays and maps in one Avro record.'),
  })
  .prefault({});

const schemaRegistry = z.strictObject({
  url: textOf(registryUrlFault, /^https?:\/\//).meta({
    description: 'Where it is, http or https, with its base path.',
    examples: ['http://localhost:8081'],
  }),
  auth: z
    .strictObject({
      username: z
        .unknown()
        .optional()
        .meta({ type: 'string', description: 'Basic authentication.', examples: ['${env:REGISTRY_USER}'] }),
      password: secret('Of that user.', '${file:/run/secrets/registry-password}'),
      bearer_token: token('Instead of user and password.'),
    })
    .prefault({})
    .describe('Who asks.'),
  tls: z
    .strictObject({
      ca: path('Certificate authorities of the registry, PEM, relative to this file.', 'tls/ca.crt').optional(),
      cert: path('Own certificate chain, PEM.', 'tls/tls.crt').optional(),
      key: path('Own private key, PEM.', 'tls/tls.key').optional(),
    })
    .prefault({})
    .describe("HTTPS; Node's own certificate authorities by default."),
  timeout_ms: int(100, 60_000, 5000, 'Longest wait for the answer to one request.'),
  retries: int(0, 20, 3, 'Requests after the first one, before the registry counts as unreachable.'),
  retry_backoff_ms: int(1, 60_000, 100, 'Wait before the first of them; doubles with each further one.'),
  retry_backoff_max_ms: int(1, 60_000, 5000, 'Longest wait between requests.'),
  cached_schemas: int(16, 100_000, 2000, 'Schemas kept.'),
  cached_schema_bytes: int(MIB, 4096 * MIB, 64 * MIB, 'Text of all schemas kept together.'),
  subject_ttl_ms: int(1000, DAY_MS, 300_000, 'How long the latest version of a subject is taken for the latest.'),
  unknown_ttl_ms: int(100, 3_600_000, 1000, 'How long an id that the registry does not know is taken for unknown.'),
  schema_bytes: int(1024, 64 * MIB, MIB, 'Largest schema, with what it refers to.'),
});

export const sidecarSchema = z
  .strictObject({
    // Judged on the tree (sidecar-config.ts), where a value's text is at hand and no message shows it.
    kafka: z
      .unknown()
      .optional()
      .meta({
        type: 'object',
        properties: {
          transport: {
            enum: ['auto', 'bridge', 'confluent'],
            default: 'auto',
            description: 'The native bridge, the JavaScript client, or the bridge where it is built.',
          },
        },
        additionalProperties: { type: ['string', 'number', 'boolean'] },
        description: 'Any property of librdkafka. ${env:NAME} and ${file:/path} are replaced; $${ stands for ${.',
        examples: [{ 'bootstrap.servers': 'localhost:9092' }],
      }),
    topics: z
      .strictObject({
        create: z.boolean().default(false).describe('Create output and dead-letter topics that are missing.'),
        partitions: z
          .int()
          .min(1)
          .max(100_000)
          .optional()
          .meta({ description: "Of created topics; the input topic's number by default.", examples: [6] }),
        replication_factor: z
          .int()
          .min(-1)
          .max(32_767)
          .default(-1)
          .describe("Of created topics; -1 = the cluster's default."),
      })
      .prefault({})
      .describe('Output and dead-letter topics.'),
    paths: z
      .strictObject({
        specs: path('Directory of specs, relative to this file.', 'specs').default('specs'),
        modules: path('Directory of modules, relative to this file.', 'modules').default('modules'),
        cache: path(
          'Compiled modules, relative to this file; .cache in the modules directory by default.',
          'modules/.cache',
        ).optional(),
        state: path(
          'What was paused and stopped, relative to this file; .state in the modules directory by default.',
          'modules/.state',
        ).optional(),
      })
      .prefault({})
      .describe('Where things are.'),
    http: z
      .strictObject({
        address: address
          .default('127.0.0.1')
          .describe('Where to listen. Beyond loopback, auth.admin_token or tls.client_ca is required.'),
        port: int(0, 65_535, 8084, 'Port of health, metrics and API; 0 = any free one.'),
        auth: z
          .strictObject({
            admin_token: token('May do everything.'),
            read_only_token: token('May look and change nothing.'),
          })
          .prefault({})
          .describe('Bearer tokens, as ${env:NAME} or ${file:/path}.'),
        tls: z
          .strictObject({
            cert: path('Certificate chain, PEM, relative to this file.', 'tls/tls.crt').optional(),
            key: path('Private key, PEM.', 'tls/tls.key').optional(),
            client_ca: path(
              'Certificate authority of clients, PEM: whoever shows a certificate of it may do everything.',
              'tls/ca.crt',
            ).optional(),
          })
          .prefault({})
          .describe('HTTPS.'),
      })
      .prefault({})
      .describe('Health, metrics and API.'),
    schema_registry: schemaRegistry.optional().meta({
      description: 'The schema registry, for transforms whose records have a schema.',
      examples: [{ url: 'http://localhost:8081' }],
    }),
    limits: limits.describe('Bounds on everything.'),
    features: z
      .strictObject({
        wasm_transforms: z.boolean().default(true).describe('false: the API is up and no transform runs.'),
      })
      .prefault({})
      .describe('What is switched on.'),
    compilation: z.enum(['aot', 'jit']).default('aot').describe('aot: no traffic until optimised code is ready.'),
    log_level: z
      .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'])
      .default('info')
      .describe('Least level logged.'),
    logging: z
      .strictObject({
        topic: textOf((text): FormFault | undefined => {
          const fault = topicFault(text);
          return fault && { ...fault, code: 'config.invalid' };
        }, TOPIC_PATTERN)
          .meta({
            description:
              'Topic that the log lines of transforms are sent to too, as OpenTelemetry log records in JSON.',
            examples: ['streamline.transform-logs'],
          })
          .optional(),
      })
      .prefault({})
      .describe('Where log lines go besides standard output.'),
  })
  .meta({ title: 'Streamline sidecar configuration' });

export type SidecarFields = z.output<typeof sidecarSchema>;

export const sidecarGuide = new FieldGuide(sidecarSchema);
