import { isAbsolute, join } from 'node:path';
import type { ProblemList } from './problem-list.ts';
import { quoted } from './quoted.ts';
import { Secret } from './secret.ts';
import { isToken, secretAt } from './secret-field.ts';
import type { SecretFault } from './secret-field.ts';
import type { SecretResolver } from './secret-reference.ts';
import { isLoopback } from './sidecar-schema.ts';
import type { SidecarFields } from './sidecar-schema.ts';
import { offsetAt } from './yaml-value.ts';
import type { YamlNode } from './yaml-tree.ts';

/* `http:` of sidecar.yaml: where the API listens and who may use it. */

export interface HttpConfig {
  readonly address: string;
  readonly port: number;
  readonly adminToken: Secret | undefined;
  readonly readOnlyToken: Secret | undefined;
  /** Files. */
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string | undefined } | undefined;
}

interface Tokens {
  readonly admin: string | undefined;
  readonly readOnly: string | undefined;
}

/** A token that can be guessed protects nothing. */
const TOKEN_CHARACTERS_MIN = 16;

/** Messages here never show a value: it is a secret. */
export function tokensOf(root: YamlNode, resolveSecret: SecretResolver, problems: ProblemList): Tokens {
  const judge = (text: string): SecretFault | undefined =>
    isToken(text) && text.length >= TOKEN_CHARACTERS_MIN
      ? undefined
      : {
          message: `must have at least ${TOKEN_CHARACTERS_MIN} printable characters and no space`,
          suggestion: 'Make one with `openssl rand -hex 32`.',
        };
  const read = (field: string): string | undefined =>
    secretAt(root, ['http', 'auth', field], resolveSecret, judge, problems);
  const tokens = { admin: read('admin_token'), readOnly: read('read_only_token') };
  if (tokens.readOnly !== undefined && tokens.readOnly === tokens.admin) {
    const path = ['http', 'auth', 'read_only_token'];
    problems.add(
      'config.invalid',
      path,
      offsetAt(root, path),
      'http.auth.read_only_token is the admin token',
      'Make another, or remove the line.',
    );
  }
  return tokens;
}

export function httpOf(
  fields: SidecarFields,
  folder: string,
  tokens: Tokens,
  root: YamlNode,
  problems: ProblemList,
): HttpConfig {
  const { address, port, tls } = fields.http;
  const refuse = (path: readonly string[], message: string, suggestion: string): void => {
    problems.add('config.invalid', path, offsetAt(root, path), message, suggestion);
  };
  const { cert, key, client_ca: clientCa } = tls;
  if ((cert === undefined) !== (key === undefined)) {
    refuse(['http', 'tls'], 'http.tls needs both cert and key', 'Write both, or neither.');
  }
  if (clientCa !== undefined && cert === undefined) {
    refuse(
      ['http', 'tls', 'client_ca'],
      'client_ca is of no use without cert and key',
      'Write http.tls.cert and key too.',
    );
  }
  if (tokens.readOnly !== undefined && tokens.admin === undefined && clientCa === undefined) {
    const message = 'with a read_only_token alone nobody could change anything';
    refuse(['http', 'auth', 'read_only_token'], message, 'Write admin_token too.');
  }
  if (!isLoopback(address) && tokens.admin === undefined && clientCa === undefined) {
    refuse(
      ['http', 'address'],
      `${quoted(address)} can be reached from other machines, and nothing tells who may use the API`,
      'Write http.auth.admin_token (or http.tls.client_ca), or `address: 127.0.0.1`.',
    );
  }
  const fromFile = (file: string): string => (isAbsolute(file) ? file : join(folder, file));
  return {
    address,
    port,
    adminToken: tokens.admin === undefined ? undefined : new Secret(tokens.admin),
    readOnlyToken: tokens.readOnly === undefined ? undefined : new Secret(tokens.readOnly),
    tls:
      cert === undefined || key === undefined
        ? undefined
        : {
            cert: fromFile(cert),
            key: fromFile(key),
            clientCa: clientCa === undefined ? undefined : fromFile(clientCa),
          },
  };
}
