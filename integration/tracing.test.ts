import assert from 'node:assert/strict';
import { clusterTest } from '../testcontainers.config.ts';
import { createTopic, eventually, produceAll, readAll, type PlainRecord } from './cluster/client.ts';
import { OtlpReceiver, type ReceivedSpan } from './harness/otlp-receiver.ts';
import { Sidecar, sidecarHome } from './harness/sidecar.ts';
import { specText, uniqueName } from './harness/spec.ts';
import type { Scope } from './harness/scope.ts';

/* Traces over the wire: a real sidecar, a real cluster, and a receiver that speaks OTLP. */

const TRACE = ['a1', 'b2', 'c3'].map((text) => text.repeat(16));
const PARENT = 'b7ad6b7169203331';
const contextOf = (i: number, flags: string): string => `00-${TRACE[i]}-${PARENT}-${flags}`;
const device = (i: number, poison = ''): string =>
  `{"id":${i},"region":"eu"${poison === '' ? '' : `,"poison":"${poison}"`}}`;
const RECORDS = [
  {
    key: 'k0',
    value: device(0),
    headers: [
      ['before', '1'],
      ['traceparent', contextOf(0, '01')],
      ['tracestate', 'vendor=x'],
    ] as const,
  },
  { key: 'k1', value: device(1), headers: [['traceparent', contextOf(1, '00')]] as const },
  { key: 'k2', value: device(2) },
  { key: 'k3', value: device(3, 'trap'), headers: [['traceparent', contextOf(2, '01')]] as const },
];

interface World {
  readonly name: string;
  readonly sidecar: Sidecar;
  readonly outputs: readonly PlainRecord[];
  readonly deadLetters: readonly PlainRecord[];
}

/** All records through a chain that upper-cases, traps on poison and routes; its sidecar has stopped. */
async function transformAll(t: Scope, bootstrap: string, env: Record<string, string>): Promise<World> {
  const name = uniqueName('traced');
  await createTopic(bootstrap, name, 1);
  await produceAll(bootstrap, name, RECORDS);
  const home = sidecarHome(t, bootstrap);
  home.writeSpec(
    'spec.yaml',
    specText({
      ...{ name, input_topic: name, output_topic: '', input: { start: 'earliest' } },
      transforms: [
        { wasm_module: 'transforms/fragile.wasm', config: { uppercase_field: 'none' } },
        { wasm_module: 'transforms/region_router.wasm', config: { route_field: 'region', topic_prefix: `${name}-` } },
      ],
      errors: { max_retries: 1, retry_backoff_ms: 20, dead_letter_topic: `${name}.dlq` },
    }),
  );
  const sidecar = await Sidecar.start(home, env);
  await sidecar.settles(name, RECORDS.length);
  await sidecar.stop();
  assert.deepEqual(sidecar.noise, []);
  const [outputs, deadLetters] = [
    await readAll(bootstrap, `${name}-eu`, { until: 'end' }),
    await readAll(bootstrap, `${name}.dlq`, { until: 'end' }),
  ];
  assert.deepEqual([outputs.length, deadLetters.length], [3, 1]);
  return { name, sidecar, outputs, deadLetters };
}

const headersOf = ({ headers }: PlainRecord, name: string): string[] =>
  headers.filter(([own]) => own === name).map(([, value]) => value.toString());
const names = (spans: readonly ReceivedSpan[]): string[] => spans.map(({ name }) => name).toSorted();

function one(spans: readonly ReceivedSpan[], what: string): ReceivedSpan {
  assert.equal(spans.length, 1, `${what}: ${names(spans).join(', ')}`);
  return spans[0]!;
}

