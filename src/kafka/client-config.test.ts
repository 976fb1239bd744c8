import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { consumerConfig, producerConfig, redactor } from './client-config.ts';
import { clientErrorOf, codeOf, endsClient, errorCodeOfClient } from './client-error.ts';
import { RD, RdKafka } from './client.ts';
import { makeClient } from './connection.ts';
import { ClientLog } from './log.ts';

const kafka = { 'bootstrap.servers': 'h:1', 'sasl.password': 'hunter2', 'ssl.key.pem': 'PEMPEM' };
const identity = { kafka, clientId: 'c' };
const limits = { recordBytesMax: 1_000, queueBytesMax: 2_048, queueRecordsMax: 10 };

test('the user may tune the rest', () => {
  const producer = producerConfig({ ...identity, kafka: { ...kafka, 'linger.ms': 50 } }, limits);
  assert.equal(producer['linger.ms'], 50);
  assert.equal(producer['message.max.bytes'], 1_000);
  const consumer = consumerConfig({ ...identity, kafka: { ...kafka, 'fetch.max.bytes': 1_000_000 } }, 'g', {});
  assert.equal(consumer['fetch.max.bytes'], 1_000_000);
});

test('exactly once: a producer with a name, a consumer that reads what is committed, whatever the user wrote', () => {
  const user = { ...identity, kafka: { ...kafka, 'isolation.level': 'read_uncommitted' } };
  const producer = producerConfig(user, limits, { id: 'g.1', timeoutMs: 5_000 });
  assert.deepEqual([producer['transactional.id'], producer['transaction.timeout.ms']], ['g.1', 5_000]);
  assert.equal('message.timeout.ms' in producer, false, 'librdkafka bounds it by the transaction');
  assert.equal(consumerConfig(user, 'g', {}, 'exactly_once')['isolation.level'], 'read_committed');
  assert.equal(consumerConfig(user, 'g', {})['isolation.level'], 'read_uncommitted');
  assert.equal('transactional.id' in producerConfig(user, limits), false);
});

test('no secret leaves by a message', () => {
  assert.equal(redactor(kafka)('bad hunter2 and PEMPEM at h:1'), 'bad *** and *** at h:1');
  const odd = { 'sasl.password': 123456, 'sasl.oauthbearer.assertion.private.key.passphrase': 'opensesame' };
  assert.equal(redactor(odd)('123456 opensesame'), '*** ***');
  assert.equal(
    redactor({ 'ssl.key.location': '/etc/key' })('no /etc/key'),
    'no /etc/key',
    'where it lies is no secret',
  );
});

test('a property librdkafka does not take is a configuration error that names it', () => {
  const wrong = { ...kafka, 'no.such.thing': 1 };
  assert.throws(
    () => makeClient(wrong, () => new RdKafka.Producer({ ...wrong } as object)),
    (error: { code: string; configPath: string; message: string }) =>
      error.code === 'config.invalid' &&
      error.configPath === '/kafka/no.such.thing' &&
      !error.message.includes('hunter2'),
  );
});

test('events get their number back from their text', () => {
  assert.equal(codeOf({ message: 'Local: Fatal error', code: -1 }), RD.FATAL);
  assert.equal(codeOf({ message: 'all broker connections are down', code: -1 }), RD.ALL_BROKERS_DOWN);
  assert.equal(codeOf(clientErrorOf('odd')), -1);
  assert.equal(endsClient(RD.ALL_BROKERS_DOWN), false);
  assert.equal(endsClient(RD.FENCED_INSTANCE_ID), true);
  assert.equal(errorCodeOfClient(RD.SASL_AUTHENTICATION_FAILED, 'broker.client'), 'broker.authentication');
});

test('the same trouble is told once per interval, with how often it came', () => {
  let nowMs = 0;
  const lines: object[] = [];
  const logger = { debug() {}, info() {}, error() {}, warn: (fields: object) => void lines.push(fields) };
  const log = new ClientLog(logger, { ...systemClock, nowMs: () => nowMs }, 'c', (text) => text);
  for (let i = 0; i < 10; i += 1) log.trouble('down', 'x');
  log.line({ severity: 3, fac: 'FAIL', message: 'y' });
  log.line({ severity: 7, fac: 'DEBUG', message: 'z' });
  nowMs = 60_000;
  log.trouble('down', 'x');
  assert.deepEqual(lines, [
    { client: 'c', kind: 'down' },
    { client: 'c', kind: 'FAIL' },
    { client: 'c', kind: 'down', heldBack: 9 },
  ]);
});
