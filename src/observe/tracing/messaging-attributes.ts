import { SpanKind, type Attributes } from '@opentelemetry/api';
import type { SpanPlan } from './span-source.ts';

/*
 * OpenTelemetry's semantic conventions for messaging, 1.45, in development still. Some names have changed of late (`messaging.system`,
 * `messaging.kafka.offset`), and what reads traces knows the earlier ones: both are written.
 */

export type Operation = 'receive' | 'process' | 'send' | 'settle';

/** As Kafka's own API calls them. */
const NAMES = { receive: 'poll', process: 'process', send: 'send', settle: 'commit' } as const;

/**
 * @param topic undefined: more than one
 * @param kind of a send whose span no record names it is CLIENT
 */
export function messagingSpan(
  operation: Operation,
  topic: string | undefined,
  more: Attributes = {},
  kind = operation === 'process' ? SpanKind.CONSUMER : operation === 'send' ? SpanKind.PRODUCER : SpanKind.CLIENT,
): SpanPlan {
  const name = NAMES[operation];
  return {
    name: topic === undefined ? name : `${name} ${topic}`,
    kind,
    attributes: {
      'messaging.system': 'kafka',
      'messaging.system.name': 'kafka',
      'messaging.operation.name': name,
      'messaging.operation.type': operation,
      ...(topic === undefined ? {} : { 'messaging.destination.name': topic }),
      ...more,
    },
  };
}

/** Of one record. Never its key or value: those are payload. */
export function recordAttributes(partition: number, offset: number, valueLength: number): Attributes {
  return {
    'messaging.destination.partition.id': String(partition),
    'messaging.kafka.offset': offset,
    'kafka.offset': offset,
    ...(valueLength < 0
      ? { 'messaging.kafka.message.tombstone': true, 'kafka.message.tombstone': true }
      : { 'messaging.message.body.size': valueLength }),
  };
}
