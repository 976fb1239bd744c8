import { test } from 'node:test';
import assert from 'node:assert/strict';
import { generate } from '../data/generate.ts';
import { picker } from '../data/pick.ts';
import { seededRng } from '../../src/base/rng.ts';
import { GuestRunner, framed } from './testing/guest-runner.ts';
import { maskCase } from './testing/random-json.ts';

const FIELDS = ['email', 'phone', 'ssn'];
const CONFIG = { fields_to_mask: FIELDS };
const FAILED = 0xffffffff;

/** JSON.parse's view of a masked document. */
function maskedByReference(value: unknown, fields: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => maskedByReference(item, fields));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      typeof inner === 'string' && fields.includes(key) ? '***REDACTED***' : maskedByReference(inner, fields),
    ]),
  );
}

test('masks random documents and leaves every other byte alone', () => {
  const guest = new GuestRunner('mask_pii', CONFIG);
  let masked = 0;
  for (let seed = 1; seed <= 5000; seed += 1) {
    const sample = maskCase(picker(seededRng(seed)), FIELDS);
    const output = guest.output(sample.input);
    assert.equal(output, sample.masked, `seed ${String(seed)}: ${sample.input}`);
    assert.deepEqual(JSON.parse(output), maskedByReference(JSON.parse(sample.input), FIELDS), `seed ${String(seed)}`);
    if (output !== sample.input) masked += 1;
  }
  assert.ok(masked > 500, `only ${String(masked)} documents had something to mask`);
});

test('masks an escaped field name, at any depth, and repeated', () => {
  const guest = new GuestRunner('mask_pii', CONFIG);
  assert.equal(guest.output('{"em\\u0061il":"a@b"}'), '{"em\\u0061il":"***REDACTED***"}');
  assert.equal(guest.output('[[{"a":{"ssn" : "1"}}]]'), '[[{"a":{"ssn" : "***REDACTED***"}}]]');
  assert.equal(guest.output('{"email":"a","email":"b"}'), '{"email":"***REDACTED***","email":"***REDACTED***"}');
});

test('takes field names with escapes and unicode from its config', () => {
  const guest = new GuestRunner('mask_pii', { fields_to_mask: ['na"me', 'naïve', '🚀'] });
  assert.equal(guest.output('{"na\\"me":"x","na\\u00efve":"y","\\ud83d\\ude80":"z"}').match(/REDACTED/g)?.length, 3);
});

test('does not touch numbers, null, arrays or objects of a masked name', () => {
  const guest = new GuestRunner('mask_pii', CONFIG);
  const value = '{"phone":5285.90,"email":null,"ssn":12345678901234567890,"x":{"email":["a@b"],"phone":{"n":1}}}';
  assert.equal(guest.transform(value), 'unchanged');
});

test('keeps the key, also a null one', () => {
  const guest = new GuestRunner('mask_pii', CONFIG);
  const masked = '{"email":"***REDACTED***"}';
  assert.deepEqual(guest.transform('{"email":"a"}', 'user-ü'), { key: 'user-ü', value: masked });
  assert.deepEqual(guest.transform('{"email":"a"}', null), { key: null, value: masked });
  assert.deepEqual(guest.transform('{"email":"a"}', ''), { key: '', value: masked });
});

const NOT_JSON = [
  '', ' ', '{', '{"email":"a@b"', '{"email":"a@b"}}', '{"email":"a@b"} x', "{'email':'a'}", '{"email":"a",}', '[1,]', '[,1]', '{"a"}',
  '{"a":}', '{a:1}', '01', '1.', '.5', '-', '+1', '1e', '0x1', 'nul', 'nulll', 'NaN', '"a', '"\\x"', '"\\u12g4"', '"\\u12', '"\n"', '[1 2]',
  '{"a":1 "b":2}', ']', '{]', '[}', '\ufeff{}', '{"email":"a@b","x":tru}', '{"email"\u00a0:"a"}',
]; // prettier-ignore

