import { toStreamlineError } from '../base/error.ts';
import type { SourceHandlers } from '../pipeline/ports.ts';
import { RD, type ClientError, type ClientTopicPartition, type ConsumerExtras } from './client.ts';
import { codeOf, toBrokerError } from './client-error.ts';
import type { Logger } from './log.ts';

/** What the rebalancer does to the client. */
export type RebalanceClient = ConsumerExtras & {
  assign(partitions: ClientTopicPartition[]): unknown;
  unassign(): unknown;
  resume(partitions: readonly ClientTopicPartition[]): unknown;
};

/**
 * Answers the group's rebalances, one after another. librdkafka waits for each answer (assign or unassign), so a drain may take
 * its time: the group goes on when it is done, and until then this member's commits are accepted.
 */
export class Rebalancer {
  readonly #client: RebalanceClient;
  readonly #handlers: SourceHandlers;
  readonly #logger: Logger;
  /** Resolves when no consume is under way. */
  readonly #consumeIdle: () => Promise<void>;
  /** Indexed by partition: whose records may be handed out. */
  readonly active: boolean[] = [];
  #chain: Promise<void> = Promise.resolve();
  #cooperative = false;
  #closing = false;
  #announceClosing: () => void = () => {};
  readonly #closed: Promise<void>;

  constructor(client: RebalanceClient, handlers: SourceHandlers, logger: Logger, consumeIdle: () => Promise<void>) {
    this.#client = client;
    this.#handlers = handlers;
    this.#logger = logger;
    this.#consumeIdle = consumeIdle;
    this.#closed = new Promise((resolve) => {
      this.#announceClosing = resolve;
    });
  }

  /** From now on nothing is handed out or told; a rebalance under way is cut short. */
  async close(): Promise<void> {
    this.#closing = true;
    this.active.length = 0;
    this.#announceClosing();
    await this.#chain;
  }

  /** The client's rebalance_cb. */
  readonly onEvent = (error: ClientError, partitions: readonly ClientTopicPartition[]): void => {
    if (codeOf(error) === RD.ASSIGN_PARTITIONS) {
      this.#enqueue(() => this.#assign(partitions));
      return;
    }
    if (codeOf(error) !== RD.REVOKE_PARTITIONS) {
      this.#logger.warn({ error: error.message }, 'rebalance failed; giving up what was assigned');
    }
    // Only true inside this callback, so it is asked now and not when its turn comes.
    const lost = !this.#closing && this.#client.assignmentLost();
    // I5: records that come in from here on belong to nobody here.
    this.#deactivate(partitions);
    this.#enqueue(() => this.#revoke(partitions, lost));
  };

  #enqueue(step: () => Promise<void>): void {
    this.#chain = this.#chain.then(step).catch((thrown: unknown) => {
      // librdkafka still waits for the answer: a member that goes on would hold its partitions and read none of them.
      if (!this.#closing) this.#handlers.failed(toBrokerError(thrown, 'broker.client', 'a rebalance was not answered'));
    });
  }

  #deactivate(partitions: readonly ClientTopicPartition[]): void {
    for (const { partition } of partitions) this.active[partition] = false;
  }

  async #assign(partitions: readonly ClientTopicPartition[]): Promise<void> {
    // A consume that began before may still hold records of an earlier assignment: they must be passed over first, or they
    // would come twice, out of order.
    await this.#consumeIdle();
    if (this.#closing) return this.#giveUp(partitions);
    this.#cooperative = this.#client.rebalanceProtocol() === 'COOPERATIVE';
    const numbers = partitions.map(({ partition }) => partition);
    this.#handlers.assigned(numbers);
    for (const partition of numbers) this.active[partition] = true;
    if (this.#cooperative) this.#client.incrementalAssign(partitions);
    else this.#client.assign([...partitions]);
    // librdkafka keeps a pause beyond its assignment: the partition would come back and never be read again.
    if (partitions.length > 0) this.#client.resume(partitions);
  }

  async #revoke(partitions: readonly ClientTopicPartition[], lost: boolean): Promise<void> {
    this.#deactivate(partitions);
    const numbers = partitions.map(({ partition }) => partition);
    if (!this.#closing && numbers.length > 0) {
      try {
        if (lost) this.#handlers.lost(numbers);
        else await Promise.race([this.#handlers.revoked(numbers), this.#closed]);
      } catch (thrown) {
        this.#logger.error({ error: toStreamlineError(thrown).toJSON() }, 'drain before a revoke failed');
      }
    }
    await this.#consumeIdle();
    this.#giveUp(partitions);
  }

  #giveUp(partitions: readonly ClientTopicPartition[]): void {
    // The protocol is remembered: a client that is closing answers NONE, and the wrong kind of unassign hangs the close.
    if (this.#cooperative) this.#client.incrementalUnassign(partitions);
    else this.#client.unassign();
  }
}
