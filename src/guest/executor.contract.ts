import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import type { DistributionView } from '../pipeline/distribution.ts';
import { headersByteLength } from '../pipeline/packed-batch.ts';
import { ResultReader } from '../pipeline/packed-results.ts';
import { latencyQuantileNs } from '../pipeline/transformation-stats.ts';
import type { Executor, WorkResult } from '../pipeline/ports.ts';
import type { GuestSource } from './batch-runner.ts';
import type { GuestStats } from './guest-stats.ts';
import type { GuestLogLine } from './host-functions/log-buffer.ts';
import { batchOf, fixtureSource, gist, outcomes, type Fixture, type TestRecord } from './testing/fixture.ts';

export interface TestedExecutor extends Executor {
  start(): Promise<void>;
  stats(): GuestStats;
}

export type OpenExecutor = (source: GuestSource, onLog: (lines: readonly GuestLogLine[]) => void) => TestedExecutor;

/** What any executor must do. Each implementation has a test file that calls this. */
export function executorContract(name: string, open: OpenExecutor): void {
  const withExecutor = async <T>(
    source: GuestSource,
    use: (executor: TestedExecutor, lines: GuestLogLine[]) => Promise<T>,
  ): Promise<T> => {
    const lines: GuestLogLine[] = [];
    const executor = open(source, (added) => lines.push(...added));
    try {
      await executor.start();
      return await use(executor, lines);
    } finally {
      await executor.close();
    }
  };
  const run = (records: readonly (TestRecord | string)[], source = fixtureSource()): Promise<WorkResult> =>
    withExecutor(source, (executor) => executor.execute(batchOf(records)));

  void suite(`executor contract: ${name}`, () => {
    void test('passes through, maps, filters and keeps the order', async () => {
      const result = await run(['pass', 'map me', 'f', 'pass', 'map two']);
      assert.deepEqual(gist(result), ['input', 'MAP ME', 'filtered', 'input', 'MAP TWO']);
      assert.deepEqual(
        outcomes(result).map(({ record }) => record),
        [0, 1, 2, 3, 4],
      );
      const [segment] = result.segments;
      assert.deepEqual([segment?.outputs, segment?.filtered, segment?.failed], [4, 1, 0]);
    });

    void test('sums up the fuel of every record', async () => {
      await withExecutor(fixtureSource(), async (executor) => {
        assert.equal(executor.stats().fuel.sum, 0);
        const result = await executor.execute(batchOf(['map a', 'map b', 'pass']));
        const reader = new ResultReader(result.buffer);
        let expected = 0;
        const end = result.segments.at(-1)?.endByte ?? 0;
        for (let at = 0; at < end; at = reader.next(at)) expected += reader.fuelUsed(at);
        assert.ok(expected > 0);
        assert.equal(executor.stats().fuel.sum, expected);
      });
    });

    void test('answers each partition with a segment of its own', async () => {
      const records = [0, 7, 0, 7, 3].map((partition, i) => ({ partition, value: `m${String(i)}` }));
      const result = await run(records);
      assert.deepEqual(gist(result), ['M0', 'M2', 'M1', 'M3', 'M4']);
      assert.deepEqual(
        result.segments.map(({ outputs }) => outputs),
        [2, 2, 1],
      );
      assert.equal(result.segments[0]?.endByte, result.segments[1]?.startByte);
    });

    void test('routes by name, each name once, and leaves the topic to the spec for 0; it sees the output', async () => {
      const result = await run(['reu', 'rus', 'plain', 'reu', 'map']);
      assert.deepEqual(
        outcomes(result).map(({ topic }) => topic),
        ['eu', 'us', undefined, 'eu', 'meta'],
      );
      assert.deepEqual(result.topics, ['eu', 'us', 'meta']);
    });

    for (const fixture of ['chameleon', 'chameleon-alloc'] as Fixture[]) {
      void test(`${fixture}: keys null, empty and long, headers, and sizes round every word`, async () => {
        const headers = [{ name: 'h', value: Buffer.from('v') }];
        const records: TestRecord[] = [
          { key: null, value: 'map', headers },
          { key: '', value: 'map' },
        ];
        for (let i = 0; i < 600; i += 7) records.push({ key: 'k'.repeat(i % 9), value: `m${'x'.repeat(i)}` });
        const found = outcomes(await run(records, fixtureSource({}, fixture)));
        assert.deepEqual(
          found.map(({ key, value }) => [key, value]),
          records.map(({ key, value }) => [key, value?.toUpperCase()]),
        );
        assert.ok(found.every(({ headers: from }) => from === 'input'));
      });

      void test(`${fixture}: hands over exactly the frame`, async () => {
        const [found] = outcomes(await run([{ key: 'ab', value: 'hello' }], fixtureSource({}, fixture)));
        assert.equal(found?.value, '\u0002\u0000\u0000\u0000abhello');
        const records = [{ key: 'ab', value: 'hello' }, { value: 'h' }, { value: 'm' }];
        const [, short] = outcomes(await run(records, fixtureSource({}, fixture)));
        assert.equal(short?.value?.length, 5, 'nothing of the record before or after');
      });

      void test(`${fixture}: input buffer grows with the input, to the memory's limit`, async () => {
        const large = `m${'y'.repeat(200_000)}`;
        const source = fixtureSource({}, fixture);
        const result = await run(['map', large, 'map', `m${'z'.repeat(3_000_000)}`, large], source);
        assert.deepEqual(gist(result), ['MAP', large.toUpperCase(), 'MAP', 'record.too_large', large.toUpperCase()]);
        assert.match(outcomes(result)[3]?.message ?? '', /max_memory_mb/);
      });
    }

    void test('a trap in the midst of a batch costs that record and its instance only', async () => {
      const result = await run(['c', 'c', 't', 'c', 'map']);
      assert.deepEqual(gist(result), ['1', '2', 'guest.trap', '1', 'MAP']);
      assert.match(outcomes(result)[2]?.message ?? '', /^transform\(\): /);
    });

    const faults: readonly (readonly [string, string, string])[] = [
      ['out of fuel', 's', 'guest.out_of_fuel'],
      ['out of fuel by host calls alone', 'H', 'guest.out_of_fuel'],
      ['output length past the buffer', 'l', 'guest.abi_violation'],
      ['key length past the output', 'k', 'guest.abi_violation'],
      ['output too short for a key length', 'j', 'guest.abi_violation'],
      ['topic length past the buffer', 'n', 'guest.abi_violation'],
      ['topic name Kafka would not take', 'o', 'route.invalid_topic'],
      ['stack overflow', 'd', 'guest.stack_overflow'],
      ['all memory taken', 'b', 'guest.trap'],
      ['write past the output buffer', 'w', 'guest.trap'],
      ['env.abort', 'a', 'guest.aborted'],
      ['proc_exit', 'e', 'guest.aborted'],
    ];
    for (const [fault, value, code] of faults) {
      void test(`${fault}: ${code}, and a fresh instance after it`, async () => {
        const source = fixtureSource({ timeoutMs: 60 });
        const result = await run(['c', 'map', value, 'c', 'map'], source);
        assert.deepEqual(gist(result), ['1', 'MAP', code, '1', 'MAP']);
      });
    }

    void test('a guest that answers that it failed keeps its instance', async () => {
      assert.deepEqual(gist(await run(['c', 'x', 'c'])), ['1', 'guest.failed', '3']);
    });

    void test('says what an abort or an exit said', async () => {
      const [abort, exit] = outcomes(await run(['a', 'e']));
      assert.match(abort?.message ?? '', /abort: ouch/);
      assert.match(exit?.message ?? '', /exited with code 3/);
    });

    void test('counts fuel, the same for the same record', async () => {
      const [first, other, again, spun] = outcomes(await run(['map', 'map longer', 'map', 's']));
      assert.ok(first !== undefined && first.fuelUsed > 0);
      assert.equal(again?.fuelUsed, first.fuelUsed);
      assert.ok(other !== undefined && other.fuelUsed > first.fuelUsed);
      assert.ok((spun?.fuelUsed ?? 0) > 10 * 5_000_000);
    });

    void test('memory grown by the guest leaves no stale view', async () => {
      assert.deepEqual(gist(await run(['ga', 'map', 'gb', 'map'])), ['ga', 'MAP', 'gb', 'MAP']);
    });

    void test('an output of any size up to the limit, results growing as needed', async () => {
      const sizes = [0, 1, 2, 3, 5, 511, 513, 65_536, 262_140];
      const result = await run(sizes.map((size) => `B${String(size)}`));
      assert.deepEqual(
        gist(result),
        sizes.map((size) => 'B'.repeat(size)),
      );
      const many = await run(Array.from({ length: 40 }, () => 'B100000'));
      assert.deepEqual(
        outcomes(many).map(({ value }) => value?.length),
        Array.from({ length: 40 }, () => 100_000),
      );
    });

    void test('a log flood is cut to the rate, counted, and ends in lines that cannot forge others', async () => {
      await withExecutor(fixtureSource({ timeoutMs: 1000 }), async (executor, lines) => {
        const result = await executor.execute(
          batchOf(['v one\u001b[31m\ntwo', `v${'w'.repeat(100)}`, 'V', 'L', 'pass']),
        );
        assert.deepEqual(gist(result), ['input', 'input', 'input', 'input', 'input']);
        assert.deepEqual(lines.slice(0, 3), [
          { level: 'warn', text: 'v one two' },
          { level: 'warn', text: `v${'w'.repeat(63)}…` },
          { level: 'warn', text: 'streamline.log: the line lies outside of the memory' },
        ]);
        assert.equal(lines.length, 10);
        assert.equal(executor.stats().logLinesDropped, 100_003 - 10);
      });
    });

    void test('WASI: stdout is a log line, no file opens, a pointer that lies is answered', async () => {
      await withExecutor(fixtureSource(), async (executor, lines) => {
        const result = await executor.execute(batchOf(['i say', 'q', 'R']));
        assert.deepEqual(gist(result), ['6', '8', '21']);
        assert.deepEqual(lines, [{ level: 'info', text: 'i say' }]);
      });
    });

    void test("metadata is the record's, and so is the wall clock", async () => {
      const [found] = outcomes(await run([{ value: 'M', partition: 5, offset: 2 ** 40, timestampMs: 1234 }]));
      assert.equal(found?.value, `input 5 ${String(2 ** 40)} 1234 1234`);
    });

    void test('tombstones: forwarded, dropped, or handed over', async () => {
      const records: TestRecord[] = [{ key: 'k', value: null }, { value: 'map' }];
      const forward = outcomes(await run(records));
      assert.deepEqual([forward[0]?.key, forward[0]?.value, forward[0]?.fuelUsed], ['input', 'input', 0]);
      assert.deepEqual(gist(await run(records, fixtureSource({ tombstones: 'drop' }))), ['filtered', 'MAP']);
      const handed = outcomes(await run(records, fixtureSource({ tombstones: 'transform' })));
      assert.equal(handed[0]?.value, 'input');
      assert.ok(handed[0].fuelUsed > 0);
    });

    void test('partition: input keeps the number, for every kind', async () => {
      const records = ['pass', 'map'].map((value) => ({ partition: 9, value }));
      const found = outcomes(await run(records, fixtureSource({ partition: 'input' })));
      assert.deepEqual(
        found.map(({ partition }) => partition),
        [9, 9],
      );
    });

    void test('init: what it refuses, how it fails, and that the failure names the reason', async () => {
      const refusal = async (configJson: string, fixture: Fixture = 'chameleon'): Promise<StreamlineError> => {
        try {
          await run(['pass'], fixtureSource({ configJson }, fixture));
        } catch (thrown) {
          assert.ok(thrown instanceof StreamlineError);
          return thrown;
        }
        return assert.fail('init was accepted');
      };
      assert.equal((await refusal('{"x":"syno"}')).code, 'guest.init_rejected');
      const trap = await refusal('{"x":"trap"}');
      assert.deepEqual([trap.code, trap.message.startsWith('init(): unreachable')], ['guest.init_failed', true]);
      const spin = await refusal('{"x":"spin"}');
      assert.deepEqual([spin.code, /out of fuel/.test(spin.message)], ['guest.init_failed', true]);
      const greedy = await refusal('{"x":"gmem"}');
      assert.deepEqual([greedy.code, greedy.configPath], ['guest.init_failed', '/max_memory_mb']);
      const lying = await refusal('{}', 'chameleon-lying-alloc');
      assert.deepEqual([lying.code, /alloc/.test(lying.message)], ['guest.init_failed', true]);
    });

    void test('builtins pass everything, and logging shows no value', async () => {
      const records: TestRecord[] = [
        { key: 'k', value: 'secret', partition: 3 },
        { value: null, partition: 3 },
      ];
      for (const builtin of ['builtin:pass-through', 'builtin:logging', 'builtin:metrics']) {
        const source = {
          config: fixtureSource({ builtin, limits: { logLineBytesMax: 512 } }).config,
          module: undefined,
        };
        await withExecutor(source, async (executor, lines) => {
          const result = await executor.execute(batchOf(records));
          assert.deepEqual(gist(result), ['input', 'input'], builtin);
          if (builtin !== 'builtin:logging') return;
          assert.equal(lines.length, 2);
          assert.match(lines[0]?.text ?? '', /partition=3 offset=100 .*key="k" value_bytes=6/);
          assert.ok(!JSON.stringify(lines).includes('secret'));
        });
      }
      const config = fixtureSource({ builtin: 'builtin:metrics', configJson: '{"interval":1}' }).config;
      await assert.rejects(run(['x'], { config, module: undefined }), { code: 'guest.init_rejected' });
    });

    void test('an empty batch is answered', async () => {
      const { elapsedMs = -1, ...result } = await run([]);
      assert.deepEqual(result, { buffer: new SharedArrayBuffer(256 * 1024), segments: [], topics: [] });
      assert.ok(elapsedMs >= 0);
    });

    void test('results of one batch after the other, released or not, do not mix', async () => {
      await withExecutor(fixtureSource(), async (executor) => {
        const kept = await executor.execute(batchOf(['map a', 'rx']));
        for (let i = 0; i < 5; i += 1) {
          const result = await executor.execute(batchOf([`map ${String(i)}`, 'ry']));
          assert.deepEqual(gist(result), [`MAP ${String(i)}`, 'input']);
          assert.deepEqual(result.topics, ['meta', 'y']);
          executor.release(result);
        }
        assert.deepEqual(gist(kept), ['MAP A', 'input']);
        assert.deepEqual(kept.topics, ['meta', 'x']);
      });
    });

    void test('stats count every record, and every instance replaced', async () => {
      await withExecutor(fixtureSource(), async (executor) => {
        await executor.execute(batchOf(['map', 't', 'map', 't', 'map']));
        const { latency, fuel, instanceRestarts, instances } = executor.stats();
        const records = ({ counts }: DistributionView): number => Array.from(counts).reduce((sum, n) => sum + n, 0);
        assert.deepEqual([records(latency), records(fuel)], [5, 5]);
        assert.ok(latencyQuantileNs(latency.counts, 0.5) > 0);
        assert.ok(latency.sum > 0);
        assert.equal(instanceRestarts, 2);
        assert.deepEqual(instances, { starting: 0, idle: 1, busy: 0 });
      });
    });

    void test('stats count the bytes of records and of outputs, what an output has from its input too', async () => {
      await withExecutor(fixtureSource(), async (executor) => {
        const headers = [{ name: 'n', value: Buffer.from('vv') }];
        await executor.execute(
          batchOf([{ key: 'key', value: 'map' }, { key: 'key', value: 'pass', headers }, 'f', 't']),
        );
        const { inputBytes, outputBytes } = executor.stats();
        const passed = 'keypass'.length + headersByteLength(headers);
        assert.deepEqual([inputBytes, outputBytes], ['keymap'.length + passed + 2, 'keyMAP'.length + passed]);
      });
    });

    void test('metrics a guest keeps are summed up, over instances too; what is no metric ends the call', async () => {
      await withExecutor(fixtureSource(), async (executor) => {
        const result = await executor.execute(
          batchOf(['Emhits=2;gsize=7', 't', 'Emhits=3;gsize=9', 'EmBad name=1', 'EMhits', `Em${'x'.repeat(65)}=1`]),
        );
        const aborted = 'guest.aborted';
        assert.deepEqual(gist(result), ['input', 'guest.trap', 'input', aborted, aborted, aborted]);
        const { counters, gauges } = executor.stats().guestMetrics;
        assert.deepEqual(
          [...counters, ...gauges],
          [
            ['hits', 5],
            ['size', 9],
          ],
        );
      });
    });

    void test('a transform names 64 metrics, counters and gauges together; beyond that they are not counted, and the log says so once', async () => {
      const source = fixtureSource({ limits: { logLineBytesMax: 200 } });
      await withExecutor(source, async (executor, lines) => {
        const records = Array.from({ length: 67 }, (_, i) => `E${i % 2 === 0 ? 'm' : 'g'}name_${i}=1`);
        for (const again of [1, 2]) {
          const result = gist(await executor.execute(batchOf(records)));
          assert.ok(result.every((found) => found === 'input'));
          const { counters, gauges } = executor.stats().guestMetrics;
          assert.deepEqual([counters.size, gauges.size, counters.get('name_62')], [34, 30, again]);
        }
        const found = lines.map(({ text }) => text);
        assert.deepEqual(found, ['metric name_61 is not counted: a transform names at most 64']);
      });
    });

    void test('a closed executor refuses work', async () => {
      const executor = open(fixtureSource(), () => undefined);
      await executor.start();
      await executor.close();
      await executor.close();
      await assert.rejects(executor.execute(batchOf(['map'])), { code: 'guest.closed' });
    });
  });
}