test('fails what is not JSON: nothing leaves unmasked', () => {
  const guest = new GuestRunner('mask_pii', CONFIG);
  for (const value of NOT_JSON) {
    assert.throws(() => JSON.parse(value), `the test is wrong: ${value} is JSON`);
    assert.equal(guest.transform(value), 'failed', value);
  }
});

test('agrees with JSON.parse on what is JSON, one changed byte at a time', () => {
  const guest = new GuestRunner('mask_pii', CONFIG);
  const pick = picker(seededRng(7));
  const bytes = Array.from('"\\{}[],:0123456789.eE+-truefalsn \t\nxu');
  let invalid = 0;
  for (let seed = 1; seed <= 5000; seed += 1) {
    const { input } = maskCase(picker(seededRng(seed)), FIELDS);
    const at = pick.int(0, input.length - 1);
    const value = (input.slice(0, at) + pick.of(bytes) + input.slice(at + pick.int(0, 1))).toWellFormed();
    let parses = true;
    try {
      JSON.parse(value);
    } catch {
      parses = false;
      invalid += 1;
    }
    assert.equal(guest.transform(value) !== 'failed', parses, `seed ${String(seed)}: ${value}`);
  }
  assert.ok(invalid > 1000);
});

test('on_invalid: pass lets it through, as the design’s example does', () => {
  const guest = new GuestRunner('mask_pii', { ...CONFIG, on_invalid: 'pass' });
  for (const value of NOT_JSON) assert.equal(guest.transform(value), 'unchanged', value);
});

test('refuses a config that masks nothing or has a typo', () => {
  const refused = [
    {}, { fields_to_mask: [] }, { fields_to_mask: 'email' }, { fields_to_mask: [1] }, { field_to_mask: ['email'] }, [], null,
    { ...CONFIG, on_invalid: 'ignore' }, { ...CONFIG, on_invalid: true }, { fields_to_mask: ['x'.repeat(257)] },
    { fields_to_mask: Array.from({ length: 65 }, (_, i) => `f${String(i)}`) },
  ]; // prettier-ignore
  for (const config of refused)
    assert.equal(new GuestRunner('mask_pii', config).accepted, false, JSON.stringify(config));
  assert.equal(new GuestRunner('mask_pii', CONFIG).accepted, true);
});

test('stays within its limits: deep nesting, short frames, an output that does not fit', () => {
  const guest = new GuestRunner('mask_pii', CONFIG);
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  assert.equal(guest.transform(nested(512)), 'unchanged');
  assert.equal(guest.transform(nested(513)), 'failed');
  assert.equal(guest.rawTransform(Buffer.alloc(0)), FAILED);
  assert.equal(guest.rawTransform(Buffer.from([9, 0, 0, 0, 1, 2])), FAILED);
  const small = new GuestRunner('mask_pii', CONFIG, 1024);
  const many = `[${Array(60).fill('{"ssn":""}').join(',')}]`;
  assert.equal(small.transform(many), 'failed');
  assert.equal(small.transform('{"ssn":""}') === 'failed', false);
});

test('masks the raw events of the demo, and fails its malformed ones', () => {
  const guest = new GuestRunner('mask_pii', CONFIG);
  for (const record of generate('raw-events', 1, 3000)) {
    if (record.value === null) continue;
    const answer = guest.transform(record.value, record.key);
    if (record.fate === 'dead_letter') {
      assert.equal(answer, 'failed', record.value);
      continue;
    }
    assert.ok(typeof answer === 'object');
    assert.equal(answer.key, record.key);
    assert.doesNotMatch(answer.value, /@|u0040|555-|"9\d\d-\d\d-/);
    assert.deepEqual(JSON.parse(answer.value), maskedByReference(JSON.parse(record.value), FIELDS));
  }
});

test('the guest of the design document, as printed: values only, top-level fields, keys sorted', () => {
  const guest = new GuestRunner('mask_pii_seed', CONFIG);
  assert.equal(
    guest.transformValue('{"z":1,"email":"a@b","a":{"email":"kept"}}'),
    '{"a":{"email":"kept"},"email":"***REDACTED***","z":1}',
  );
  assert.equal(guest.transformValue('not json'), 'not json');
  assert.equal(framed(null, 'x').length, 5);
});
