import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from './log.ts';
import { LogTail } from './log-tail.ts';
import { Redaction } from './redaction.ts';

const SECRET = 'hunter2 "quoted"/ü';

test('a secret of the configuration goes wherever it stands, as JSON and as a part of a URL', () => {
  const lines: string[] = [];
  const redaction = new Redaction([SECRET, 'hunter2', 'short']);
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLog({ level: 'info', destination, redaction, tail: new LogTail() });
  log
    .child({ transform: 't' })
    .info({ err: `no luck with ${SECRET}`, list: [{ deep: SECRET }], short: 'short' }, `said ${SECRET}`);
  log.warn({}, `at https://h/?p=${encodeURIComponent(SECRET)} for hunter2`);
  assert.doesNotMatch(lines.join(''), /hunter2|quoted/);
  assert.equal(lines.length, 2);
  const [first] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual([first?.['msg'], first?.['list'], first?.['short']], ['said ***', [{ deep: '***' }], 'short']);
});

test('what looks like a secret goes too', () => {
  const redaction = new Redaction();
  const cases: readonly [string, string][] = [
    ['{"sasl.password":"x","a":1}', '{"sasl.password":"***","a":1}'],
    ['{"kafka":{"ssl.key.password":"a\\"b"},"msg":"m"}', '{"kafka":{"ssl.key.password":"***"},"msg":"m"}'],
    ['{"readOnlyToken":12345}', '{"readOnlyToken":"***"}'],
    ['{"Authorization":"Bearer abc"}', '{"Authorization":"***"}'],
    ['{"msg":"GET https://user:pass@registry:8081/subjects"}', '{"msg":"GET https://***@registry:8081/subjects"}'],
    ['{"msg":"sent Bearer abcdefghijklmnopqrstuv"}', '{"msg":"sent Bearer ***"}'],
  ];
  for (const [line, shown] of cases) assert.equal(redaction.redact(line), shown);
});

test('what only speaks of one stays', () => {
  const redaction = new Redaction(['123', 'a']);
  const lines = [
    '{"configPath":"/schema_registry/auth/password","msg":"password is missing: write a token, or Basic authentication"}',
    '{"msg":"at http://registry:8081/subjects, mail to a@b.c","code":123}',
  ];
  for (const line of lines) assert.equal(redaction.redact(line), line);
});

test('a line made to be gone through for long is not', () => {
  const redaction = new Redaction(['hunter2']);
  const began = performance.now();
  for (const piece of ['passw', '"passw', '"passw\\"', '://', '://a', 'Bearer ', 'Bearer a', 'hunter']) {
    redaction.redact(`{"msg":"${piece.repeat(20_000)}"}`);
  }
  assert.ok(performance.now() - began < 3000);
});
