import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { BridgeAddon } from '../../src/kafka/bridge-addon.ts';
import { addonTest } from './addon.ts';
import { consumerOn, jobOf, notEnded, producerOn, records } from './clients.ts';

/** Nobody listens here: what is refused is refused before anything is sent. */
const NOWHERE = '127.0.0.1:1';
const shared = (bytes: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(bytes));

/** What no parameter of any function takes, whatever its place. */
const GARBAGE: readonly unknown[] = [
  Symbol('s'),
  () => undefined,
  new Proxy([], { get: () => assert.fail('a trap') }),
  new Float32Array(1),
  new BigInt64Array(1),
  new DataView(new ArrayBuffer(8)),
  new SharedArrayBuffer(8),
  new Date(),
  10n,
  { length: 3 },
];

type Method = (...args: unknown[]) => unknown;

function refuses(target: object, name: string, args: readonly unknown[]): void {
  const method = Reflect.get(target, name) as Method;
  // Anything that is taken would be a promise.
  assert.throws(
    () => Reflect.apply(method, target, args),
    TypeError,
    `${name}(${args.map((value) => inspect(value)).join(', ')})`,
  );
}

/** Good arguments with one replaced, for each place and each piece of garbage. */
function refusesGarbageIn(target: object, name: string, good: readonly unknown[], required = good.length): void {
  for (let place = 0; place < required; place += 1) {
    for (const bad of GARBAGE) refuses(target, name, good.with(place, bad));
    refuses(target, name, good.slice(0, place));
  }
}

addonTest('garbage to a consumer is a TypeError', 60_000, (addon) => {
  const consumer = consumerOn(addon, NOWHERE, 'topic', 'group');
  const [partitions, numbers] = [Int32Array.of(0), Float64Array.of(0)];
  refusesGarbageIn(consumer, 'connect', ['topic', 1]);
  refusesGarbageIn(consumer, 'poll', [shared(64), 1, 1]);
  refusesGarbageIn(consumer, 'assign', [0, partitions]);
  refusesGarbageIn(consumer, 'pause', [partitions, true]);
  refusesGarbageIn(consumer, 'seek', [partitions, numbers]);
  refusesGarbageIn(consumer, 'commit', [partitions, numbers]);
  for (const bad of GARBAGE)
    for (const place of [0, 1, 2]) refuses(consumer, 'lookUp', [partitions, numbers, 1].with(place, bad as never));
  refusesGarbageIn(consumer, 'highOffset', [0]);

  // Of the right type, but nothing one could work on.
  refuses(consumer, 'poll', [new Uint8Array(64), 1, 1]);
  refuses(consumer, 'poll', [shared(64), 0, 1]);
  refuses(consumer, 'assign', [4, partitions]);
  refuses(consumer, 'assign', [-1, partitions]);
  for (const partition of [-1, 2 ** 31 - 1, -(2 ** 31)]) {
    refuses(consumer, 'assign', [0, Int32Array.of(partition)]);
    refuses(consumer, 'pause', [Int32Array.of(partition), true]);
    refuses(consumer, 'seek', [Int32Array.of(partition), numbers]);
    refuses(consumer, 'commit', [Int32Array.of(partition), numbers]);
    refuses(consumer, 'lookUp', [Int32Array.of(partition), undefined, 1]);
  }
  for (const number of [NaN, Infinity, -Infinity, 2 ** 60]) {
    refuses(consumer, 'seek', [partitions, Float64Array.of(number)]);
    refuses(consumer, 'commit', [partitions, Float64Array.of(number)]);
    refuses(consumer, 'lookUp', [partitions, Float64Array.of(number), 1]);
  }
  refuses(consumer, 'seek', [partitions, Float64Array.of(1, 2)]);
  refuses(consumer, 'commit', [new Int32Array(), new Float64Array()]);
  refuses(consumer, 'lookUp', [partitions, new Float64Array(), 1]);
  refuses(consumer, 'highOffset', [-1]);
  return Promise.resolve();
});

addonTest('garbage to a producer is a TypeError', 60_000, async (addon) => {
  const producer = producerOn(addon, NOWHERE, { 'transactional.id': 'arguments' });
  const { batch, results, ranges } = jobOf(records(3));
  const good: readonly unknown[] = [batch, results, ranges, ['topic'], 'default', true, notEnded()];
  refusesGarbageIn(producer, 'produce', good);
  for (const place of [0, 1]) refuses(producer, 'produce', good.with(place, new Uint8Array(64)));
  refuses(producer, 'produce', good.with(2, Uint32Array.of(1)));
  refuses(producer, 'produce', good.with(2, Uint32Array.of(0, results.length + 1)));
  refuses(producer, 'produce', good.with(2, Uint32Array.of(8, 0)));
  refuses(producer, 'produce', good.with(2, Uint32Array.of(0, 2 ** 32 - 1)));
  refuses(producer, 'produce', good.with(3, ['topic', 7]));
  refuses(producer, 'produce', good.with(6, new Int32Array(1)));
  refuses(producer, 'produce', good.with(6, new Int32Array(new SharedArrayBuffer(0))));
  refuses(producer, 'transaction', []);
  refuses(producer, 'transaction', ['explode', 1]);
  refusesGarbageIn(producer, 'transaction', ['init', 1]);
  const offsets: readonly unknown[] = ['offsets', 1, 'topic', Int32Array.of(0), Float64Array.of(1), shared(8)];
  refusesGarbageIn(producer, 'transaction', offsets);
  refuses(producer, 'transaction', offsets.with(4, Float64Array.of(1, 2)));
  const plain = producerOn(addon, NOWHERE);
  refuses(plain, 'transaction', ['begin', 1]);

  // A batch that is none is an answer: its bytes come from a guest thread.
  const code = await producer.produce(shared(0), shared(40), Uint32Array.of(0, 40), [], 't', true, notEnded());
  assert.equal(code?.[0], -199);
});

