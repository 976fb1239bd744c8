import { quoted } from '../spec/quoted.ts';
import { RequestError } from './request-error.ts';

const DEPTH_MAX = 64;

/**
 * JSON as data, without a number that changed on the way: refused rather than rounded, unless the text itself is handed on.
 * Throws request.invalid.
 */
export function parseExactJson(text: string, numbers: 'exact' | 'any' = 'exact'): unknown {
  if (isDeep(text)) throw notJson(`it is nested deeper than ${DEPTH_MAX} levels`);
  return readJson(text, (key, value, source) => {
    if (key === '__proto__') throw notJson('a field named __proto__ is not taken');
    if (
      numbers === 'exact' &&
      typeof value === 'number' &&
      source !== undefined &&
      decimal(source) !== decimal(String(value))
    ) {
      throw new RequestError('request.invalid', `the number ${quoted(source)} would lose digits`, {
        place: 'body',
        suggestion: 'Quote the number to hand it over as text.',
      });
    }
  });
}

/** Throws request.invalid unless the text is JSON. */
export function checkJson(text: string): void {
  readJson(text, undefined);
}

type Look = (key: string, value: unknown, source: string | undefined) => void;

function readJson(text: string, look: Look | undefined): unknown {
  const revive =
    look === undefined
      ? undefined
      : (key: string, value: unknown, context?: { readonly source?: string }): unknown => {
          look(key, value, context?.source);
          return value;
        };
  try {
    return JSON.parse(text, revive) as unknown;
  } catch (thrown) {
    if (thrown instanceof RequestError) throw thrown;
    // The parser's own message quotes the body.
    const at = /line (\d+) column (\d+)/.exec(thrown instanceof Error ? thrown.message : '');
    throw notJson('it is no valid JSON', at === null ? 'body' : `body:${at[1]}:${at[2]}`);
  }
}

function notJson(why: string, place = 'body'): RequestError {
  return new RequestError('request.invalid', `the body cannot be read: ${why}`, {
    place,
    suggestion: 'Check brackets, commas and quotes.',
  });
}

function isDeep(text: string): boolean {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (inText) {
      if (character === '\\') i++;
      else if (character === '"') inText = false;
    } else if (character === '"') inText = true;
    else if (character === '{' || character === '[') {
      if (++depth > DEPTH_MAX) return true;
    } else if (character === '}' || character === ']') depth--;
  }
  return false;
}

/** One spelling for one value: 5285.90, 52.859e2 and 5285.9 are the same. */
function decimal(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([-+]?[0-9]+))?$/.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const kept = digits.replace(/0+$/, '');
  if (kept === '') return whole === '' ? text : '0';
  return `${sign}${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`;
}
