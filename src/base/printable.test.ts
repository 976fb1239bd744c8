import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable } from './printable.ts';

test('sequences of a terminal go as a whole', () => {
  const cases: readonly [string, string][] = [
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u001b[2J\u001b[1;1Hgone', 'gone'],
    ['\u009b31mred', 'red'],
    ['\u001b]0;title\u0007text', 'text'],
    ['\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\', 'link'],
    ['\u001bPdevice\u001b\\control', 'control'],
    ['\u001bcreset', 'reset'],
    ['\u001b(Bset', 'set'],
    ['no end \u001b]0;title', 'no end 0;title'],
    ['\u001b[31', '31'],
    ['\u001b', ''],
  ];
  for (const [text, shown] of cases) assert.equal(printable(text), shown, JSON.stringify(text));
});

test('no text makes a second line, turns its direction or hides', () => {
  assert.equal(printable('a\r\n{"level":"error"}\u2028b\u0085c\u0000'), 'a {"level":"error"} b c');
  assert.equal(printable('user\u202egpj.exe\u202c and \u2066x\u2069'), 'user gpj.exe  and  x');
  assert.equal(printable('p\u200ba\u2060s\ufeffs\u00ad\u{e0041}'), 'p a s s');
});

test('what people write stays as it is', () => {
  for (const text of ['Zoë, 東京, שלום, نمی\u200cخواهم', '👩‍👩‍👧 ok', 'a  b [31m \\u001b'])
    assert.equal(printable(text), text);
});

test('a long text of beginnings is gone through once', () => {
  const began = performance.now();
  for (const piece of ['\u001b', '\u001b[', '\u001b]', '\u001b[0;', '\u001b]8;;', '\u009d', '\u009d;'])
    printable(piece.repeat(200_000));
  assert.ok(performance.now() - began < 5000);
});