addonTest('garbage to the constructors is refused, whatever it does', 60_000, (addon) => {
  const event = (): void => undefined;
  const { Consumer, Producer } = addon as unknown as Record<
    'Consumer' | 'Producer',
    new (...args: unknown[]) => object
  >;
  const good = { 'bootstrap.servers': NOWHERE, 'group.id': 'g' };
  for (const bad of [...GARBAGE.slice(3), undefined, null, 1, 'text']) {
    assert.throws(() => new Consumer(good, 'topic', bad), TypeError);
    assert.throws(() => new Producer(good, bad), TypeError);
    assert.throws(() => new Consumer(good, bad === 'text' ? '' : bad, event), TypeError);
  }
  for (const bad of [undefined, null, 1]) {
    assert.throws(() => new Consumer(bad, 'topic', event));
    assert.throws(() => new Producer(bad, event));
  }
  assert.throws(() => new Consumer({ 'bootstrap.servers': NOWHERE }, 'topic', event), /group\.id/);
  assert.throws(() => new Producer({ 'linger.ms': 5 }, event), TypeError);
  assert.throws(() => new Producer({ 'no.such.property': 'x' }, event), /no\.such\.property/);
  assert.throws(() => new Producer({ 'linger.ms': 'soon' }, event), /linger\.ms/);
  // Of all that librdkafka has, what takes a pointer.
  for (const pointer of ['opaque', 'default_topic_conf', 'rebalance_cb', 'dr_msg_cb', 'log_cb', 'interceptors'])
    assert.throws(() => new Producer({ [pointer]: '1' }, event), new RegExp(pointer));
  const trap = {
    get 'client.id'(): string {
      throw new RangeError('a getter');
    },
  };
  assert.throws(() => new Producer(trap, event), RangeError);
  const proxy = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new RangeError('a trap');
      },
    },
  );
  assert.throws(() => new Producer(proxy, event));

  for (const constructor of [Consumer, Producer]) {
    const args = constructor === Consumer ? [good, 'topic', event] : [{}, event];
    assert.throws(() => Reflect.apply(constructor as unknown as Method, undefined, args), TypeError);
    assert.throws(() => Reflect.apply(constructor as unknown as Method, {}, args), TypeError);
  }
  return Promise.resolve();
});

addonTest("a method is no other class's, nor anybody's", 60_000, (addon: BridgeAddon) => {
  const consumer = consumerOn(addon, NOWHERE, 'topic', 'group');
  const producer = producerOn(addon, NOWHERE);
  const wrong = [producer, {}, undefined, null, 1, addon.Consumer.prototype, Object.create(consumer)];
  const names = Object.getOwnPropertyNames(addon.Consumer.prototype).filter((name) => name !== 'constructor');
  assert.equal(names.length, 11);
  for (const name of names) {
    const method = Reflect.get(consumer, name) as Method;
    for (const self of wrong) assert.throws(() => Reflect.apply(method, self, []), TypeError, name);
  }
  for (const name of ['produce', 'purge', 'transaction'])
    assert.throws(() => Reflect.apply(Reflect.get(producer, name) as Method, consumer, []), TypeError);
  for (const code of [0, -185, 2 ** 31 - 1, -(2 ** 31)]) assert.equal(typeof addon.errorText(code), 'string');
  for (const bad of ['1', undefined, null, {}]) assert.throws(() => addon.errorText(bad as never), TypeError);
  return Promise.resolve();
});

addonTest('numbers that mean nothing are taken for the least or the most', 60_000, async (addon) => {
  const consumer = consumerOn(addon, NOWHERE, 'topic', 'group');
  for (const waitMs of [NaN, -1, -Infinity, 0]) assert.equal(await consumer.poll(shared(4096), 1, waitMs), 0);
  assert.equal(await consumer.poll(shared(4096), 2 ** 32 - 1, 1), 0);
  assert.equal(await consumer.poll(shared(0), 1, 1), 0);
  for (const timeoutMs of [NaN, -1, -Infinity]) assert.notEqual(await consumer.connect('topic', timeoutMs), 0);
  const forever = consumer.poll(shared(4096), 1, Infinity);
  assert.equal(await consumer.poll(shared(4096), 1, 1), 0);
  assert.notEqual(await consumer.assign(2, Int32Array.of(0, 0, 0)), undefined);
  assert.notEqual(await consumer.assign(0, Int32Array.of(999_999)), undefined);
  await consumer.close();
  assert.equal(await forever, 0);
});
