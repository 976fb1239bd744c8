import type { Pick } from '../../data/pick.ts';

/** Random JSON text of every shape, and what a masking guest must make of it, told apart while it is written. */
export interface MaskCase {
  readonly input: string;
  readonly masked: string;
}

const MASK = '"***REDACTED***"';
const SPACES = ['', '', '', ' ', '\n', '\t ', '\r\n'];
const NUMBERS = ['0', '-0', '5285.90', '12345678901234567890', '1e5', '-2.50E-3', '0.1', '99999999999999999999.000'];
const STRINGS = [
  '',
  'x',
  'a"b',
  'back\\slash',
  'ünï',
  '山田',
  '🚀',
  'tab\there',
  '{"email":"no"}',
  'email',
  ',:[]{}',
  '\u0001',
];
const NAMES = ['email', 'phone', 'ssn', 'Email', 'emai', 'emails', 'id', '', 'naïve', 'a"b', 'e\\mail', 'x'.repeat(40)];

/** JSON.stringify's text, or the same string with every character as an escape, or with the optional ones. */
function quoted(text: string, pick: Pick): string {
  const style = pick.int(0, 9);
  if (style === 0) {
    const units = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
    return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`;
  }
  return style === 1 ? JSON.stringify(text).replaceAll('/', '\\/') : JSON.stringify(text);
}

/** One document. `fields` are the names whose string values are masked. */
export function maskCase(pick: Pick, fields: readonly string[]): MaskCase {
  let input = '';
  let masked = '';
  const both = (text: string): void => {
    input += text;
    masked += text;
  };
  const space = (): void => both(pick.of(SPACES));
  const many = (open: string, close: string, item: () => void): void => {
    both(open);
    space();
    const count = pick.int(0, 5);
    for (let i = 0; i < count; i += 1) {
      if (i > 0) both(',');
      space();
      item();
      space();
    }
    both(close);
  };
  const value = (depth: number, hidden: boolean): void => {
    const kind = pick.int(0, depth > 5 ? 5 : 9);
    if (kind <= 2) {
      const text = quoted(pick.of(STRINGS), pick);
      input += text;
      masked += hidden ? MASK : text;
    } else if (kind === 3) both(pick.of(NUMBERS));
    else if (kind <= 5) both(pick.of(['true', 'false', 'null']));
    else if (kind === 6) many('[', ']', () => value(depth + 1, false));
    else
      many('{', '}', () => {
        const name = pick.of(NAMES);
        both(quoted(name, pick));
        space();
        both(':');
        space();
        value(depth + 1, fields.includes(name));
      });
  };
  space();
  value(0, false);
  space();
  return { input, masked };
}
