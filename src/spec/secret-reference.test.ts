import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandSecrets, isOneReference } from './secret-reference.ts';
import type { SecretReference } from './secret-reference.ts';

const secrets: Readonly<Record<string, string>> = { USER: 'ann', NESTED: '${env:USER}', EMPTY: '', '/run/key': 'k' };
const resolve = (reference: SecretReference) => secrets[reference.from === 'env' ? reference.name : reference.path];

test('references are replaced once, everything else stays', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['plain', { text: 'plain', references: 0 }],
    ['${env:USER}', { text: 'ann', references: 1 }],
    ['u="${env:USER}" k=${file:/run/key};', { text: 'u="ann" k=k;', references: 2 }],
    ['${env:NESTED}', { text: '${env:USER}', references: 1 }],
    ['$${env:USER}', { text: '${env:USER}', references: 0 }],
    ['$USER {x} $', { text: '$USER {x} $', references: 0 }],
    ['${env:GONE}', { missing: { from: 'env', name: 'GONE' } }],
    ['${env:EMPTY}', { missing: { from: 'env', name: 'EMPTY' } }],
    ['${file:/gone}', { missing: { from: 'file', path: '/gone' } }],
    ['${file:relative}', { unknown: '${file:relative}' }],
    ['${ENV:USER}', { unknown: '${ENV:USER}' }],
    ['${env:a b}', { unknown: '${env:a b}' }],
    ['${env:USER', { unknown: '${env:USER' }],
    ['${}', { unknown: '${}' }],
  ];
  for (const [raw, expected] of cases) assert.deepEqual(expandSecrets(raw, resolve), expected, raw);
});

test('only a lone reference may be shown in place of a password', () => {
  assert.ok(isOneReference('${env:P}') && isOneReference('${file:/run/p}'));
  assert.ok(!isOneReference('x${env:P}') && !isOneReference('${env:P}${env:P}') && !isOneReference('hunter2'));
});
