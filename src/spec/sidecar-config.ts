import { dirname, isAbsolute, join } from 'node:path';
import type { StreamlineError } from '../base/error.ts';
import { assert } from '../base/assert.ts';
import { checkShape } from './check-shape.ts';
import { httpOf, tokensOf, type HttpConfig } from './http-config.ts';
import { ownedReason } from './kafka-owned.ts';
import { KafkaSettings } from './kafka-settings.ts';
import type { KafkaSetting, KafkaValue } from './kafka-settings.ts';
import { ProblemList } from './problem-list.ts';
import { quoted } from './quoted.ts';
import { registryAuthOf, registryOf } from './registry-config.ts';
import type { RegistryConfig } from './registry-config.ts';
import { expandSecrets } from './secret-reference.ts';
import type { SecretResolver } from './secret-reference.ts';
import { sidecarGuide, sidecarSchema } from './sidecar-schema.ts';
import type { SidecarFields } from './sidecar-schema.ts';
import type { TopicName } from './transformation-config.ts';
import { nodeAt, offsetAt } from './yaml-value.ts';
import { readYaml } from './yaml-tree.ts';
import type { YamlField, YamlMap, YamlNode } from './yaml-tree.ts';

/** One property under two names. */
const BROKER_LISTS: readonly string[] = ['bootstrap.servers', 'metadata.broker.list'];
const TRANSPORT = 'transport';
const TRANSPORTS = ['auto', 'bridge', 'confluent'] as const;

/** How the cluster is spoken to: the native bridge, the JavaScript client, or the first of them that is there. */
export type Transport = (typeof TRANSPORTS)[number];

export interface SidecarLimits {
  readonly pollRecords: number;
  readonly inFlightBytes: number;
  readonly inFlightBatches: number;
  readonly commitIntervalMs: number;
  readonly transactionIntervalMs: number;
  readonly transactionTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly recordBytes: number;
  readonly outputBytes: number;
  readonly recordOutputs: number;
  readonly initTimeoutMs: number;
  readonly moduleBytes: number;
  readonly routedTopics: number;
  readonly stuckThreads: number;
  readonly idleInstanceMs: number;
  readonly stallTimeoutMs: number;
  readonly logLinesPerSecond: number;
  readonly logLineBytes: number;
  readonly restartBackoffMs: number;
  readonly restartBackoffMaxMs: number;
  readonly bodyBytes: number;
  readonly requestsPerMinute: number;
  readonly moduleVersions: number;
  readonly logTailLines: number;
  readonly avroItems: number;
}

export interface SidecarPaths {
  readonly specs: string;
  readonly modules: string;
  readonly cache: string;
  readonly state: string;
}

/** sidecar.yaml, checked and defaulted. */
export interface SidecarConfig {
  readonly kafka: KafkaSettings;
  /** Which adapter speaks to the cluster. */
  readonly transport: Transport;
  readonly topics: {
    readonly create: boolean;
    /** undefined: as many as the input topic has. */
    readonly partitions: number | undefined;
    /** -1: the cluster's default. */
    readonly replicationFactor: number;
  };
  readonly paths: SidecarPaths;
  readonly http: HttpConfig;
  /** undefined: there is none, and no transform may need one. */
  readonly schemaRegistry: RegistryConfig | undefined;
  readonly limits: SidecarLimits;
  readonly features: { readonly wasmTransforms: boolean };
  readonly compilation: 'aot' | 'jit';
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  readonly logging: {
    /** undefined: lines go to standard output only. */
    readonly topic: TopicName | undefined;
  };
}

export type SidecarOutcome =
  { readonly config: SidecarConfig } | { readonly errors: readonly [StreamlineError, ...StreamlineError[]] };

export interface SidecarOptions {
  readonly resolveSecret: SecretResolver;
  /** Flags of the command line, relative to the working directory: they win over the file. */
  readonly paths?: {
    readonly specs?: string | undefined;
    readonly modules?: string | undefined;
    readonly cache?: string | undefined;
    readonly state?: string | undefined;
  };
  /** STREAMLINE_WASM_TRANSFORMS; `off` wins over the file. */
  readonly wasmTransforms?: string | undefined;
}

