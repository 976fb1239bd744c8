import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSpec } from './parse-spec.ts';

function problemsOf(text: string): (string | undefined)[][] {
  const outcome = parseSpec(text, 'a.yaml');
  assert.ok('errors' in outcome);
  return outcome.errors.map(({ code, configPath }) => [code, configPath]);
}

test('a misspelt field is told once, not as a missing one too; what else is missing is told', () => {
  const names = 'name: a\noutput_topic: o\n';
  assert.deepEqual(problemsOf(`${names}input_topic: i\nwasm_modul: builtin:pass-through\n`), [
    ['spec.unknown_field', '/wasm_modul'],
  ]);
  assert.deepEqual(problemsOf(`${names}input_topics: i\n`), [
    ['spec.missing_field', '/wasm_module'],
    ['spec.unknown_field', '/input_topics'],
  ]);
});
