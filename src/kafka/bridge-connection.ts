import { StreamlineError } from '../base/error.ts';
import type { BridgeClient, BridgeEvent, Properties } from './bridge-addon.ts';
import { bootstrapOf, redactor, type KafkaProperties } from './client-config.ts';
import { endsClient } from './client-error.ts';
import { RD } from './client.ts';
import { connectError } from './connection.ts';
import type { ClientLog } from './log.ts';

/** librdkafka's properties as its C API takes them: strings. */
export function properties(conf: Readonly<Record<string, unknown>>): Properties {
  const strings: Record<string, string> = {};
  for (const [name, value] of Object.entries(conf)) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      strings[name] = String(value);
  }
  return strings;
}

type Trouble = (code: number, text: string) => void;

/** What the addon's clients tell while they connect and afterwards: log lines, errors, and what ended a connection. */
export class BridgeConnection {
  readonly #kafka: KafkaProperties;
  readonly #log: ClientLog;
  readonly #trouble: Trouble;
  /** Set while connecting. */
  #fail: ((code: number) => void) | undefined;
  /** The line with the detail that an error lacks: which broker, which step of SASL or TLS. */
  #reason = '';

  /** @param trouble errors once connected */
  constructor(kafka: KafkaProperties, log: ClientLog, trouble: Trouble) {
    this.#kafka = kafka;
    this.#log = log;
    this.#trouble = trouble;
  }

  onEvent(event: BridgeEvent): void {
    if (event[0] === 'log') {
      const [, severity, fac, message] = event;
      // What it says when it gives up is no reason for that.
      if (this.#fail !== undefined && fac === 'FAIL' && !message.includes('handle is terminating')) {
        this.#reason = message.replace(/^\[thrd:[^\]]*\]: /, '');
      }
      this.#log.line({ severity, fac, message });
    } else if (event[0] === 'error') {
      const [, code, text, fatal] = event;
      if (this.#fail === undefined) {
        this.#trouble(fatal ? RD.FATAL : code, text);
        return;
      }
      if (this.#reason === '') this.#reason = text;
      // The error comes before its log line at times: let that one arrive.
      if (fatal || endsClient(code) || code === RD.SSL) setImmediate(() => this.#fail?.(code));
    }
  }

  /** Rejects with what kept a broker from answering within `timeoutMs`; a refused password is told at once. */
  connect(client: BridgeClient, topic: string | undefined, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#fail = (code) => {
        this.#fail = undefined;
        reject(connectError(code, bootstrapOf(this.#kafka), redactor(this.#kafka)(this.#reason)));
      };
      void client.connect(topic, timeoutMs).then((code) => {
        if (this.#fail === undefined) return;
        if (code !== 0) {
          this.#fail(code);
          return;
        }
        this.#fail = undefined;
        resolve();
      });
    });
  }
}

/** A client as the sink and the source make theirs when they have been closed meanwhile. */
export function closedWhileStarting(what: string): StreamlineError {
  return new StreamlineError('broker.client', `the ${what} was closed while it started`);
}
