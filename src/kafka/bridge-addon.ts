import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/*
 * The native addon (native/README.md) as this folder uses it. The one place that loads it. No call waits for the network: what takes
 * time is a promise, settled by the client's own thread. Codes are librdkafka's (client.ts, RD); 0 = fine.
 */

export type Properties = Readonly<Record<string, string>>;

/** `error`: code, text, fatal · `log`: severity, facility, line · `stats`: JSON · `rebalance`: code, partitions, lost, protocol. */
export type BridgeEvent =
  | readonly ['error', code: number, text: string, fatal: boolean]
  | readonly ['log', severity: number, facility: string, line: string]
  | readonly ['stats', json: string]
  | readonly ['rebalance', code: number, partitions: readonly number[], lost: boolean, protocol: string];

export interface BridgeClient {
  /** Until a broker has answered a question about the topic. */
  connect(topic: string | undefined, timeoutMs: number): Promise<number>;
  /** Leaves the group, drops what is queued, ends the thread. */
  close(): Promise<void>;
}

/** How an assignment changes: all at once (eager), or by what is added and taken away (cooperative). */
export const ASSIGN = { all: 0, none: 1, add: 2, remove: 3 } as const;

export interface BridgeConsumer extends BridgeClient {
  subscribe(): Promise<number>;
  /**
   * Fills the buffer with one packed batch. > 0: its bytes; 0: nothing came in `waitMs`; < 0: the next record needs a buffer of so many
   * bytes. The buffer is the addon's until then.
   */
  poll(buffer: Uint8Array, recordsMax: number, waitMs: number): Promise<number>;
  assign(how: number, partitions: Int32Array): Promise<number>;
  pause(partitions: Int32Array, pause: boolean): void;
  /** Resolves when nothing read before can come any more. */
  seek(partitions: Int32Array, offsets: Float64Array): Promise<number>;
  /** `[code, partition, code, …]`: of the request, then of each partition that failed. */
  commit(partitions: Int32Array, offsets: Float64Array): Promise<readonly number[]>;
  /** `[code, partition, offset, …]`, -1 = none: committed offsets, or the first ones at these times. */
  lookUp(partitions: Int32Array, timesMs: Float64Array | undefined, timeoutMs: number): Promise<readonly number[]>;
  /** End of the partition as of the last fetch; -1 = not known. */
  highOffset(partition: number): number;
  /** For `transaction('offsets')`; empty when this is no member. */
  groupMetadata(): Promise<Uint8Array>;
}

/** `[code, message, fatal, retriable, abort required]` */
export type TransactionAnswer = readonly [number, string, boolean, boolean, boolean];

export interface BridgeProducer extends BridgeClient {
  /**
   * Produces the entries in `ranges` (pairs of start and end) of packed results, in order, unless `ended[0]` is set before. The buffers
   * are the addon's until the answer: undefined, or `[code, entry, code, reported, …]`: of the whole, then of each output that failed, by
   * where its entry begins, and whether the cluster said so (1) or librdkafka did not take it in the first place (0). A stamp is a header
   * put behind each output's own.
   */
  produce(
    batch: Uint8Array,
    results: Uint8Array,
    ranges: Uint32Array,
    topics: readonly string[],
    defaultTopic: string | undefined,
    inputTimestamp: boolean,
    ended: Int32Array,
    stampName?: string,
    stampValue?: string,
  ): Promise<readonly number[] | undefined>;
  /** Drops what waits or is under way. */
  purge(): Promise<number>;
  transaction(step: 'init' | 'begin' | 'commit' | 'abort', timeoutMs: number): Promise<TransactionAnswer>;
  transaction(
    step: 'offsets',
    timeoutMs: number,
    topic: string,
    partitions: Int32Array,
    offsets: Float64Array,
    groupMetadata: Uint8Array,
  ): Promise<TransactionAnswer>;
}

export interface BridgeAddon {
  readonly librdkafkaVersion: string;
  readonly Consumer: new (
    properties: Properties,
    topic: string,
    onEvent: (...event: BridgeEvent) => void,
  ) => BridgeConsumer;
  readonly Producer: new (properties: Properties, onEvent: (...event: BridgeEvent) => void) => BridgeProducer;
  errorText(code: number): string;
}

/** Where it was loaded from, or why it was not. */
export type BridgeLoad =
  { readonly addon: BridgeAddon; readonly path: string } | { readonly addon: undefined; readonly reason: string };

const root = fileURLToPath(new URL('../../', import.meta.url));
let loaded: BridgeLoad | undefined;

/** Loads the addon once: what was built here, or what came prebuilt with the package. */
export function loadBridge(): BridgeLoad {
  loaded ??= load([
    `${root}native/build/streamline_kafka.node`,
    `${root}prebuilds/${platform()}/streamline_kafka.node`,
  ]);
  return loaded;
}

function load(paths: readonly string[]): BridgeLoad {
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined)
    return { addon: undefined, reason: `no native addon for ${platform()} was built or packaged` };
  try {
    return { addon: createRequire(import.meta.url)(path) as BridgeAddon, path };
  } catch (thrown) {
    const [line] = (thrown instanceof Error ? thrown.message : String(thrown)).split('\n');
    return { addon: undefined, reason: `the native addon does not load: ${line}` };
  }
}

/** As the folders of prebuilt addons are called. */
function platform(): string {
  if (process.platform !== 'linux') return `${process.platform}-${process.arch}`;
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return `linux-${process.arch}-${header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'}`;
}
