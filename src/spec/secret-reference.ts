/** Where a secret comes from; resolved outside, so that parsing stays pure. */
export type SecretReference =
  { readonly from: 'env'; readonly name: string } | { readonly from: 'file'; readonly path: string };

/** The secret's text, or undefined when there is none. */
export type SecretResolver = (reference: SecretReference) => string | undefined;

export type Expansion =
  | { readonly text: string; readonly references: number }
  | { readonly missing: SecretReference }
  | { readonly unknown: string };

// `$${` is a `${` that stands for itself.
const REFERENCE = /\$\$\{|\$\{(?:env:([^{}]*)|file:([^{}]*)|([^{}]*))\}?/g;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Replaces `${env:NAME}` and `${file:/path}`. What was resolved is not looked at again. */
export function expandSecrets(raw: string, resolve: SecretResolver): Expansion {
  let text = '';
  let end = 0;
  let references = 0;
  for (const match of raw.matchAll(REFERENCE)) {
    const [whole, name, path] = match;
    text += raw.slice(end, match.index);
    end = match.index + whole.length;
    if (whole === '$${') {
      text += '${';
      continue;
    }
    const reference = whole.endsWith('}') ? referenceOf(name, path) : undefined;
    if (reference === undefined) return { unknown: whole.slice(0, 80) };
    const value = resolve(reference);
    // An empty variable is one that somebody forgot to set.
    if (value === undefined || value === '') return { missing: reference };
    text += value;
    references++;
  }
  return { text: text + raw.slice(end), references };
}

function referenceOf(name: string | undefined, path: string | undefined): SecretReference | undefined {
  if (name !== undefined && ENV_NAME.test(name)) return { from: 'env', name };
  if (path !== undefined && path.startsWith('/')) return { from: 'file', path };
  return undefined;
}

/** Nothing but one reference: showing it shows no secret. */
export function isOneReference(raw: string): boolean {
  return /^\$\{(?:env:[A-Za-z0-9_]+|file:\/[^{}]*)\}$/.test(raw);
}
