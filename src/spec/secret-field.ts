import { fieldName } from './check-shape.ts';
import type { FieldPath, ProblemList } from './problem-list.ts';
import { quoted } from './quoted.ts';
import { expandSecrets } from './secret-reference.ts';
import type { SecretResolver } from './secret-reference.ts';
import { nodeAt, offsetAt } from './yaml-value.ts';
import type { YamlNode } from './yaml-tree.ts';

/** What `judge` finds wrong with a secret's text: words to follow the field's name, and what to do. Never the text. */
export interface SecretFault {
  readonly message: string;
  readonly suggestion: string;
}

/** What an Authorization header can carry as a bearer token. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]{1,4096}$/.test(text);
}

/**
 * A field of sidecar.yaml that holds a secret or a reference to one, judged on the tree: messages here never show a value.
 * undefined when it is absent, or after a problem.
 */
export function secretAt(
  root: YamlNode,
  path: FieldPath,
  resolveSecret: SecretResolver,
  judge: (text: string) => SecretFault | undefined,
  problems: ProblemList,
): string | undefined {
  const node = nodeAt(root, path);
  if (node === undefined) return undefined;
  const refuse = (
    message: string,
    suggestion: string,
    code: 'config.invalid' | 'config.secret_missing' = 'config.invalid',
  ): undefined => {
    problems.add(code, path, offsetAt(root, path), `${fieldName(path)} ${message}`, suggestion);
    return undefined;
  };
  const field = String(path.at(-1));
  const reference = `Write \`${field}: \${file:/run/secrets/${field}}\` or \${env:NAME}.`;
  if (node.kind !== 'scalar' || node.value === null) return refuse('is no text', reference);
  const expanded = expandSecrets(node.source, resolveSecret);
  if ('unknown' in expanded) return refuse('holds a ${…} that is neither ${env:NAME} nor ${file:/path}', reference);
  if ('missing' in expanded) {
    const { missing } = expanded;
    const what =
      missing.from === 'env' ? `the environment variable ${missing.name}` : `the file ${quoted(missing.path)}`;
    return refuse(
      `comes from ${what}, which is not there or empty`,
      'Set it before the start.',
      'config.secret_missing',
    );
  }
  const fault = judge(expanded.text);
  return fault === undefined ? expanded.text : refuse(fault.message, fault.suggestion);
}