// librdkafka's defaults.
const SESSION_TIMEOUT_MS = 45_000;
const MAX_POLL_INTERVAL_MS = 300_000;

const EMPTY: YamlMap = { kind: 'map', fields: [], offset: 0, weight: 1, depth: 1 };

/** Pure but for `resolveSecret`. An empty text gives the defaults. Relative paths are taken from the folder of `source`. */
export function parseSidecarConfig(text: string, source: string, options: SidecarOptions): SidecarOutcome {
  const problems = new ProblemList(source, 'config');
  const parsed = readYaml(text, problems);
  const config = problems.size > 0 ? undefined : configFrom(parsed ?? EMPTY, source, options, problems);
  const [first, ...rest] = problems.errors();
  if (first !== undefined) return { errors: [first, ...rest] };
  assert(config !== undefined, 'a sidecar.yaml that gives no config has a problem');
  return { config };
}

/** The kafka properties as they may be shown: no password, no key, nothing that came from a ${…}. */
export function redactedKafka(config: SidecarConfig): Record<string, KafkaValue> {
  return config.kafka.redacted();
}

function configFrom(
  parsed: YamlNode,
  source: string,
  options: SidecarOptions,
  problems: ProblemList,
): SidecarConfig | undefined {
  // A file of comments alone is a null.
  const root = parsed.kind === 'scalar' && parsed.source === '' ? EMPTY : parsed;
  const fields = checkShape(sidecarSchema, sidecarGuide, root, problems);
  const kafka = kafkaSettings(root, options.resolveSecret, problems);
  const transport = transportOf(root, problems);
  const tokens = tokensOf(root, options.resolveSecret, problems);
  const registryAuth = registryAuthOf(root, options.resolveSecret, problems);
  checkEnvironment(options.wasmTransforms, problems);
  if (fields === undefined || kafka === undefined || transport === undefined) return undefined;
  checkLimits(fields, kafka.reveal(), root, problems);
  const http = httpOf(fields, dirname(source), tokens, root, problems);
  const schemaRegistry = registryOf(fields, dirname(source), registryAuth, root, problems);
  const { topics } = fields;
  return {
    kafka,
    transport,
    topics: { create: topics.create, partitions: topics.partitions, replicationFactor: topics.replication_factor },
    paths: pathsOf(fields, dirname(source), options.paths ?? {}),
    http,
    schemaRegistry,
    limits: limitsOf(fields.limits),
    features: { wasmTransforms: fields.features.wasm_transforms && options.wasmTransforms !== 'off' },
    compilation: fields.compilation,
    logLevel: fields.log_level,
    logging: { topic: fields.logging.topic as TopicName | undefined },
  };
}

function pathsOf({ paths }: SidecarFields, folder: string, flags: NonNullable<SidecarOptions['paths']>): SidecarPaths {
  const fromFile = (path: string) => (isAbsolute(path) ? path : join(folder, path));
  const modules = flags.modules ?? fromFile(paths.modules);
  return {
    specs: flags.specs ?? fromFile(paths.specs),
    modules,
    cache: flags.cache ?? (paths.cache === undefined ? join(modules, '.cache') : fromFile(paths.cache)),
    state: flags.state ?? (paths.state === undefined ? join(modules, '.state') : fromFile(paths.state)),
  };
}

