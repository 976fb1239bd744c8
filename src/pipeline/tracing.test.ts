import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HandWorld, record } from './sim/hand-world.ts';
import type { BatchTrace, RecordTrace, Sent, Tracing } from './tracing.ts';

/** Spans of what is sent, by name, and how they ended. */
class SendSpans implements Tracing {
  readonly open = new Set<string>();
  readonly ended: string[] = [];

  readonly #sending = (name: string): Sent => {
    this.open.add(name);
    return (failures, lost) => {
      this.open.delete(name);
      this.ended.push(`${name}: ${lost?.code ?? `${failures.length} refused`}`);
    };
  };

  polled(): BatchTrace {
    const order = { contexts: 'never', recordsMax: 0, recordBytesMax: 0 } as const;
    const trace: RecordTrace = {
      order,
      failed: () => undefined,
      tried: () => undefined,
      sending: (topic) => this.#sending(topic ?? 'again'),
      settled: () => undefined,
    };
    return {
      order,
      dispatched: () => undefined,
      answered: () => undefined,
      sending: () => this.#sending('outputs'),
      record: () => trace,
      ended: () => undefined,
    };
  }

  committing(): () => void {
    return () => undefined;
  }
}

for (const [what, name, attempts] of [
  ['outputs', 'outputs', 0],
  ['an output that is there at the second try', 'again', 1],
  ['a dead letter', 'sim.dlq', 0],
] as const) {
  void test(`the span of ${what} ends, whether the cluster answers or not`, async () => {
    const tracing = new SendSpans();
    const world = await HandWorld.running([0], { tracing, errors: { maxRetries: attempts, retryBackoffMs: 10 } });
    if (name === 'sim.dlq') world.executor.fates.set('0@0', 'guest.failed');
    if (name === 'again') world.executor.fates.set('0@0', (attempt) => (attempt === 1 ? 'guest.trap' : undefined));
    world.sink.acknowledge = new Promise(() => undefined);
    world.source.give(record(0, 0));
    await world.clock.advance(300);
    assert.deepEqual([...tracing.open], [name]);
    await world.until(world.pipeline.stop());
    assert.deepEqual([...tracing.open], []);
    assert.match(tracing.ended.join(), /: broker\./);

    const answered = await HandWorld.running([0], { tracing });
    answered.source.give(record(0, 0));
    await answered.clock.advance(300);
    await answered.until(answered.pipeline.stop());
    assert.equal(tracing.ended.at(-1), 'outputs: 0 refused');
  });
}
