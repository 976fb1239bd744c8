import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import avro from 'avsc';
import { disagreements } from './agreement.ts';
import { avroTextOf } from './avro-text.ts';
import { expectationOf } from './expectation.ts';
import { eventsOf } from './feed.ts';
import { DemoLedger, type Verdict } from './ledger.ts';
import { MetricsPage } from './metrics-page.ts';
import { AVRO, DEMO_TRANSFORMS } from './plan.ts';
import { EVENT_HEADER, eventId, headerOf, RUN_HEADER, type FedRecord, type Header, type ReadRecord } from './record.ts';

const RUN = 'r1';
const EVENTS = eventsOf(7, 2000);

/** What a sidecar without a fault makes of the events. */
function perfect(events: readonly FedRecord[], run = RUN): ReadRecord[] {
  const offsets = new Map<string, number>();
  return events.map((event): ReadRecord => {
    const { sample, transform } = event;
    const expected = expectationOf(event);
    const dead = DEMO_TRANSFORMS.find(({ name }) => name === transform)!.deadLetterTopic;
    const topic = expected.kind === 'output' ? expected.topic : dead;
    const offset = offsets.get(topic) ?? 0;
    offsets.set(topic, offset + 1);
    const headers: Header[] = sample.headers.map(([name, value]) => ({ name, value }));
    headers.push({ name: RUN_HEADER, value: run }, { name: EVENT_HEADER, value: eventId(event) });
    if (expected.kind === 'dead_letter') headers.push({ name: 'streamline.error.code', value: expected.code });
    const value = expected.kind === 'output' ? expected.value : sample.value;
    return { topic, partition: 0, offset, timestampMs: sample.timestampMs, key: sample.key, value, headers };
  });
}

function judge(read: readonly ReadRecord[], events = EVENTS): Verdict {
  const ledger = new DemoLedger(RUN, events);
  for (const record of read) ledger.add(record);
  return ledger.judge();
}

/** The outputs with the first one that `which` accepts replaced by `by`. */
function spoilt(which: (record: ReadRecord) => boolean, by: (record: ReadRecord) => ReadRecord[]): ReadRecord[] {
  const read = perfect(EVENTS);
  const at = read.findIndex(which);
  assert.ok(at >= 0);
  return read.toSpliced(at, 1, ...by(read[at]!));
}

const isMasked = ({ topic, value }: ReadRecord): boolean => topic === 'clean-events' && value !== null;

function assertFault(verdict: Verdict, fault: Exclude<keyof Verdict, 'tallies' | 'problems'>, text: RegExp): void {
  assert.equal(verdict[fault], 1, verdict.problems.join('\n'));
  assert.ok(
    verdict.problems.some((problem) => text.test(problem)),
    verdict.problems.join('\n'),
  );
}

test('an event is expected to have the fate the generator gave it', () => {
  for (const event of EVENTS) {
    const { kind } = expectationOf(event);
    assert.equal(kind === 'dead_letter', event.sample.fate === 'dead_letter', eventId(event));
  }
  const codes = EVENTS.map((event) => expectationOf(event)).map((e) => (e.kind === 'dead_letter' ? e.code : 'output'));
  assert.deepEqual([...new Set(codes)].toSorted(), [
    'guest.failed',
    'guest.out_of_fuel',
    'guest.trap',
    'output',
    'route.missing',
  ]);
});

test('I2: outcomes without a fault give no problem, and every event is counted', () => {
  const verdict = judge(perfect(EVENTS));
  assert.deepEqual(verdict.problems, []);
  for (const { fed, output, deadLettered } of verdict.tallies) {
    assert.equal(fed, 500);
    assert.equal(output + deadLettered, 500);
    assert.ok(deadLettered > 0);
  }
});

