import type { FormFault } from './check-shape.ts';

/* Messages here never show the URL: people write passwords into it. */

const URL_LENGTH_MAX = 2048;

export function registryUrlFault(text: string): FormFault | undefined {
  const fault = (message: string, suggestion: string): FormFault => ({ code: 'config.invalid', message, suggestion });
  const example = 'Write for example `url: http://localhost:8081`, with the base path where there is one.';
  if (text.includes('${'))
    return fault(
      'url of schema_registry holds a ${…}',
      'It is replaced under kafka: and auth: only; write the address.',
    );
  if (/^mock:/i.test(text)) return fault('mock:// is a registry inside the demo and exists nowhere else', example);
  // What a browser would mend (spaces, backslashes, a missing slash) is a mistake here.
  const parsed = text.length <= URL_LENGTH_MAX && /^https?:\/\/[^\s\\/][^\s\\]*$/i.test(text) ? URL.parse(text) : null;
  if (parsed === null) return fault('url of schema_registry is no http or https address', example);
  if (parsed.username !== '' || parsed.password !== '' || /^[^/]*\/\/[^/?#]*@/.test(text))
    return fault(
      'url of schema_registry holds a user or a password',
      'Write them under `auth: { username: …, password: … }`.',
    );
  if (text.includes('?') || text.includes('#'))
    return fault('url of schema_registry has a query or a fragment', 'Write the address and the base path only.');
  return undefined;
}

/** In one spelling, without a slash at the end. Only of what `registryUrlFault` finds nothing wrong with. */
export function registryUrl(text: string): string {
  const { origin, pathname } = new URL(text);
  return `${origin}${pathname}`.replace(/\/+$/, '');
}
