import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate, SAMPLE_MIX, SAMPLE_TOPICS, type SampleRecord } from './generate.ts';

const parses = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

for (const topic of SAMPLE_TOPICS) {
  test(`${topic}: the committed sample is what the generator makes`, () => {
    const lines = readFileSync(join(import.meta.dirname, `${topic}.sample.jsonl`), 'utf8').trimEnd().split('\n');
    const records = [...generate(topic, 1, 20, SAMPLE_MIX)];
    assert.deepEqual(
      lines.map((line) => JSON.parse(line) as SampleRecord),
      records.map((record) => JSON.parse(JSON.stringify(record)) as SampleRecord),
    );
  });

  test(`${topic}: the same seed gives the same records, another seed others`, () => {
    const text = (seed: number): string => JSON.stringify([...generate(topic, seed, 200)]);
    assert.equal(text(5), text(5));
    assert.notEqual(text(5), text(6));
  });

  test(`${topic}: of every kind some, and each is what it is called`, () => {
    const records = [...generate(topic, 3, 3000)];
    const kinds = new Set(records.map((record) => record.kind));
    assert.ok(kinds.has('tombstone') && kinds.has('malformed') && kinds.has('plain'));
    assert.equal(kinds.has('spin') && kinds.has('trap'), topic === 'device-events');
    assert.ok(records.some((record) => record.key === null) && records.some((record) => record.headers.length > 0));
    for (const record of records) {
      assert.equal(record.value === null, record.kind === 'tombstone');
      if (record.value !== null) assert.equal(parses(record.value), record.kind !== 'malformed', record.value);
    }
    const plain = records.filter((record) => record.kind === 'plain').map((record) => record.value ?? '');
    assert.ok(plain.some((value) => /:\d{20}[,}]/.test(value)) || topic === 'api-logs');
    assert.ok(plain.some((value) => /:\d+\.\d0[,}]/.test(value)));
  });
}