test('I2: a lost record is caught', () => {
  assertFault(judge(spoilt(isMasked, () => [])), 'lost', /^lost: mask-pii#\d+ \(plain\)/);
  assertFault(
    judge(
      spoilt(
        (r) => r.topic === 'fragile-enrich.dlq',
        () => [],
      ),
    ),
    'lost',
    /^lost: fragile-enrich#/,
  );
});

test('I2: a duplicated record is caught, also when the second is a dead letter', () => {
  assertFault(judge(spoilt(isMasked, (r) => [r, { ...r, offset: 9999 }])), 'duplicated', /clean-events\/0@9999/);
  const both = spoilt(isMasked, (r) => [r, { ...r, topic: 'mask-pii.dlq', offset: 9999 }]);
  assertFault(judge(both), 'duplicated', /mask-pii\.dlq\/0@9999/);
});

test('an unmasked record is caught: as it was, or with one value left somewhere', () => {
  const original = (record: ReadRecord): string => {
    const event = EVENTS.find((candidate) => eventId(candidate) === headerOf(record, EVENT_HEADER));
    return event?.sample.value ?? '';
  };
  const asItWas = judge(spoilt(isMasked, (r) => [{ ...r, value: original(r) }]));
  assertFault(asItWas, 'unmasked', /^not masked: clean-events/);
  assertFault(asItWas, 'altered', /another value/);
  const phone = (record: ReadRecord): string => /"phone":"([^"]+)"/.exec(original(record))?.[1] ?? '?';
  const left = judge(
    spoilt(isMasked, (r) => [{ ...r, value: `${r.value!.slice(0, -1)},"note":"call ${phone(r)} now"}` }]),
  );
  assertFault(left, 'unmasked', /^not masked/);
});

test('a log line is expected to become the record of the schema', () => {
  const value =
    '{"ts":"2026-03-01T00:00:00.032Z","req_id":"0-c1b7","method":"get","path":"\\/v1","status":200,"latency_ms":447.70,' +
    '"bytes_out":75806,"ip":"192.0.2.178","user":null,"ua":"curl","host":"api-1","trace_id":"06b6"}';
  const [event] = EVENTS.filter(({ transform, sample }) => transform === 'json-to-avro' && sample.kind === 'plain');
  assert.deepEqual(expectationOf({ ...event!, sample: { ...event!.sample, value } }), {
    kind: 'output',
    topic: 'api-logs-avro',
    value:
      '{"timestamp":1772323200032,"request_id":"0-c1b7","method":"GET","path":"/v1","status":200,"duration_ms":447.7,' +
      '"response_bytes":75806,"client_ip":"192.0.2.178","user_id":null,"user_agent":"curl"}',
  });
});

test('an Avro record that is not what the log line says is caught: one number, one id, one byte too many', () => {
  const isAvro = ({ topic, value }: ReadRecord): boolean => topic === AVRO.topic && value !== null;
  const schema = readFileSync(join(import.meta.dirname, '..', '..', AVRO.file), 'utf8');
  const read = avroTextOf(schema, 1);
  const written = ({ value }: ReadRecord): Buffer => framed(1, schema, JSON.parse(value!));
  const whole = perfect(EVENTS).map((record) =>
    isAvro(record) ? { ...record, value: read(written(record)) } : record,
  );
  assert.ok(whole.filter(isAvro).length > 400);
  assert.deepEqual(judge(whole).problems, []);
  const status = spoilt(isAvro, (r) => [{ ...r, value: r.value!.replace(/"status":\d+/, '"status":418') }]);
  assertFault(judge(status), 'altered', /^altered: json-to-avro#\d+ has another value than expected at api-logs-avro/);
  const otherId = spoilt(isAvro, (r) => [{ ...r, value: read(framed(2, schema, JSON.parse(r.value!))) }]);
  assertFault(judge(otherId), 'altered', /another value/);
  const longer = spoilt(isAvro, (r) => [{ ...r, value: read(Buffer.concat([written(r), Buffer.alloc(1)])) }]);
  assertFault(judge(longer), 'altered', /another value/);
  const asItWas = spoilt(isAvro, (r) => [{ ...r, value: read(Buffer.from(r.value!)) }]);
  assertFault(judge(asItWas), 'altered', /another value/);
});

/** As a Confluent serializer writes it, by avsc. */
function framed(id: number, schema: string, value: unknown): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(id, 1);
  const type = avro.Type.forSchema(JSON.parse(schema) as Parameters<typeof avro.Type.forSchema>[0]);
  return Buffer.concat([head, type.toBuffer(value)]);
}