function limitsOf(limits: SidecarFields['limits']): SidecarLimits {
  return {
    pollRecords: limits.poll_records,
    inFlightBytes: limits.in_flight_bytes,
    inFlightBatches: limits.in_flight_batches,
    commitIntervalMs: limits.commit_interval_ms,
    transactionIntervalMs: limits.transaction_interval_ms,
    transactionTimeoutMs: limits.transaction_timeout_ms,
    drainTimeoutMs: limits.drain_timeout_ms,
    recordBytes: limits.record_bytes,
    outputBytes: limits.output_bytes,
    recordOutputs: limits.record_outputs,
    initTimeoutMs: limits.init_timeout_ms,
    moduleBytes: limits.module_bytes,
    routedTopics: limits.routed_topics,
    stuckThreads: limits.stuck_threads,
    idleInstanceMs: limits.idle_instance_ms,
    logLinesPerSecond: limits.log_lines_per_second,
    logLineBytes: limits.log_line_bytes,
    restartBackoffMs: limits.restart_backoff_ms,
    restartBackoffMaxMs: limits.restart_backoff_max_ms,
    stallTimeoutMs: limits.stall_timeout_ms,
    bodyBytes: limits.body_bytes,
    requestsPerMinute: limits.requests_per_minute,
    moduleVersions: limits.module_versions,
    logTailLines: limits.log_tail_lines,
    avroItems: limits.avro_items,
  };
}

/** undefined after a problem. Messages here never show a value: any of them may be a secret. */
function kafkaSettings(
  root: YamlNode,
  resolveSecret: SecretResolver,
  problems: ProblemList,
): KafkaSettings | undefined {
  const node = nodeAt(root, ['kafka']);
  if (node !== undefined && node.kind !== 'map') {
    problems.add(
      'config.invalid',
      ['kafka'],
      offsetAt(root, ['kafka']),
      'kafka must be a map of properties',
      'Write `bootstrap.servers: localhost:9092` indented below kafka:.',
    );
    return undefined;
  }
  const before = problems.size;
  const settings = new Map<string, KafkaSetting>();
  for (const field of node?.fields ?? []) {
    if (field.key === TRANSPORT) continue;
    const setting = kafkaSetting(field, root, resolveSecret, problems);
    if (setting !== undefined) settings.set(field.key, setting);
  }
  if (BROKER_LISTS.every((name) => settings.has(name))) {
    const path = ['kafka', 'metadata.broker.list'];
    problems.add(
      'config.invalid',
      path,
      offsetAt(root, path, 'key'),
      'metadata.broker.list and bootstrap.servers mean the same',
      'Keep bootstrap.servers.',
    );
  }
  if (problems.size > before) return undefined;
  const hasBrokers = BROKER_LISTS.some((name) => settings.has(name));
  if (!hasBrokers) settings.set('bootstrap.servers', { value: 'localhost:9092', raw: undefined });
  return new KafkaSettings(settings);
}

/** undefined after a problem. The one key under `kafka:` that is not librdkafka's. */
function transportOf(root: YamlNode, problems: ProblemList): Transport | undefined {
  const path = ['kafka', TRANSPORT];
  const node = nodeAt(root, path);
  if (node === undefined) return 'auto';
  const found = TRANSPORTS.find((name) => node.kind === 'scalar' && node.value === name);
  if (found !== undefined) return found;
  problems.add(
    'config.invalid',
    path,
    offsetAt(root, path),
    `kafka.transport is none of ${TRANSPORTS.join(', ')}`,
    'Write auto, or remove the line: the native bridge is used where it is built.',
  );
  return undefined;
}

