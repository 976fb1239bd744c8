import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Assignment } from '../pipeline/assignment.ts';
import type { OutputRange, RecordSink, RecordSource, Transactions } from '../pipeline/ports.ts';
import type { TopicName } from '../spec/transformation-config.ts';
import { keepPolling, numbered, passThrough, readRecords, watch, type Transport } from './transport.contract.ts';

const TIMEOUT_MS = 10_000;

type TransactionalSink = RecordSink & { readonly transactions: Transactions };

/**
 * What an adapter has to do for exactly once, on a real broker: the mock cluster shows everything to everyone.
 * @param setUp `max.poll.interval.ms` is a few seconds
 * @param narrowTopic makes a topic of one partition that takes 20 kB
 */
export function transactionContract(
  name: string,
  setUp: () => Promise<Transport>,
  narrowTopic: () => Promise<TopicName>,
): void {
  let transport: Transport;
  let names = 0;
  const unique = (): string => `txn-${name.replaceAll(' ', '-')}-${process.pid}-${(names += 1)}`;
  const contract = (title: string, body: () => Promise<void>): void => void test(title, { timeout: 180_000 }, body);

  const started = async (id = unique()): Promise<TransactionalSink> => {
    const sink = transport.createSink({ transactions: { id, timeoutMs: TIMEOUT_MS } });
    assert.ok(sink.transactions !== undefined);
    await sink.start(() => {});
    return sink as TransactionalSink;
  };
  const reader = async (topic: TopicName, groupId = unique()): Promise<RecordSource> => {
    const source = transport.createSource({ topic, groupId, delivery: 'exactly_once' });
    await source.start(watch().handlers);
    return source;
  };
  const values = async (source: RecordSource, count: number): Promise<string[]> =>
    (await readRecords(source, count)).map(({ value }) => Buffer.from(value ?? []).toString());
  const from = (first: number, count: number): string[] => Array.from({ length: count }, (_, i) => `v${first + i}`);
  const ranges = (topic: TopicName): ((first: number, count: number) => { range: OutputRange; token: Assignment }) => {
    return (first, count) => {
      const token = new Assignment(0, 1);
      return { range: passThrough(numbered(count, 0, first), topic, token), token };
    };
  };
  /** A group member that has its partition and is asked for its membership. */
  const member = async (topic: TopicName, groupId = unique()): Promise<RecordSource> => {
    const seen = watch();
    const source = transport.createSource({ topic, groupId, delivery: 'exactly_once' });
    await source.start(seen.handlers);
    const polling = keepPolling(source);
    await seen.until((events) => events.some((event) => event === 'assigned 0'));
    await polling.stop();
    return source;
  };

  describe(name, { concurrency: 4 }, () => {
    before(async () => {
      transport = await setUp();
    });
    after(() => transport.stop());

    contract('I4: a reader sees what is committed once it is, and what is aborted never', async () => {
      const [input, output] = [await transport.createTopic(1), await transport.createTopic(1)];
      const range = ranges(output);
      const [sink, source, outside] = [await started(), await member(input), await reader(output)];
      assert.deepEqual(await sink.produce(range(0, 10).range), []);
      assert.equal(await outside.poll(100, 1_500), undefined, 'nothing before the commit');
      await sink.transactions.commit([{ partition: 0, offset: 1 }], await source.member());
      assert.deepEqual(await values(outside, 10), from(0, 10));
      const aborted = range(10, 10);
      assert.deepEqual(await sink.produce(aborted.range), []);
      aborted.token.end();
      await sink.transactions.abort();
      assert.deepEqual(await sink.produce(range(20, 10).range), []);
      await sink.transactions.commit([{ partition: 0, offset: 2 }], await source.member());
      assert.deepEqual(await values(outside, 10), from(20, 10));
      await Promise.all([sink.close(1_000), source.close(), outside.close()]);
    });

    contract('offsets move with their transaction and not without it', async () => {
      const [input, output] = [await transport.createTopic(1), await transport.createTopic(1)];
      const feeder = transport.createSink({});
      await feeder.start(() => {});
      await feeder.produce(passThrough(numbered(10, 0), input));
      const groupId = unique();
      const range = ranges(output);
      const sink = await started();
      const first = await member(input, groupId);
      await sink.produce(range(0, 1).range);
      await sink.transactions.commit([{ partition: 0, offset: 4 }], await first.member());
      const dropped = range(1, 1);
      await sink.produce(dropped.range);
      dropped.token.end();
      await sink.transactions.abort();
      await first.close();
      const second = await reader(input, groupId);
      assert.deepEqual(await values(second, 6), from(4, 6));
      // Offsets alone: all of them were filtered.
      await sink.transactions.commit([{ partition: 0, offset: 9 }], await second.member());
      await second.close();
      const third = await reader(input, groupId);
      assert.deepEqual(await values(third, 1), ['v9']);
      await Promise.all([sink.close(1_000), feeder.close(1_000), third.close()]);
    });

    contract('I4: a member that was put out of its group commits nothing', async () => {
      const [input, output] = [await transport.createTopic(1), await transport.createTopic(1)];
      const groupId = unique();
      const sink = await started();
      const zombie = await member(input, groupId);
      const earlier = await zombie.member();
      // Neither polls for longer than max.poll.interval.ms: the second joins only when the first is out.
      const second = await member(input, groupId);
      const polling = keepPolling(second);
      const { range, token } = ranges(output)(0, 5);
      await sink.produce(range);
      await assert.rejects(sink.transactions.commit([{ partition: 0, offset: 3 }], earlier), {
        code: 'broker.transaction_aborted',
      });
      token.end();
      await sink.transactions.abort();
      await polling.stop();
      assert.deepEqual(await sink.produce(ranges(output)(5, 5).range), []);
      await sink.transactions.commit([{ partition: 0, offset: 1 }], await second.member());
      const outside = await reader(output);
      assert.deepEqual(await values(outside, 5), from(5, 5));
      await Promise.all([sink.close(1_000), zombie.close(), second.close(), outside.close()]);
    });

    contract(
      'I4: a producer whose name another one took is fenced, and what it left open is aborted at once',
      async () => {
        const [input, output] = [await transport.createTopic(1), await transport.createTopic(1)];
        const id = unique();
        const source = await member(input);
        const [first, range] = [await started(id), ranges(output)];
        await first.produce(range(0, 5).range);
        const second = await started(id);
        await assert.rejects(first.transactions.commit([{ partition: 0, offset: 1 }], await source.member()), {
          code: 'broker.fenced',
        });
        await second.produce(range(5, 5).range);
        await second.transactions.commit([{ partition: 0, offset: 1 }], await source.member());
        const outside = await reader(output);
        assert.deepEqual(await values(outside, 5), from(5, 5));
        await Promise.all([first.close(1_000), second.close(1_000), source.close(), outside.close()]);
      },
    );

    contract('a close aborts what is open: no reader waits for its timeout', async () => {
      const [input, output] = [await transport.createTopic(1), await transport.createTopic(1)];
      const range = ranges(output);
      const [sink, source] = [await started(), await member(input)];
      await sink.produce(range(0, 5).range);
      await sink.close(0);
      const next = await started();
      await next.produce(range(5, 5).range);
      await next.transactions.commit([{ partition: 0, offset: 1 }], await source.member());
      const outside = await reader(output);
      const sinceMs = performance.now();
      assert.deepEqual(await values(outside, 5), from(5, 5));
      assert.ok(performance.now() - sinceMs < TIMEOUT_MS - 1_000);
      await Promise.all([next.close(1_000), source.close(), outside.close()]);
    });

    contract(
      'a record that the cluster refuses says that it ends the transaction; an abort gets out of it',
      async () => {
        const [input, output] = [await transport.createTopic(1), await narrowTopic()];
        const [sink, source] = [await started(), await member(input)];
        const token = new Assignment(0, 1);
        const large = numbered(1, 0).map((record) => ({ ...record, value: Buffer.alloc(50_000, 'x') }));
        const failures = await sink.produce(passThrough(large, output, token));
        assert.deepEqual(
          failures.map(({ code, endsTransaction }) => [code, endsTransaction]),
          [['record.too_large', true]],
        );
        const waiting = sink.produce(passThrough(numbered(3, 0), output, token));
        token.end();
        await sink.transactions.abort();
        await waiting;
        await assert.rejects(
          sink.produceOne({ topic: output, key: null, value: large[0]!.value, headers: [], timestampMs: -1, assignment: new Assignment(0, 2) }), // prettier-ignore
          (error: { code: string; cause?: { code?: string } }) =>
            error.code === 'broker.transaction_aborted' && error.cause?.code === 'record.too_large',
        );
        await sink.transactions.abort();
        // librdkafka counts a refused batch as sent, so the next transaction may meet a gap in its sequence numbers: it aborts once more.
        for (let tries = 1; ; tries += 1) {
          const { range, token: next } = ranges(output)(5, 5);
          try {
            await sink.produce(range);
            await sink.transactions.commit([{ partition: 0, offset: 1 }], await source.member());
            break;
          } catch (thrown) {
            assert.ok(tries < 3, `still aborted: ${String(thrown)}`);
            next.end();
            await sink.transactions.abort();
          }
        }
        const outside = await reader(output);
        assert.deepEqual(await values(outside, 5), from(5, 5));
        await Promise.all([sink.close(1_000), source.close(), outside.close()]);
      },
    );

    contract('an abort does not wait for what cannot be acknowledged, and resolves it', async () => {
      const output = await transport.createTopic(1);
      const sink = await started();
      const token = new Assignment(0, 1);
      const many = Array.from({ length: 20 }, (_, i) => sink.produce(passThrough(numbered(500, 0, i), output, token)));
      token.end();
      await sink.transactions.abort();
      await Promise.all(many);
      await sink.close(1_000);
    });

    contract('a seek reads again from there, whatever was fetched by then; rested partitions too', async () => {
      const input = await transport.createTopic(1);
      const feeder = transport.createSink({});
      await feeder.start(() => {});
      await feeder.produce(passThrough(numbered(500, 0), input));
      const source = await reader(input);
      await readRecords(source, 100);
      for (const [offset, rests] of [
        [7, false],
        [450, false],
        [3, true],
      ] as const) {
        // prettier-ignore
        if (rests) source.pause([0]);
        await source.seek([
          { partition: 0, offset },
          { partition: 9, offset: 1 },
        ]);
        if (rests) source.resume([0]);
        const again = await readRecords(source, 50);
        assert.deepEqual(
          again.slice(0, 50).map((record) => record.offset),
          Array.from({ length: 50 }, (_, i) => offset + i),
        );
      }
      await Promise.all([source.close(), feeder.close(1_000)]);
    });
  });
}
