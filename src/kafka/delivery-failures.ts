import { createHash } from 'node:crypto';
import { assert } from '../base/assert.ts';
import type { ErrorCode } from '../base/error-code.ts';
import { StreamlineError } from '../base/error.ts';
import type { ProduceFailure } from '../pipeline/ports.ts';
import { errorCodeOfClient } from './client-error.ts';
import { RD, type ClientDeliveryReport } from './client.ts';
import type { Output } from './output-job.ts';

export interface DeliveryFailure {
  readonly clientCode: number;
  readonly message: string;
}

/**
 * Failed deliveries, found again by content. A report names no record: the client's `opaque` would, but with reports for failures
 * only, the handle it makes for each record is freed for none that succeeds (src/producer.cc makes it, only the report's
 * dispatcher in src/callbacks.cc deletes it). So a report carries topic, key and value, and every unacknowledged record that equals
 * it counts as failed. Twins of which only one failed are then produced again both: a duplicate, never a loss.
 */
export class DeliveryFailures {
  readonly #byContent = new Map<string, DeliveryFailure>();
  /** Contents reported and not yet asked for by a record. */
  readonly #unclaimed = new Set<string>();
  #received = 0;

  /** Reports so far, for those who wait until no more come. */
  get received(): number {
    return this.#received;
  }

  get size(): number {
    return this.#byContent.size;
  }

  add(failure: DeliveryFailure, report: ClientDeliveryReport): void {
    this.#received += 1;
    const content = contentOf(report.topic, report.key, report.value);
    this.#byContent.set(content, failure);
    this.#unclaimed.add(content);
  }

  of(output: Output): DeliveryFailure | undefined {
    if (output.topic === undefined) return undefined;
    const content = contentOf(output.topic, output.key, output.value);
    this.#unclaimed.delete(content);
    return this.#byContent.get(content);
  }

  /** Forgets the reports of a transaction that was aborted: what it held is read again. */
  drop(): void {
    this.#unclaimed.clear();
    this.#byContent.clear();
  }

  /** Forgets the reports. One that no record claimed would be a record wrongly called acknowledged: I1 ends here. */
  clear(): void {
    assert(this.#unclaimed.size === 0, 'a failed delivery matches no record');
    this.#byContent.clear();
  }
}

function contentOf(
  topic: string,
  key: Uint8Array | string | null | undefined,
  value: Uint8Array | null | undefined,
): string {
  const hash = createHash('sha1');
  // Copies: the buffers may be shared memory, which a hash does not take everywhere. Failures are rare.
  if (key) hash.update(Buffer.from(key));
  if (value) hash.update(Buffer.from(value));
  return `${topic} ${key?.length ?? -1} ${value?.length ?? -1} ${hash.digest('base64')}`;
}

/** A broker refuses a batch as a whole for one record in it: its other records are tried again by themselves. */
export function mayBeNeighbours(clientCode: number): boolean {
  switch (clientCode) {
    case RD.MSG_SIZE_TOO_LARGE:
    case RD.INVALID_RECORD:
    case RD.INVALID_TIMESTAMP:
    case RD.INVALID_DIFFERENT_RECORD:
      return true;
    default:
      return false;
  }
}

/** What a record's failure to be produced is called. */
export function produceFailureCode(clientCode: number): ErrorCode {
  switch (clientCode) {
    case RD.MSG_SIZE_TOO_LARGE:
      return 'record.too_large';
    case RD.INVALID_RECORD:
    case RD.INVALID_TIMESTAMP:
    case RD.INVALID_DIFFERENT_RECORD:
      return 'record.rejected';
    default:
      return errorCodeOfClient(clientCode, 'broker.produce_failed');
  }
}

/** What a single record's failure is thrown as (RecordSink.produceOne). */
export function errorOfOne(
  { code, message, endsTransaction }: ProduceFailure,
  inTransaction: boolean,
): StreamlineError {
  const error = new StreamlineError(code, message);
  const ofRecord = error.origin === 'record';
  const aborts = endsTransaction === true || (inTransaction && !ofRecord && error.retriable);
  if (!aborts || code === 'broker.fatal') return error;
  return new StreamlineError('broker.transaction_aborted', message, ofRecord ? { cause: error } : {});
}

const messages = new Map<number, string>([
  [RD.MSG_SIZE_TOO_LARGE, 'the record is larger than the topic or the sidecar takes'],
  [RD.INVALID_RECORD, 'the broker refuses the record (no key on a compacted topic?)'],
  [RD.INVALID_DIFFERENT_RECORD, 'the broker refuses the record'],
  [RD.INVALID_TIMESTAMP, "the record's timestamp is outside of what the topic takes"],
  [RD.UNKNOWN_TOPIC, 'the topic does not exist'],
  [RD.UNKNOWN_TOPIC_OR_PART, 'the topic does not exist'],
  [RD.UNKNOWN_PARTITION, 'the topic has no such partition, or was deleted'],
  [RD.TOPIC_AUTHORIZATION_FAILED, 'not authorised to write to the topic'],
]);

export function produceFailureMessage(clientCode: number, fallback: string): string {
  return messages.get(clientCode) ?? fallback;
}
