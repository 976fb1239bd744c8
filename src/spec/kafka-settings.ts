import { inspect } from 'node:util';
import { isOneReference } from './secret-reference.ts';

export type KafkaValue = string | number | boolean;

export interface KafkaSetting {
  readonly value: KafkaValue;
  /** As written, when it held a ${…}. */
  readonly raw: string | undefined;
}

const REDACTED = '[redacted]';
const SECRET_NAME = /passw|passphrase|secret|key|token|credential|jaas|oauthbearer\.config|\.pem$/i;
/** Paths and formats say where a secret is, not what it is. */
const HARMLESS_NAME = /\.(?:location|type|url|method)$/i;

/**
 * The properties under `kafka:`, secrets resolved. However it is printed, logged or serialised it shows the redacted
 * form; only `reveal` hands out the values, to the client.
 */
export class KafkaSettings {
  readonly #settings: ReadonlyMap<string, KafkaSetting>;

  constructor(settings: ReadonlyMap<string, KafkaSetting>) {
    this.#settings = settings;
  }

  /** For the Kafka client alone. */
  reveal(): Record<string, KafkaValue> {
    return Object.fromEntries([...this.#settings].map(([name, { value }]) => [name, value]));
  }

  /** Values that no text may show. A password of digits alone is a number to YAML. */
  secrets(): readonly string[] {
    return [...this.#settings].flatMap(([name, { value }]) =>
      isSecretProperty(name) && typeof value !== 'boolean' ? [String(value)] : [],
    );
  }

  redacted(): Record<string, KafkaValue> {
    return Object.fromEntries([...this.#settings].map(([name, setting]) => [name, shown(name, setting)]));
  }

  toJSON(): Record<string, KafkaValue> {
    return this.redacted();
  }

  [inspect.custom](): Record<string, KafkaValue> {
    return this.redacted();
  }
}

/** Whether a property's value is a secret: never shown, and taken out of whatever the client says. */
export function isSecretProperty(name: string): boolean {
  return SECRET_NAME.test(name) && !HARMLESS_NAME.test(name);
}

function shown(name: string, { value, raw }: KafkaSetting): KafkaValue {
  if (isSecretProperty(name)) return raw !== undefined && isOneReference(raw) ? raw : REDACTED;
  return raw ?? value;
}
