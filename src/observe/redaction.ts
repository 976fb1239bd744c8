import type { DestinationStream } from 'pino';

const CENSOR = '***';
/** A shorter one would be found in words and numbers that have nothing to do with it. */
const SECRET_CHARACTERS_MIN = 6;

/**
 * Where a secret stands by its looks, whoever wrote it there: a field named after one, a URL with a user, an Authorization header. Each looks
 * only so far from where it begins: a guest may log lines made to be gone through for long.
 */
const BY_LOOKS: readonly (readonly [RegExp, string])[] = [
  [
    /"([^"\\]{0,64}?(?:passw|passphrase|secret|token|authorization|credential|jaas|private.?key)[^"\\]{0,64})":(?:"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*)/gi,
    `"$1":"${CENSOR}"`,
  ],
  [/:\/\/[^\s/@"\\]{1,256}@/g, `://${CENSOR}@`],
  [/\b(Bearer|Basic) {1,4}[\w+/=.~-]{16,4096}/gi, `$1 ${CENSOR}`],
];

/** Takes secrets out of log lines: those of the configuration wherever they stand, and what looks like one. */
export class Redaction {
  readonly #forms: readonly string[];

  /** @param secrets as they are */
  constructor(secrets: readonly string[] = []) {
    const forms = secrets.filter((secret) => secret.length >= SECRET_CHARACTERS_MIN).flatMap(formsOf);
    // One may be a part of another.
    this.#forms = [...new Set(forms)].toSorted((a, b) => b.length - a.length);
  }

  /** @param line JSON */
  redact(line: string): string {
    let text = line;
    for (const form of this.#forms) if (text.includes(form)) text = text.replaceAll(form, CENSOR);
    for (const [pattern, instead] of BY_LOOKS) text = text.replaceAll(pattern, instead);
    return text;
  }

  /** A destination for the log, before another one. */
  before(destination: DestinationStream): DestinationStream {
    const redacting = { write: (line: string): void => destination.write(this.redact(line)) };
    // A fatal line asks for it.
    if (!('flushSync' in destination) || typeof destination.flushSync !== 'function') return redacting;
    return Object.assign(redacting, { flushSync: destination.flushSync.bind(destination) as () => void });
  }
}

/** As it stands in a line of JSON, and in a URL. */
function formsOf(secret: string): string[] {
  return [JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)];
}