function kafkaSetting(
  { key, value: node }: YamlField,
  root: YamlNode,
  resolveSecret: SecretResolver,
  problems: ProblemList,
): KafkaSetting | undefined {
  const path = ['kafka', key];
  const refuse = (
    message: string,
    suggestion: string,
    code: 'config.invalid' | 'config.secret_missing' = 'config.invalid',
  ): undefined => {
    problems.add(code, path, offsetAt(root, path, code === 'config.invalid' ? 'key' : 'value'), message, suggestion);
    return undefined;
  };
  if (!/^[a-z][a-z0-9._]{0,127}$/i.test(key))
    return refuse(`${quoted(key)} is no property of librdkafka`, 'Write names such as bootstrap.servers.');
  if (
    node.kind !== 'scalar' ||
    node.value === null ||
    (typeof node.value === 'number' && !Number.isFinite(node.value))
  ) {
    const owned = ownedReason(key, '');
    if (owned !== undefined) return refuse(`${key} is not yours to set: ${owned.reason}`, owned.instead);
    return refuse(`${key} must be text, a number, true or false`, 'Write one value in the line; quote text.');
  }
  const expanded =
    typeof node.value === 'string' ? expandSecrets(node.value, resolveSecret) : { text: node.value, references: 0 };
  if ('unknown' in expanded)
    return refuse(
      `${key} holds a \${…} that is neither \${env:NAME} nor \${file:/path}`,
      'Write $${ where ${ stands for itself.',
    );
  if ('missing' in expanded) {
    const { missing } = expanded;
    if (missing.from === 'env')
      return refuse(
        `the environment variable ${missing.name} is not set`,
        `Set ${missing.name} before the start.`,
        'config.secret_missing',
      );
    return refuse(
      `the secret file ${quoted(missing.path)} cannot be read or is empty`,
      'Check the path and its permissions.',
      'config.secret_missing',
    );
  }
  const owned = ownedReason(key, String(expanded.text).toLowerCase());
  if (owned !== undefined) return refuse(`${key} is not yours to set so: ${owned.reason}`, owned.instead);
  if (BROKER_LISTS.includes(key) && String(expanded.text).trim() === '')
    return refuse(`${key} names no broker`, 'Name one at least: bootstrap.servers: localhost:9092.');
  return { value: expanded.text, raw: expanded.references > 0 ? node.source : undefined };
}

function checkEnvironment(value: string | undefined, problems: ProblemList): void {
  if (value === undefined || value === '' || value === 'on' || value === 'off') return;
  problems.add(
    'config.invalid',
    ['features', 'wasm_transforms'],
    0,
    `STREAMLINE_WASM_TRANSFORMS is ${quoted(value)}`,
    'Set it to on or off.',
  );
}

function checkLimits(
  { limits }: SidecarFields,
  kafka: Readonly<Record<string, KafkaValue>>,
  root: YamlNode,
  problems: ProblemList,
): void {
  // I8: a member that drains longer than the broker waits is put out of the group, and its work is done twice.
  const bounds = [
    ['session.timeout.ms', Number(kafka['session.timeout.ms'] ?? SESSION_TIMEOUT_MS)],
    ['max.poll.interval.ms', Number(kafka['max.poll.interval.ms'] ?? MAX_POLL_INTERVAL_MS)],
  ] as const;
  for (const [name, boundMs] of bounds) {
    // What is no number at all the client refuses.
    if (Number.isNaN(boundMs) || limits.drain_timeout_ms < boundMs) continue;
    const path = ['limits', 'drain_timeout_ms'];
    const message = `drain_timeout_ms (${limits.drain_timeout_ms}) must be below ${name} (${boundMs})`;
    problems.add(
      'config.invalid',
      path,
      offsetAt(root, path),
      message,
      `Write a smaller drain_timeout_ms or a larger ${name} under kafka:.`,
    );
  }
  // I4: a transaction that only waits for its end must not be given up by the cluster meanwhile.
  if (limits.transaction_interval_ms * 2 > limits.transaction_timeout_ms) {
    const path = ['limits', 'transaction_interval_ms'];
    const message = `transaction_interval_ms (${limits.transaction_interval_ms}) must be at most half of transaction_timeout_ms (${limits.transaction_timeout_ms})`;
    problems.add(
      'config.invalid',
      path,
      offsetAt(root, path),
      message,
      `Write \`transaction_interval_ms: ${Math.floor(limits.transaction_timeout_ms / 2)}\` or less.`,
    );
  }
  if (limits.restart_backoff_ms > limits.restart_backoff_max_ms) {
    const path = ['limits', 'restart_backoff_ms'];
    problems.add(
      'config.invalid',
      path,
      offsetAt(root, path),
      'restart_backoff_ms is above restart_backoff_max_ms',
      `Write \`restart_backoff_max_ms: ${limits.restart_backoff_ms}\` or more.`,
    );
  }
}
