import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Patience } from '../../src/base/patience.ts';

const ATTEMPT_MS_MAX = 2000;
const PAUSE_MS = 100;
const RESPONSE_BYTES_MAX = 1024 * 1024;

/** Metadata request, version 4: the names of its fields are in Kafka's protocol guide. */
const METADATA_REQUEST = ((): Buffer => {
  const body = Buffer.from([
    ...[0, 3, 0, 4], // api_key, api_version
    ...[0, 0, 0, 1], // correlation_id
    ...[0xff, 0xff], // client_id: null
    ...[0, 0, 0, 0], // topics: none
    0, // allow_auto_topic_creation
  ]);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
})();

/**
 * Resolves when a broker answers a Metadata request and names itself: from then on it takes records. It is asked without
 * the Kafka client, so that what starts a cluster needs no addon.
 */
export async function brokerReady(bootstrap: string, deadlineMs: number, isAlive: () => boolean): Promise<void> {
  const patience = new Patience(deadlineMs);
  let problem = 'it was not asked';
  while (!patience.isOver()) {
    if (!isAlive()) throw new Error('the broker ended while it was starting');
    try {
      if ((await brokerCount(bootstrap)) > 0) return;
      problem = 'it names no broker yet';
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    await delay(PAUSE_MS);
  }
  throw new Error(`${bootstrap} does not serve after ${deadlineMs / 1000} s: ${problem}`);
}

function brokerCount(bootstrap: string): Promise<number> {
  const colon = bootstrap.lastIndexOf(':');
  return new Promise((resolve, reject) => {
    const socket = connect({ host: bootstrap.slice(0, colon), port: Number(bootstrap.slice(colon + 1)) });
    let received = Buffer.alloc(0);
    const settle = (outcome: number | Error): void => {
      socket.destroy();
      if (typeof outcome === 'number') resolve(outcome);
      else reject(outcome);
    };
    socket.setTimeout(ATTEMPT_MS_MAX, () => settle(new Error('no answer')));
    socket.on('error', settle);
    socket.on('close', () => settle(new Error('it closed the connection')));
    socket.on('connect', () => socket.write(METADATA_REQUEST));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      // size, correlation_id, throttle_time_ms, then the count of brokers.
      if (received.length >= 16) settle(received.readInt32BE(12));
      else if (received.length > RESPONSE_BYTES_MAX) settle(new Error('no Kafka broker'));
    });
  });
}
