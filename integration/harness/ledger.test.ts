import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlainRecord } from '../cluster/client.ts';
import { Ledger, type LedgerRecords } from './ledger.ts';
import { MetricSample } from './metric-sample.ts';
import { ID_HEADER } from './spec.ts';

/* The checker can fail: each fault a transform may have is put in front of it. */

interface Plan {
  readonly id?: string;
  readonly topic?: string;
  readonly partition?: number;
  readonly headers?: readonly (readonly [string, string])[];
}

/** Records of one topic, offsets counted by partition. */
function records(topic: string, plans: readonly Plan[]): PlainRecord[] {
  const next = new Map<number, number>();
  return plans.map(({ id, partition = 0, headers = [] }) => {
    const offset = next.get(partition) ?? 0;
    next.set(partition, offset + 1);
    const own: [string, string][] = id === undefined ? [] : [[ID_HEADER, id]];
    return {
      ...{ topic, partition, offset, timestamp: 0, key: null, value: null },
      headers: [...own, ...headers].map(([name, text]): [string, Buffer] => [name, Buffer.from(text)]),
    };
  });
}

const ids = (...names: readonly string[]): Plan[] => names.map((id) => ({ id }));
const letter = (id: string, code: string): Plan => ({ id, headers: [['streamline.error.code', code]] });

function ledger(parts: { inputs?: Plan[]; outputs?: Plan[]; deadLetters?: Plan[] }): Ledger {
  const all: LedgerRecords = {
    inputs: records('in', parts.inputs ?? ids('a', 'b', 'c')),
    outputs: records('out', parts.outputs ?? []),
    deadLetters: records('dlq', parts.deadLetters ?? []),
  };
  return new Ledger(all);
}

const fates = (expected: Record<string, 'output' | 'dropped' | string[]>) => (entry: { id: string }) =>
  expected[entry.id] ?? 'output';

test('finds nothing wrong where nothing is', () => {
  const fine = ledger({ outputs: ids('a'), deadLetters: [letter('b', 'guest.trap')] });
  const fate = fates({ b: ['guest.trap', 'guest.out_of_fuel'], c: 'dropped' });
  assert.deepEqual([fine.accountProblems(fate), fine.orderProblems()], [[], []]);
});

test('finds a lost record', () => {
  assert.match(
    ledger({ outputs: ids('a', 'c') })
      .accountProblems(() => 'output')
      .join(),
    /record b.*0 outputs/,
  );
});

test('finds a record that came twice, unless a kill allows it', () => {
  const twice = ledger({ outputs: ids('a', 'b', 'b', 'c') });
  assert.match(twice.accountProblems(() => 'output').join(), /record b.*may come 1 times/);
  assert.deepEqual(
    twice.accountProblems(
      () => 'output',
      ({ id }) => (id === 'b' ? 1 : 0),
    ),
    [],
  );
  assert.throws(() => twice.assertAccounted(() => 'output'), /1 problems/);
});

test('finds a bad record that came out, a good one in the dead letters, and one in both', () => {
  const trap = fates({ b: ['guest.trap'] });
  assert.match(
    ledger({ outputs: ids('a', 'b', 'c') })
      .accountProblems(trap)
      .join(),
    /record b.*should be a dead letter/,
  );
  const good = ledger({ outputs: ids('a', 'b'), deadLetters: [letter('c', 'guest.trap')] });
  assert.match(good.accountProblems(() => 'output').join(), /record c.*should be an output/);
  const both = ledger({ outputs: ids('a', 'b', 'c'), deadLetters: [letter('b', 'guest.trap')] });
  assert.match(both.accountProblems(trap).join(), /record b/);
});

test('finds a wrong code and a dead letter without one', () => {
  const trap = fates({ b: ['guest.trap'] });
  const wrong = ledger({ outputs: ids('a', 'c'), deadLetters: [letter('b', 'guest.timeout')] });
  assert.match(wrong.accountProblems(trap).join(), /guest\.timeout/);
  assert.match(
    ledger({ outputs: ids('a', 'c'), deadLetters: ids('b') })
      .accountProblems(trap)
      .join(),
    /no code/,
  );
});

test('finds a dropped record that came out, and records of nobody', () => {
  const strange = ledger({ outputs: [...ids('a', 'b', 'c', 'x'), {}] });
  const problems = strange.accountProblems(fates({ c: 'dropped' }));
  assert.equal(problems.filter((problem) => problem.startsWith('a stranger')).length, 2);
  assert.match(problems.join(), /record c.*should be dropped/);
});

test('knows a dead letter without its own headers by where it came from', () => {
  const connect = (name: string, text: string): [string, string] => [`__connect.errors.${name}`, text];
  const bare: Plan = { headers: [connect('topic', 'in'), connect('partition', '0'), connect('offset', '1')] };
  const found = ledger({ outputs: ids('a', 'c'), deadLetters: [bare] });
  assert.equal(found.deadLetter('b').topic, 'dlq');
  assert.deepEqual(found.strangers, []);
});

test('finds records out of order, by partition they came from and went to', () => {
  assert.match(
    ledger({ outputs: ids('a', 'c', 'b') })
      .orderProblems()
      .join(),
    /0 → out\/0: 1 after 2/,
  );
  const apart = ledger({ outputs: [{ id: 'c' }, { id: 'a', partition: 1 }, { id: 'b', partition: 1 }] });
  assert.deepEqual(apart.orderProblems(), []);
  const twice = ledger({ outputs: ids('a', 'b', 'b', 'c') });
  assert.match(twice.orderProblems().join(), /1 after 1/);
});

test('allows a step back for each kill, no further than what was committed', () => {
  const again = ledger({ outputs: ids('a', 'b', 'c', 'b', 'c') });
  assert.deepEqual(again.orderProblems([new Map([[0, 1]])]), []);
  assert.match(again.orderProblems([new Map([[0, 2]])]).join(), /1 after 2/);
  const third = ledger({ outputs: ids('a', 'b', 'c', 'b', 'b', 'c') });
  assert.equal(third.orderProblems([new Map([[0, 1]])]).length, 1);
  assert.deepEqual(third.orderProblems([new Map(), new Map([[0, 1]])]), []);
});

test('judges order by the last of each record where they may come again', () => {
  assert.deepEqual(ledger({ outputs: ids('a', 'b', 'c', 'b', 'c') }).lastOrderProblems(), []);
  assert.match(
    ledger({ outputs: ids('a', 'b', 'c', 'b') })
      .lastOrderProblems()
      .join(),
    /2 after|1 after 2/,
  );
});

test('two inputs of one id, or one without, are no ledger', () => {
  assert.throws(() => ledger({ inputs: ids('a', 'a') }), /id a of another/);
  assert.throws(() => ledger({ inputs: [{}] }), /has no id/);
});

test('reads metrics as numbers, with quotes in labels, and refuses what is none', () => {
  const sample = new MetricSample(
    [
      '# HELP x y',
      'streamline_transform_state{transform="a",state="RUNNING"} 1',
      'streamline_transform_state{transform="a",state="FAILED"} 0',
      'n{l="q\\"}"} 2.5',
      'n{l="r"} 1e3',
      '',
    ].join('\n'),
  );
  assert.equal(sample.state('a'), 'RUNNING');
  assert.equal(sample.state('b'), undefined);
  assert.equal(sample.sum('n'), 1002.5);
  assert.equal(sample.sum('n', { l: 'r' }), 1000);
  assert.throws(() => new MetricSample('<html>'), /not a metric/);
});
