import { isAbsolute, join } from 'node:path';
import type { ProblemList } from './problem-list.ts';
import { registryUrl } from './registry-url.ts';
import { isToken, secretAt } from './secret-field.ts';
import type { SecretFault } from './secret-field.ts';
import { Secret } from './secret.ts';
import type { SecretResolver } from './secret-reference.ts';
import type { SidecarFields } from './sidecar-schema.ts';
import { hasControlCharacter } from './spec-name.ts';
import { nodeAt, offsetAt } from './yaml-value.ts';
import type { YamlNode } from './yaml-tree.ts';

/* `schema_registry:` of sidecar.yaml. */

export interface RegistryConfig {
  /** With its base path, without a slash at the end: `https://registry:8081/apis/ccompat/v7`. */
  readonly url: string;
  readonly auth:
    | { readonly kind: 'basic'; readonly username: string; readonly password: Secret }
    | { readonly kind: 'bearer'; readonly token: Secret }
    | undefined;
  /** Files, PEM. */
  readonly tls: {
    readonly ca: string | undefined;
    readonly cert: string | undefined;
    readonly key: string | undefined;
  };
  /** Of one request. */
  readonly timeoutMs: number;
  /** Of one question, after the first try; then it counts as unreachable. */
  readonly retries: number;
  readonly retryBackoffMs: number;
  readonly retryBackoffMaxMs: number;
  /** Schemas kept. */
  readonly cachedSchemas: number;
  /** Text of all of them together, bytes. */
  readonly cachedSchemaBytesMax: number;
  /** How long the latest version of a subject is taken for the latest. */
  readonly subjectTtlMs: number;
  /** How long an id that the registry does not know is taken for unknown. */
  readonly unknownTtlMs: number;
  /** Largest schema, with what it refers to. */
  readonly schemaBytesMax: number;
}

const SECTION = 'schema_registry';
const AUTH = [SECTION, 'auth'] as const;
const CREDENTIAL_LENGTH_MAX = 4096;

/** Messages here never show a value: it is a secret. undefined when none is asked for, or after a problem. */
export function registryAuthOf(
  root: YamlNode,
  resolveSecret: SecretResolver,
  problems: ProblemList,
): RegistryConfig['auth'] {
  const read = (field: string, judge: (text: string) => SecretFault | undefined): string | undefined =>
    secretAt(root, [...AUTH, field], resolveSecret, judge, problems);
  const username = read('username', usernameFault);
  const password = read('password', passwordFault);
  const token = read('bearer_token', tokenFault);
  const has = (field: string): boolean => nodeAt(root, [...AUTH, field]) !== undefined;
  const refuse = (field: string, message: string, suggestion: string): void => {
    const path = [...AUTH, field];
    problems.add('config.invalid', path, offsetAt(root, path), message, suggestion);
  };
  if (has('bearer_token') && (has('username') || has('password'))) {
    refuse('bearer_token', 'a bearer token and a user cannot both say who asks', 'Keep one of the two.');
  } else if (has('password') && !has('username')) {
    refuse('password', 'schema_registry.auth has a password and no user', 'Write username too.');
  } else if (has('username') && !has('password')) {
    const suggestion = 'Write `password: ${file:/run/secrets/registry-password}` too.';
    refuse('username', 'schema_registry.auth has a user and no password', suggestion);
  }
  if (token !== undefined) return { kind: 'bearer', token: new Secret(token) };
  if (username === undefined || password === undefined) return undefined;
  return { kind: 'basic', username, password: new Secret(password) };
}

export function registryOf(
  fields: SidecarFields,
  folder: string,
  auth: RegistryConfig['auth'],
  root: YamlNode,
  problems: ProblemList,
): RegistryConfig | undefined {
  const registry = fields.schema_registry;
  if (registry === undefined) return undefined;
  const refuse = (field: string, message: string, suggestion: string): void => {
    const path = [SECTION, field];
    problems.add('config.invalid', path, offsetAt(root, path), message, suggestion);
  };
  const url = registryUrl(registry.url);
  const { ca, cert, key } = registry.tls;
  if ((cert === undefined) !== (key === undefined)) {
    refuse('tls', 'schema_registry.tls needs both cert and key', 'Write both, or neither.');
  }
  if (url.startsWith('http:') && [ca, cert, key].some((file) => file !== undefined)) {
    refuse('tls', 'schema_registry.tls has no effect: url is http', 'Write an https url, or remove tls.');
  }
  const { retry_backoff_ms: backoffMs, retry_backoff_max_ms: backoffMaxMs } = registry;
  if (backoffMs > backoffMaxMs) {
    const isMaxWritten = nodeAt(root, [SECTION, 'retry_backoff_max_ms']) !== undefined;
    refuse(
      isMaxWritten ? 'retry_backoff_max_ms' : 'retry_backoff_ms',
      `retry_backoff_ms (${backoffMs}) is above retry_backoff_max_ms (${backoffMaxMs})`,
      `Write \`retry_backoff_max_ms: ${backoffMs}\` or more.`,
    );
  }
  const { schema_bytes: bytesMax, cached_schema_bytes: cachedBytesMax } = registry;
  if (bytesMax > cachedBytesMax) {
    refuse(
      nodeAt(root, [SECTION, 'cached_schema_bytes']) === undefined ? 'schema_bytes' : 'cached_schema_bytes',
      `schema_bytes (${bytesMax}) is above cached_schema_bytes (${cachedBytesMax})`,
      `Write \`cached_schema_bytes: ${bytesMax}\` or more.`,
    );
  }
  const fromFile = (file: string | undefined): string | undefined =>
    file === undefined || isAbsolute(file) ? file : join(folder, file);
  return {
    url,
    auth,
    tls: { ca: fromFile(ca), cert: fromFile(cert), key: fromFile(key) },
    timeoutMs: registry.timeout_ms,
    retries: registry.retries,
    retryBackoffMs: backoffMs,
    retryBackoffMaxMs: backoffMaxMs,
    cachedSchemas: registry.cached_schemas,
    cachedSchemaBytesMax: registry.cached_schema_bytes,
    subjectTtlMs: registry.subject_ttl_ms,
    unknownTtlMs: registry.unknown_ttl_ms,
    schemaBytesMax: registry.schema_bytes,
  };
}

/** RFC 7617: a colon ends the user in what is sent. */
function usernameFault(text: string): SecretFault | undefined {
  if (isCredential(text) && !text.includes(':')) return undefined;
  return {
    message: `must be 1 to ${CREDENTIAL_LENGTH_MAX} characters without colon and control characters`,
    suggestion: 'Write user and password apart.',
  };
}

function passwordFault(text: string): SecretFault | undefined {
  if (isCredential(text)) return undefined;
  return {
    message: `must be 1 to ${CREDENTIAL_LENGTH_MAX} characters without control characters`,
    suggestion: 'See whether its file holds more than one line.',
  };
}

function tokenFault(text: string): SecretFault | undefined {
  if (isToken(text)) return undefined;
  return {
    message: 'must be printable characters without space',
    suggestion: 'Write the token alone, without `Bearer`.',
  };
}

function isCredential(text: string): boolean {
  return text !== '' && text.length <= CREDENTIAL_LENGTH_MAX && !hasControlCharacter(text) && text.isWellFormed();
}
