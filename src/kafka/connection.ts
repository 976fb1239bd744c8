import { StreamlineError } from '../base/error.ts';
import { codeOf, endsClient, errorCodeOfClient } from './client-error.ts';
import { RD, type ClientError } from './client.ts';
import { bootstrapOf, redactor, type KafkaProperties } from './client-config.ts';
import type { ClientLog } from './log.ts';

export interface MetadataOptions {
  readonly topic?: string;
  readonly allTopics: boolean;
  readonly timeout: number;
}

type MetadataDone = (error: ClientError | null | undefined, metadata: never) => void;

/** The part of a client of any kind that connecting needs. */
export interface Connectable {
  /** The client keeps the last answer for as long as it lives. */
  _metadata?: unknown;
  getMetadata(options: MetadataOptions, done: MetadataDone): unknown;
  connect(options: MetadataOptions, done: (error: ClientError | null | undefined) => void): unknown;
  removeAllListeners(): unknown;
  on(event: 'event.error', listener: (error: ClientError) => void): unknown;
  on(event: 'event.log', listener: (entry: { severity: number; fac: string; message: string }) => void): unknown;
}

/** Makes a client; a property librdkafka does not know or take is the configuration's fault and says so. */
export function makeClient<T>(kafka: KafkaProperties, make: () => T): T {
  try {
    return make();
  } catch (thrown) {
    throw configurationError(kafka, thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** The property at fault is one that librdkafka quotes, or one of the user's that its sentence names. */
function configurationError(kafka: KafkaProperties, said: string): StreamlineError {
  const text = redactor(kafka)(said);
  const given = Object.keys(kafka).filter((name) => text.includes(name));
  const name = /property:? "([^"]+)"/.exec(text)?.[1] ?? given.toSorted((a, b) => b.length - a.length)[0];
  return new StreamlineError('config.invalid', text, {
    configPath: name === undefined ? '/kafka' : `/kafka/${name}`,
    suggestion: name?.endsWith('.pem')
      ? 'Give the PEM text whole, from its BEGIN line to its END line, as in "${file:/path}"; an encrypted key needs ssl.key.password.'
      : "Properties under kafka: are librdkafka's; see its CONFIGURATION.md.",
  });
}

/**
 * Some properties are looked at only when the client connects: certificates, keys, mechanisms. The binding tells it by this code
 * (src/producer.cc) with librdkafka's sentence; by the code's own text it says that it is not connected.
 */
function isAboutConfiguration(error: ClientError): boolean {
  return codeOf(error) === RD.STATE && !error.message.startsWith('Local: ');
}

export interface Connecting {
  /** Resolves when a broker has answered; rejects with what kept it from doing so. */
  readonly ready: Promise<void>;
  /** Resolves when the client is done trying. Before that it must not be disconnected: the binding does not survive it. */
  readonly ended: Promise<void>;
  /** Nobody waits any more: it ends soon, and `ready` rejects unless it has resolved. */
  abandon(): void;
}

/**
 * The client asks for metadata once and holds a thread until the answer or the end of the time. Asked in parts it can be told to give
 * up in between (I8); they grow, for a cluster far away needs more than the first.
 */
const ASK_MS_FIRST = 500;

function askInParts(client: Connectable, isWanted: () => boolean): void {
  const ask = client.getMetadata.bind(client);
  client.getMetadata = (options, done) => {
    const part = (leftMs: number, partMs: number): unknown =>
      ask({ ...options, timeout: Math.min(partMs, leftMs) }, (error, metadata) => {
        const more = error && leftMs > partMs && isWanted() && isPassing(codeOf(error));
        if (more) {
          part(leftMs - partMs, partMs * 2);
          return;
        }
        delete client._metadata;
        done(error, metadata);
      });
    // Of the connection only; who asks later asks as the client does.
    client.getMetadata = ask;
    return part(options.timeout, ASK_MS_FIRST);
  };
}

function isPassing(code: number): boolean {
  return code === RD.TIMED_OUT || code === RD.TRANSPORT;
}

/** What is left of a client that has been disconnected: the binding never lets go of a consumer (its rebalance_cb, config.cc). */
export function forgetClient(client: Connectable): void {
  client.removeAllListeners();
  // It takes errors to the very end; without a listener they would be thrown.
  client.on('event.error', () => {});
}

/**
 * Connects within `timeoutMs`. A refused password is told at once rather than when the time is up.
 * @param topic one that exists: the client asks about every topic of the cluster unless it is given one
 */
export function connectClient(
  client: Connectable,
  kafka: KafkaProperties,
  timeoutMs: number,
  log: ClientLog,
  topic?: string,
): Connecting {
  const bootstrap = bootstrapOf(kafka);
  const redact = redactor(kafka);
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  let wanted = true;
  askInParts(client, () => wanted);
  const ready = new Promise<void>((resolve, reject) => {
    let settled = false;
    let reason = '';
    const fail = (code: number): void => {
      if (settled) return;
      settled = true;
      reject(connectError(code, bootstrap, redact(reason)));
    };
    client.on('event.log', (entry) => {
      // Log lines have the detail the error lacks: which broker, which SASL or TLS step.
      // What it says when it gives up is no reason for that.
      if (!settled && entry.fac === 'FAIL' && !entry.message.includes('handle is terminating'))
        reason = entry.message.replace(/^\[thrd:[^\]]*\]: /, '');
      log.line(entry);
    });
    client.on('event.error', (error) => {
      const code = codeOf(error);
      if (!settled && reason === '') reason = error.message;
      // The error comes before its log line at times: let that one arrive.
      if (!settled && (endsClient(code) || code === RD.SSL)) setImmediate(() => fail(code));
    });
    client.connect({ allTopics: false, timeout: timeoutMs, ...(topic === undefined ? {} : { topic }) }, (error) => {
      end();
      if (error && isAboutConfiguration(error)) {
        settled = true;
        reject(configurationError(kafka, error.message));
      } else if (error) {
        if (reason === '') reason = error.message;
        fail(codeOf(error));
      } else if (!settled) {
        settled = true;
        resolve();
      }
    });
  });
  return { ready, ended, abandon: () => (wanted = false) };
}

export function connectError(code: number, bootstrap: string, reason: string): StreamlineError {
  const ours = errorCodeOfClient(code, 'broker.unreachable');
  if (ours === 'broker.authentication') {
    return new StreamlineError(ours, `the cluster at ${bootstrap} refused the credentials: ${reason}`, {
      configPath: '/kafka',
      suggestion: 'Check security.protocol, sasl.* and ssl.* under kafka:.',
    });
  }
  return new StreamlineError(ours, `no broker answered at ${bootstrap}: ${reason}`, {
    configPath: '/kafka/bootstrap.servers',
    suggestion: 'Check that the cluster is up, the address is right and the listener speaks this security.protocol.',
  });
}