clusterTest(
  'traces: a batch from poll to commit, its records, and their context in what comes out',
  async ({ bootstrap }, t) => {
    const receiver = await OtlpReceiver.start(t);
    const { name, outputs, deadLetters } = await transformAll(t, bootstrap, receiver.environment);
    const { spans } = receiver;
    for (const { beganNs, endedNs, service, name: span } of spans) {
      assert.ok(endedNs >= beganNs && endedNs - beganNs < 60_000_000_000n, span);
      assert.equal(service, 'streamline-sidecar');
    }
    assert.deepEqual(
      new Set(receiver.requests.map(({ path, type }) => `${path} ${type}`)),
      new Set(['/v1/traces application/json']),
    );

    const batch = one(
      spans.filter((span) => span.parentSpanId === ''),
      'one batch',
    );
    assert.deepEqual([batch.name, batch.kind, batch.status], [`process ${name}`, 'consumer', 'unset']);
    assert.deepEqual(batch.attributes, {
      'messaging.system': 'kafka',
      'messaging.system.name': 'kafka',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': name,
      'messaging.consumer.group.name': `streamline.${name}`,
      'messaging.batch.message_count': 4,
      'streamline.transform': name,
    });
    assert.deepEqual(
      batch.links.map(({ traceId, spanId }) => [traceId, spanId]),
      [
        [TRACE[0], PARENT],
        [TRACE[2], PARENT],
      ],
    );
    const inside = receiver.childrenOf(batch);
    assert.deepEqual(names(inside), [`commit ${name}`, `poll ${name}`, `process ${name}`, 'send', 'transform']);
    const [poll, commit] = [
      one(
        inside.filter((s) => s.name.startsWith('poll')),
        'poll',
      ),
      one(
        inside.filter((s) => s.name.startsWith('commit')),
        'commit',
      ),
    ];
    assert.deepEqual([poll.kind, poll.attributes['messaging.operation.type']], ['client', 'receive']);
    assert.deepEqual([commit.kind, commit.attributes['messaging.operation.type']], ['client', 'settle']);
    assert.ok(commit.beganNs >= poll.endedNs);
    assert.deepEqual(
      one(
        inside.filter((span) => span.name === 'transform'),
        'transform',
      ).attributes['streamline.records.failed'],
      1,
    );

    // Of the record with a sampled context: its parent is the span that made it, and what comes out names ours.
    const mine = one(
      spans.filter(({ traceId, parentSpanId }) => traceId === TRACE[0] && parentSpanId === PARENT),
      'first',
    );
    assert.deepEqual([mine.name, mine.kind, mine.traceState], [`process ${name}`, 'consumer', 'vendor=x']);
    assert.deepEqual(
      mine.links.map(({ spanId }) => spanId),
      [batch.spanId],
    );
    const { attributes } = mine;
    assert.deepEqual(
      [
        attributes['messaging.kafka.offset'],
        attributes['kafka.offset'],
        attributes['messaging.destination.partition.id'],
        attributes['streamline.outcome'],
      ],
      [0, 0, '0', 'output'],
    );
    const steps = receiver.childrenOf(mine);
    assert.deepEqual(names(steps), ['route', `send ${name}-eu`, 'transform', 'transform']);
    const send = one(
      steps.filter(({ kind }) => kind === 'producer'),
      'send',
    );
    assert.equal(send.attributes['messaging.destination.name'], `${name}-eu`);
    const [first, unsampled, bare] = outputs;
    assert.deepEqual(
      first?.headers.map(([header, value]) => [header, value.toString()]),
      [
        ['before', '1'],
        ['traceparent', `00-${TRACE[0]}-${send.spanId}-01`],
        ['tracestate', 'vendor=x'],
      ],
    );

    assert.deepEqual(headersOf(unsampled!, 'traceparent'), [contextOf(1, '00')]);
    assert.deepEqual(
      spans.filter(({ traceId }) => traceId === TRACE[1]),
      [],
    );

    // One without a context belongs to the batch.
    const own = one(
      inside.filter((span) => span.kind === 'consumer'),
      'the third',
    );
    const sender = one(
      receiver.childrenOf(own).filter(({ kind }) => kind === 'producer'),
      'its send',
    );
    assert.deepEqual(headersOf(bare!, 'traceparent'), [`00-${batch.traceId}-${sender.spanId}-01`]);

    // The one that traps, twice.
    const failed = one(
      spans.filter(({ traceId, parentSpanId }) => traceId === TRACE[2] && parentSpanId === PARENT),
      'failed',
    );
    assert.deepEqual(
      [failed.status, failed.attributes['error.type'], failed.attributes['streamline.outcome']],
      ['error', 'guest.trap', 'dead_letter'],
    );
    assert.deepEqual(
      failed.events.map(({ name: event, attributes: a }) => [event, a['error.type'], a['streamline.attempt']]),
      [
        ['failed', 'guest.trap', 1],
        ['failed', 'guest.trap', 2],
      ],
    );
    const tried = receiver.childrenOf(failed);
    assert.deepEqual(names(tried), [`send ${name}.dlq`, 'transform', 'transform']);
    assert.deepEqual(
      tried.filter(({ status }) => status === 'error').map((span) => span.name),
      ['transform', 'transform'],
    );
    assert.deepEqual(
      headersOf(deadLetters[0]!, 'traceparent'),
      [contextOf(2, '01')],
      'a dead letter has the headers it came with',
    );
  },
);

clusterTest('traces: where nothing new is sampled, records that are go on', async ({ bootstrap }, t) => {
  const receiver = await OtlpReceiver.start(t);
  const environment = {
    ...receiver.environment,
    OTEL_TRACES_SAMPLER: 'parentbased_always_off',
    OTEL_SERVICE_NAME: 'mine',
  };
  const { outputs } = await transformAll(t, bootstrap, environment);
  assert.deepEqual(new Set(receiver.spans.map(({ traceId }) => traceId)), new Set([TRACE[0], TRACE[2]]));
  assert.deepEqual(new Set(receiver.spans.map(({ service }) => service)), new Set(['mine']));
  const [first, , bare] = outputs;
  const [traceparent = ''] = headersOf(first!, 'traceparent');
  assert.ok(
    receiver.spans.some(({ spanId, kind }) => kind === 'producer' && traceparent === `00-${TRACE[0]}-${spanId}-01`),
    traceparent,
  );
  assert.deepEqual(headersOf(bare!, 'traceparent'), []);
});

clusterTest('traces: off, all headers stay as they came', async ({ bootstrap }, t) => {
  const receiver = await OtlpReceiver.start(t);
  const { outputs } = await transformAll(t, bootstrap, { ...receiver.environment, OTEL_SDK_DISABLED: 'true' });
  assert.deepEqual(receiver.requests, []);
  assert.deepEqual(
    outputs.map((output) => headersOf(output, 'traceparent')),
    [[contextOf(0, '01')], [contextOf(1, '00')], []],
  );
});

clusterTest('traces: a collector that fails costs spans and no record', async ({ bootstrap }, t) => {
  const receiver = await OtlpReceiver.start(t);
  receiver.status = 400;
  const { sidecar } = await transformAll(t, bootstrap, receiver.environment);
  await eventually(() => assert.ok(receiver.requests.length > 0));
  const said = sidecar.log.filter(({ msg }) => msg.startsWith('OpenTelemetry has trouble'));
  assert.equal(said.length, 1, JSON.stringify(said));
});
