import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { JSON_SCHEMAS } from './json-schema.ts';

test('the published schemas are those of the code', () => {
  for (const [name, text] of Object.entries(JSON_SCHEMAS)) {
    const published = readFileSync(join(import.meta.dirname, '../../schema', name), 'utf8');
    assert.equal(published, text(), `schema/${name} is old: run node scripts/write-schemas.ts`);
  }
});

test('every field has a description, for editors and for error messages', () => {
  for (const [name, text] of Object.entries(JSON_SCHEMAS)) {
    const check = (schema: Readonly<Record<string, unknown>>, path: string): void => {
      for (const [field, inner] of Object.entries(
        (schema['properties'] ?? {}) as Record<string, Record<string, unknown>>,
      )) {
        assert.ok(typeof inner['description'] === 'string', `${name} ${path}/${field}`);
        check(inner, `${path}/${field}`);
      }
    };
    check(JSON.parse(text()) as Record<string, unknown>, '');
  }
});
