import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '../base/clock.ts';
import type { StreamlineError } from '../base/error.ts';
import type { TopicName } from '../spec/transformation-config.ts';
import { RD, RdKafka, type ClientError } from './client.ts';
import { ConfluentSource } from './confluent-source.ts';
import { connectClient, type Connectable, type MetadataOptions } from './connection.ts';
import { ClientLog, silentLogger } from './log.ts';
import { startMockCluster } from './mock-cluster.ts';

const kafka = { 'bootstrap.servers': 'h:1' };
const log = new ClientLog(silentLogger, systemClock, 'c', (text) => text);

/** Connects as the binding does: by one question for metadata, which it keeps. */
class FakeClient extends EventEmitter implements Connectable {
  readonly asked: MetadataOptions[] = [];
  _metadata?: unknown;
  answer: (timeoutMs: number) => ClientError | null = () => null;

  connect(options: MetadataOptions, done: (error: ClientError | null | undefined) => void): void {
    this.getMetadata(options, (error) => done(error));
  }
  getMetadata(options: MetadataOptions, done: (error: ClientError | null | undefined, metadata: never) => void): void {
    this.asked.push(options);
    setImmediate(() => {
      const error = this.answer(options.timeout);
      if (error === null) this._metadata = { topics: ['all', 'of', 'them'] };
      done(error, undefined as never);
    });
  }
}

const timedOut: ClientError = { message: 'Local: Timed out', code: RD.TIMED_OUT };
const timeouts = (client: FakeClient): number[] => client.asked.map(({ timeout }) => timeout);

test('I8: the first answer is asked for in growing parts, so that a close may end the wait in between', async () => {
  const client = new FakeClient();
  client.answer = () => timedOut;
  const { ready, ended } = connectClient(client, kafka, 10_000, log, 'in');
  await assert.rejects(ready, { code: 'broker.unreachable' });
  await ended;
  assert.deepEqual(timeouts(client), [500, 1000, 2000, 4000, 2500]);
  assert.ok(client.asked.every(({ topic }) => topic === 'in'));

  const abandoned = new FakeClient();
  const connecting = connectClient(abandoned, kafka, 10_000, log);
  abandoned.answer = () => {
    if (abandoned.asked.length === 2) connecting.abandon();
    return timedOut;
  };
  await assert.rejects(connecting.ready, { code: 'broker.unreachable' });
  assert.deepEqual(timeouts(abandoned), [500, 1000]);
});

test('an answer ends the questions, a refusal too; what was learnt is not kept', async () => {
  const client = new FakeClient();
  client.answer = () => (client.asked.length < 3 ? timedOut : null);
  await connectClient(client, kafka, 10_000, log).ready;
  assert.deepEqual(timeouts(client), [500, 1000, 2000]);
  assert.equal(client._metadata, undefined, 'one client’s picture of a large cluster is megabytes');

  const refused = new FakeClient();
  refused.answer = () => ({ message: 'no', code: RD.SASL_AUTHENTICATION_FAILED });
  await assert.rejects(connectClient(refused, kafka, 10_000, log).ready, { code: 'broker.authentication' });
  assert.deepEqual(timeouts(refused), [500]);
});

test('a key or certificate that is none is an error of the configuration that names it and keeps it secret', async () => {
  const refusal = async (extra: Record<string, string>): Promise<StreamlineError> => {
    const given = { 'bootstrap.servers': '127.0.0.1:1', 'security.protocol': 'ssl', ...extra };
    const client = new RdKafka.Producer(given as object) as unknown as Connectable;
    const { ready } = connectClient(client, given, 10_000, log);
    return ready.then(
      () => assert.fail('connected'),
      (error: StreamlineError) => error,
    );
  };
  const pem = '-----BEGIN PRIVATE KEY-----\nHUNTER2\n-----END PRIVATE KEY-----\n';
  for (const name of ['ssl.key.pem', 'ssl.ca.pem', 'ssl.certificate.pem']) {
    const error = await refusal({ [name]: pem });
    assert.deepEqual([error.code, error.configPath], ['config.invalid', `/kafka/${name}`]);
    assert.match(error.suggestion ?? '', /BEGIN/);
    assert.doesNotMatch(JSON.stringify(error), /HUNTER2/);
  }
  const missing = await refusal({ 'ssl.ca.location': '/no/such/file' });
  assert.deepEqual([missing.code, missing.configPath], ['config.invalid', '/kafka/ssl.ca.location']);
  const mechanism = await refusal({ 'security.protocol': 'sasl_ssl', 'sasl.mechanism': 'NOPE' });
  assert.deepEqual([mechanism.code, mechanism.configPath], ['config.invalid', '/kafka']);

  const client = new FakeClient();
  client.answer = () => ({ message: 'Local: Erroneous state', code: RD.STATE });
  await assert.rejects(connectClient(client, kafka, 10_000, log).ready, { code: 'broker.unreachable' });
});

test('a closed source is let go of, although the binding keeps its callbacks for ever', async () => {
  const cluster = await startMockCluster();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const open = async (): Promise<WeakRef<object>> => {
    const handlers = { assigned() {}, async revoked() {}, lost() {}, failed() {} };
    const source = new ConfluentSource({
      kafka: { 'bootstrap.servers': cluster.bootstrap },
      clientId: 'leak',
      logger: silentLogger,
      topic: 'leak' as TopicName,
      groupId: 'leak',
    });
    await source.start(handlers);
    await source.close();
    return new WeakRef(handlers);
  };
  const handlers = await open();
  let kept = true;
  for (let turn = 0; turn < 100 && kept; turn += 1) {
    await new Promise((resolve) => void setImmediate(resolve));
    collect();
    kept = handlers.deref() !== undefined;
  }
  await cluster.stop();
  assert.ok(!kept, 'a pipeline for each restart would stay in memory');
});
