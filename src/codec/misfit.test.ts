import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Misfit, within } from './misfit.ts';

test('a misfit tells its place from the outside in', () => {
  const misfit = new Misfit('record.schema_mismatch', 'expected a string, found null');
  assert.equal(misfit.describe(), 'expected a string, found null');
  assert.equal(misfit.path, '$');
  misfit.within(3).within('tags').within('a b').within('"\n').within('_user1');
  assert.equal(misfit.path, '$._user1["\\"\\n"]["a b"].tags[3]');
  assert.match(misfit.describe(), /^\$\._user1.*\.tags\[3\]: expected a string, found null$/);
  assert.equal(misfit.code, 'record.schema_mismatch');
});

test('only misfits have a path: anything else is passed on as it is', () => {
  const other = new RangeError('too deep');
  assert.equal(within(other, 'a'), other);
  const misfit = new Misfit('record.malformed', 'x');
  assert.equal(within(misfit, 'a'), misfit);
  assert.equal(misfit.path, '$.a');
});

test('a misfit has no stack, and leaves others theirs', () => {
  const { stackTraceLimit } = Error;
  assert.equal(new Misfit('record.malformed', 'x').stack?.includes('\n'), false);
  assert.equal(Error.stackTraceLimit, stackTraceLimit);
});
