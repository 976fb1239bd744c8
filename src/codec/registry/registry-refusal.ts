import type { ErrorCode } from '../../base/error-code.ts';
import { StreamlineError } from '../../base/error.ts';
import { errorAnswer } from './registry-answer.ts';
import type { HttpAnswer } from './registry-transport.ts';

/** What was asked, for messages and for what a refusal means. */
export interface Asked {
  /** `schema id 7` */
  readonly what: string;
  /** When the registry says that it does not have it. */
  readonly missing: ErrorCode;
  /** It brings a schema, which may be refused. */
  readonly brings?: boolean;
}

const WORDS_MAX = 1000;

/** What an answer with a status that is none of success means. */
export function refusalOf(asked: Asked, place: string, { status, text }: HttpAnswer): StreamlineError {
  const said = wordsOf(text);
  const registry = `the schema registry at ${place}`;
  const words = said === undefined || said.message === '' ? '' : `: ${said.message}`;
  if (status === 401 || status === 403) {
    const problem = status === 401 ? 'does not accept the credentials' : 'does not allow to ask';
    return new StreamlineError('registry.unauthorized', `${registry} ${problem} (${asked.what}, status ${status})`, {
      suggestion: 'Check schema_registry.auth and what it may read (and, with auto_register, write).',
    });
  }
  // A registry has a code of its own for what it does not have. A 404 without is of whatever else answers under the URL: a
  // wrong base path, a gateway while the registry restarts. Records must not be given up for that.
  if (status === 404 && said !== undefined && isNotFound(said.code)) {
    return new StreamlineError(asked.missing, `${registry} has no ${asked.what.replace(/^a /, '')}${words}`);
  }
  if (asked.brings === true && status === 409) {
    return new StreamlineError('schema.incompatible', `${registry} refuses ${asked.what} as incompatible${words}`);
  }
  if (asked.brings === true && status === 422) {
    return new StreamlineError('schema.invalid', `${registry} refuses ${asked.what} as invalid${words}`);
  }
  return new StreamlineError('registry.failed', `${registry} answers ${asked.what} with status ${status}${words}`, {
    suggestion: suggestionFor(status),
  });
}

/** A registry that is there fails in passing with these. */
export function isTransient(status: number): boolean {
  return status === 429 || status >= 500;
}

function isNotFound(code: number): boolean {
  return code >= 40400 && code <= 40499;
}

function suggestionFor(status: number): string | undefined {
  if (status === 404) return 'Check schema_registry.url with its base path: the registry does not answer there.';
  if (status >= 300 && status < 400) {
    return 'Redirects are not followed, for credentials would go with them: set schema_registry.url to where it leads.';
  }
  return undefined;
}

/** undefined: whoever wrote it is no registry. */
function wordsOf(text: string): { code: number; message: string } | undefined {
  try {
    const { error_code: code, message } = errorAnswer.parse(JSON.parse(text));
    const words = message ?? '';
    return { code, message: words.length <= WORDS_MAX ? words : `${words.slice(0, WORDS_MAX)}…` };
  } catch {
    return undefined;
  }
}
