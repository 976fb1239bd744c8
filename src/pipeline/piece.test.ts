import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchReader, packBatch } from './packed-batch.ts';
import {
  ALL_FROM_INPUT,
  CONTINUES,
  DEFAULT_TOPIC,
  KIND_FILTERED,
  KIND_OUTPUT,
  ResultReader,
  ResultWriter,
} from './packed-results.ts';
import { cutPieces, keyOf, wholePiece, type CutRules, type Piece } from './piece.ts';
import { record } from './sim/hand-world.ts';

/** One letter a record: o output, f filtered, x failed, r output to topic 0; + another output of the record before, * one to topic 0. */
function results(kinds: string): { reader: ResultReader; segment: { startByte: number; endByte: number } } {
  const writer = new ResultWriter(new SharedArrayBuffer(64));
  let i = -1;
  for (const kind of kinds) {
    if (kind === '+' || kind === '*') {
      writer.plain(i, KIND_OUTPUT, ALL_FROM_INPUT | CONTINUES, kind === '*' ? 0 : DEFAULT_TOPIC, -1, 0);
      continue;
    }
    i += 1;
    if (kind === 'x') writer.failed(i, 'guest.failed', `failed ${i}`, 3);
    else if (kind === 'f') writer.plain(i, KIND_FILTERED, 0, DEFAULT_TOPIC, -1, 1);
    else writer.plain(i, KIND_OUTPUT, ALL_FROM_INPUT, kind === 'r' ? 0 : DEFAULT_TOPIC, -1, 9);
  }
  return { reader: new ResultReader(writer.buffer), segment: { startByte: 0, endByte: writer.byteLength } };
}

const anything: CutRules = { outputFailure: () => undefined, heldKey: () => undefined, alone: () => false };

/** `3o1f@3` = range of 4 records, 3 outputs, 1 filtered, last record 3; `x@2` = failed record 2; `…!k` = waits for k. */
function gist(piece: Piece): string {
  if (piece.kind === 'failed') return `x@${piece.lastRecord}`;
  return `${piece.outputs}o${piece.filtered}f@${piece.lastRecord}${piece.key === undefined ? '' : `!${piece.key}`}`;
}

function cut(kinds: string, rules: Partial<CutRules> = {}): string[] {
  const { reader, segment } = results(kinds);
  return [...cutPieces(reader, segment, { ...anything, ...rules })].map(gist);
}

void test('without failures a segment is one piece', () => {
  assert.deepEqual(cut('oofo'), ['3o1f@3']);
  assert.deepEqual(cut(''), []);
});

void test('a failed record is a piece of its own, what is around it stays together', () => {
  assert.deepEqual(cut('ooxfo'), ['2o0f@1', 'x@2', '1o1f@4']);
  assert.deepEqual(cut('xoxx'), ['x@0', '1o0f@1', 'x@2', 'x@3']);
});

void test('several outputs of a record are one record, and one of them that is refused keeps all of them back', () => {
  assert.deepEqual(cut('o++fo+x'), ['2o1f@2', 'x@3']);
  const refusal = { code: 'route.invalid_topic', message: 'no' } as const;
  const refuse = { outputFailure: (topic: number) => (topic === 0 ? refusal : undefined) };
  assert.deepEqual(cut('oo+*o+', refuse), ['1o0f@0', 'x@1', '1o0f@2']);
  assert.deepEqual(cut('o+o+', { heldKey: (record) => (record === 0 ? 'k' : undefined) }), ['1o0f@0!k', '1o0f@1']);
});

void test('an output that is refused is a failure with the fuel it took; what is dropped has no output to refuse', () => {
  const refusal = { code: 'route.invalid_topic', message: 'no' } as const;
  const { reader, segment } = results('orf');
  const pieces = [
    ...cutPieces(reader, segment, { ...anything, outputFailure: (t) => (t === 0 ? refusal : undefined) }),
  ];
  assert.deepEqual(pieces.map(gist), ['1o0f@0', 'x@1', '0o1f@2']);
  assert.deepEqual(pieces[1]?.kind === 'failed' && pieces[1].failure, { ...refusal, fuelUsed: 9 });
  const asked: [number, number][] = [];
  cut('xfr', { outputFailure: (topic, index) => void asked.push([topic, index]) });
  assert.deepEqual(asked, [[0, 2]]);
});

void test('a failure keeps its code, message and fuel', () => {
  const { reader, segment } = results('x');
  const [piece] = cutPieces(reader, segment, anything);
  assert.ok(piece?.kind === 'failed');
  const { code, message, fuelUsed } = piece.failure;
  assert.deepEqual({ code, message, fuelUsed }, { code: 'guest.failed', message: 'failed 0', fuelUsed: 3 });
});

void test('a record whose key is held up is a piece of its own', () => {
  assert.deepEqual(cut('ofooo', { heldKey: (i) => (i === 1 || i === 2 ? 'k' : undefined) }), [
    '1o0f@0',
    '0o1f@1!k',
    '1o0f@2!k',
    '2o0f@4',
  ]);
});

void test('pieces cover the segment byte by byte', () => {
  const { reader, segment } = results('ooxoofxo');
  let at = segment.startByte;
  let records = 0;
  for (const piece of cutPieces(reader, segment, anything)) {
    records += piece.recordCount;
    if (piece.kind === 'range') {
      assert.ok(piece.startByte >= at);
      at = piece.endByte;
    }
  }
  assert.equal(at, segment.endByte);
  assert.equal(records, 8);
});

void test('cutting is lazy: a key held up because of one piece cuts the pieces after it', () => {
  const held = new Set<number>();
  const { reader, segment } = results('xooo');
  const seen: string[] = [];
  for (const piece of cutPieces(reader, segment, { ...anything, heldKey: (i) => (held.has(i) ? 'k' : undefined) })) {
    seen.push(gist(piece));
    if (piece.kind === 'failed') held.add(2);
  }
  assert.deepEqual(seen, ['x@0', '1o0f@1', '1o0f@2!k', '1o0f@3']);
});

void test('an entry that lies about its length is a bug, not an endless loop', () => {
  for (const length of [0, 8, 44, 0xfffffff8]) {
    const { reader, segment } = results('oo');
    reader.view.setUint32(0, length, true);
    assert.throws(() => [...cutPieces(reader, segment, anything)], { code: 'bug.assertion' });
  }
});

void test('the whole segment as a piece takes the counts as they are', () => {
  const whole = wholePiece({ startByte: 8, endByte: 88, outputs: 1, filtered: 1, failed: 0 }, 2, 5);
  assert.equal(gist(whole), '1o1f@5');
  assert.deepEqual([whole.startByte, whole.endByte, whole.recordCount], [8, 88, 2]);
});

void test('a null key is no key, an empty key is one; keys are told apart byte by byte', () => {
  const keys = [null, '', 'a', 'é'];
  const reader = new BatchReader(packBatch(keys.map((key, i) => record(0, i, key))).buffer);
  const found = keys.map((_, i) => keyOf(reader, i));
  assert.equal(found[0], undefined);
  assert.equal(found[1], '');
  assert.equal(new Set(found).size, 4);
});
