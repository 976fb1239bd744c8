import assert from 'node:assert/strict';
import { test } from 'node:test';
import transform, { masked } from '../src/transform.js';
import { Trial } from '../streamline/trial.js';

test('an address keeps its first letter and its domain', () => {
  assert.equal(masked('ada@example.com'), 'a***@example.com');
  assert.equal(masked('"a@b"@example.com'), '"***@example.com');
  for (const text of ['unknown', '@example.com', '']) assert.equal(masked(text), '***');
});

test('fields of the config are masked, at any depth', () => {
  const trial = new Trial(transform, { fields: ['contact'] });
  const [output] = trial.run({ key: 'k', value: '{"contact": ["ada@example.com"], "email": "b@c.d", "n": 1.50}' });
  assert.equal(output.key, 'k');
  assert.equal(output.value, '{"contact": ["a***@example.com"], "email": "b@c.d", "n": 1.50}');
  assert.equal(trial.counters.get('masked'), 1);
});

test('what is no JSON fails', () => {
  assert.throws(() => new Trial(transform).run('email=a@b'), /no JSON/);
});

test('a config that it does not know is refused', () => {
  assert.throws(() => new Trial(transform, { field: 'email' }), /unknown field field/);
  assert.throws(() => new Trial(transform, { fields: 'email' }), /list of names/);
});