test('a record in the wrong place is caught: other topic, wrong code, nobody fed it', () => {
  const elsewhere = judge(
    spoilt(
      (r) => r.topic === 'orders-eu',
      (r) => [{ ...r, topic: 'orders-us' }],
    ),
  );
  assertFault(elsewhere, 'misplaced', /is in orders-us, not in orders-eu/);
  const wrongCode = spoilt(
    (r) => headerOf(r, 'streamline.error.code') === 'guest.trap',
    (r) => [{ ...r, headers: r.headers.map((h) => (h.value === 'guest.trap' ? { ...h, value: 'guest.failed' } : h)) }],
  );
  assertFault(judge(wrongCode), 'misplaced', /with guest\.failed, not with guest\.trap/);
  const stray = perfect(EVENTS)
    .slice(0, 1)
    .map((r) => ({
      ...r,
      headers: [
        { name: RUN_HEADER, value: RUN },
        { name: EVENT_HEADER, value: 'mask-pii#99999' },
      ],
    }));
  assertFault(judge([...perfect(EVENTS), ...stray]), 'misplaced', /was never fed/);
});

test('a record that lost its key, a header or its timestamp is caught', () => {
  const hasAll = (r: ReadRecord): boolean => isMasked(r) && r.key !== null && r.headers.length > 2;
  assertFault(judge(spoilt(hasAll, (r) => [{ ...r, key: null }])), 'altered', /another key/);
  assertFault(judge(spoilt(hasAll, (r) => [{ ...r, timestampMs: 1 }])), 'altered', /another timestamp/);
  assertFault(judge(spoilt(hasAll, (r) => [{ ...r, headers: r.headers.slice(1) }])), 'altered', /other headers/);
});

test('I3: two records of a key that changed places are caught', () => {
  const read = perfect(EVENTS);
  const first = read.findIndex((r) => isMasked(r) && read.filter((o) => isMasked(o) && o.key === r.key).length > 1);
  const second = read.findIndex((r, i) => i > first && isMasked(r) && r.key === read[first]!.key);
  const swapped = read.with(first, { ...read[first]!, offset: read[second]!.offset });
  swapped[second] = { ...read[second]!, offset: read[first]!.offset };
  assert.ok(judge(swapped).outOfOrder >= 1);
});

test('records of an earlier run are counted apart', () => {
  const verdict = judge([...perfect(EVENTS.slice(0, 20), 'earlier'), ...perfect(EVENTS)]);
  assert.deepEqual(verdict.problems, []);
  const [mask] = verdict.tallies;
  assert.equal(mask!.foreignOutput + mask!.foreignDeadLettered, 20);
});

test('metrics that disagree with the topics are named', () => {
  const { tallies } = judge(perfect(EVENTS));
  const page = (spoil: number): MetricsPage =>
    new MetricsPage(
      tallies
        .flatMap(({ name, output, deadLettered }) => [
          `streamline_transform_records_total{transform="${name}",outcome="output"} ${output + spoil}`,
          `streamline_transform_records_total{transform="${name}",outcome="dead_lettered"} ${deadLettered}`,
        ])
        .join('\n'),
    );
  assert.deepEqual(disagreements(tallies, page(0)), []);
  assert.equal(disagreements(tallies, page(1)).length, DEMO_TRANSFORMS.length);
});

test('a quantile is the bound of the bucket it lies in', () => {
  const line = (le: string, value: number): string =>
    `streamline_transform_execution_latency_seconds_bucket{le="${le}",transform="t"} ${value}`;
  const page = new MetricsPage([line('0.00001', 50), line('0.001', 99), line('+Inf', 100)].join('\n'));
  assert.equal(page.latencyBoundS('t', 0.5), 0.00001);
  assert.equal(page.latencyBoundS('t', 0.99), 0.001);
  assert.equal(page.latencyBoundS('t', 1), Infinity);
  assert.equal(page.latencyBoundS('other', 0.5), undefined);
});
