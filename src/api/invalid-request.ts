import { z } from 'zod';
import type { FormFault } from '../spec/check-shape.ts';
import { nearestName } from '../spec/nearest-name.ts';
import { jsonPointer } from '../spec/problem-list.ts';
import { quoted } from '../spec/quoted.ts';
import { RequestError } from './request-error.ts';

/** Enough to mend a request by. */
const REASONS_MAX = 20;

const PARTS: Readonly<Record<string, string>> = {
  body: 'body',
  querystring: 'query',
  params: 'path',
  headers: 'headers',
};

/** What a schema found wrong with one part of a request: `configPath` is the field, `place` the part. */
export function invalidRequest(schema: z.ZodType, part: string | undefined, error: z.ZodError): RequestError {
  const place = PARTS[part ?? 'body'] ?? 'body';
  const reasons = error.issues.slice(0, REASONS_MAX).flatMap((issue) => reasonsOf(issue, schema, place));
  const [first] = reasons;
  if (first === undefined) return new RequestError('request.invalid', `the ${place} is not valid`, { place });
  const { configPath, suggestion } = first;
  return new RequestError('request.invalid', first.message, { place, configPath, suggestion, reasons });
}

function reasonsOf(issue: z.core.$ZodIssue, schema: z.ZodType, place: string): RequestError[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol');
  const at = (inner: readonly (string | number)[], message: string, suggestion: string | undefined): RequestError =>
    new RequestError('request.invalid', message, { place, configPath: jsonPointer(inner), suggestion });
  const what = path.length === 0 ? `the ${place}` : path.join('.');
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = path.length === 0 && schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
      return issue.keys
        .slice(0, REASONS_MAX)
        .map((key) => at([...path, key], `unknown field ${quoted(key)}`, instead(key, known)));
    }
    case 'invalid_value': {
      const values = issue.values.map(String);
      const near = nearestName(textOf(issue.input), values);
      const suggestion = near === undefined ? `Write one of ${values.join(', ')}.` : `Did you mean ${near}?`;
      return [at(path, `${what} is none of ${values.join(', ')}`, suggestion)];
    }
    case 'invalid_type': {
      const article = /^[aeiou]/.test(issue.expected) ? 'an' : 'a';
      const isMissing = issue.input === undefined || (path.length === 0 && issue.input === null);
      return [
        at(
          path,
          isMissing ? `${what} is missing` : `${what} must be ${article} ${issue.expected}`,
          `Write ${article} ${issue.expected}.`,
        ),
      ];
    }
    case 'custom': {
      const fault = issue.params?.['fault'] as FormFault | undefined;
      const message = fault?.message ?? (path.length === 0 ? issue.message : `${what}: ${issue.message}`);
      return [at(path, message, fault?.suggestion.replace(/`name: (.*)`/, '`$1`'))];
    }
    default:
      return [at(path, `${what}: ${issue.message}`, undefined)];
  }
}

function instead(key: string, known: readonly string[]): string {
  const near = nearestName(key, known);
  if (near !== undefined) return `Did you mean ${near}?`;
  return known.length === 0 ? 'Remove it.' : `Remove it; there is ${known.join(', ')}.`;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
