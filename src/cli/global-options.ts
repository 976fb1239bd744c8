import { readFileSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { usageError } from './command-error.ts';
import { parseDurationMs } from './duration.ts';
import type { Connection } from './sidecar-client.ts';

const URL_DEFAULT = 'http://127.0.0.1:8084';
const TIMEOUT_MS_DEFAULT = 60_000;

export type Environment = Readonly<Record<string, string | undefined>>;

interface GlobalFlags {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly timeout?: number;
  readonly json?: true;
}

/** Options of every command, before or after its name. */
export function addGlobalOptions(program: Command): void {
  program
    .option('--url <url>', `address of the sidecar (STREAMLINE_URL; default ${URL_DEFAULT})`)
    .option(
      '--token-file <file>',
      'file with the bearer token (STREAMLINE_TOKEN_FILE; or the token in STREAMLINE_TOKEN)',
    )
    .option('--cacert <file>', 'certificates to trust instead of the system\u2019s, PEM')
    .option('--cert <file>', 'certificate to show, PEM')
    .option('--key <file>', 'its private key, PEM')
    .addOption(
      new Option(
        '--timeout <duration>',
        'how long to wait for an answer, and in all for deploy --wait (default 60s)',
      ).argParser(durationFlag('--timeout')),
    )
    .option('--json', 'print JSON');
}

export function durationFlag(flag: string): (text: string) => number {
  return (text) => {
    const ms = parseDurationMs(text);
    if (ms === undefined || ms <= 0) throw usageError(`${flag} cannot be ${text}`, 'Write a duration: 500ms, 60s, 5m.');
    return ms;
  };
}

export function wantsJson(command: Command): boolean {
  return command.optsWithGlobals<GlobalFlags>().json === true;
}

/** The limit that was asked for; undefined: none was. */
export function timeoutMsOf(command: Command): number | undefined {
  return command.optsWithGlobals<GlobalFlags>().timeout;
}

export function connectionOf(command: Command, env: Environment): Connection {
  const flags = command.optsWithGlobals<GlobalFlags>();
  return {
    url: addressOf(flags.url ?? (env['STREAMLINE_URL'] || URL_DEFAULT)),
    token: tokenOf(flags.tokenFile ?? (env['STREAMLINE_TOKEN_FILE'] || undefined), env),
    tls: {
      ...(flags.cacert === undefined ? {} : { ca: read(flags.cacert, '--cacert') }),
      ...(flags.cert === undefined ? {} : { cert: read(flags.cert, '--cert') }),
      ...(flags.key === undefined ? {} : { key: read(flags.key, '--key') }),
    },
    timeoutMs: flags.timeout ?? TIMEOUT_MS_DEFAULT,
  };
}

function addressOf(text: string): string {
  const address = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.search !== '' || url.hash !== '')
    throw usageError(`${text} is no address of a sidecar`, `Write one such as ${URL_DEFAULT}.`);
  return url.href.replace(/\/+$/, '');
}

function tokenOf(file: string | undefined, env: Environment): string | undefined {
  const token = (file === undefined ? env['STREAMLINE_TOKEN'] : read(file, 'the token file'))?.trim();
  if (token === undefined || token === '') {
    if (file !== undefined) throw usageError(`the token file ${file} is empty`);
    return undefined;
  }
  // Never shown: it is a secret, wrong or not.
  if (!/^[\x21-\x7e]+$/.test(token)) throw usageError('the token has characters that no header may carry');
  return token;
}

function read(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    const missing = (thrown as NodeJS.ErrnoException).code === 'ENOENT';
    throw usageError(`${what}: ${file} ${missing ? 'does not exist' : 'cannot be read'}`);
  }
}
