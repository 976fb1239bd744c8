import { StreamlineError } from '../base/error.ts';
import type { RecordSink, RecordSource } from '../pipeline/ports.ts';
import { loadBridge } from './bridge-addon.ts';
import { BridgeSink } from './bridge-sink.ts';
import { BridgeSource } from './bridge-source.ts';
import { ConfluentSink, type ConfluentSinkOptions } from './confluent-sink.ts';
import { ConfluentSource, type ConfluentSourceOptions } from './confluent-source.ts';
import type { PartitionLag } from './positions.ts';

export type TransportName = 'bridge' | 'confluent';

export interface MeasuredSource extends RecordSource {
  lag(): readonly PartitionLag[];
}

/** One of the two ways to the cluster. Both implement the same ports and pass the same contract (transport.contract.ts). */
export interface KafkaTransport {
  readonly name: TransportName;
  /** Of the librdkafka it uses, or why it is this one. */
  readonly detail: string;
  source(options: ConfluentSourceOptions): MeasuredSource;
  sink(options: ConfluentSinkOptions): RecordSink;
}

/** The JavaScript client: works everywhere. */
function confluentTransport(detail: string): KafkaTransport {
  return {
    name: 'confluent',
    detail,
    source: (options) => new ConfluentSource(options),
    sink: (options) => new ConfluentSink(options),
  };
}

/**
 * kafka.transport: `auto` takes the native bridge where its addon is there. Throws config.invalid when the bridge is asked for by name and
 * is not.
 */
export function chooseTransport(wanted: 'auto' | TransportName): KafkaTransport {
  if (wanted === 'confluent') return confluentTransport('as configured');
  const bridge = loadBridge();
  if (bridge.addon !== undefined) {
    const { addon } = bridge;
    return {
      name: 'bridge',
      detail: `librdkafka ${addon.librdkafkaVersion}`,
      source: (options) => new BridgeSource(addon, options),
      sink: (options) => new BridgeSink(addon, options),
    };
  }
  if (wanted === 'auto') return confluentTransport(bridge.reason);
  throw new StreamlineError('config.invalid', `kafka.transport is bridge, but ${bridge.reason}`, {
    configPath: '/kafka/transport',
    suggestion: 'Build it by running the set-up (npm install, npm run build), or write transport: auto.',
  });
}
