import { StreamlineError } from '../../base/error.ts';
import type { Rng } from '../../base/rng.ts';
import type { GroupMember, PartitionOffset, Transactions } from '../ports.ts';
import type { Arrival, Faults, SimCluster, SimGroupMember, SimMember } from './sim-cluster.ts';

/** What a producer has written since it last committed or aborted; nobody sees it before that. */
export interface SimTransaction {
  readonly arrivals: Arrival[];
  state: 'open' | 'committed' | 'aborted';
}

/** The transactions of one member's producer, as a broker answers: late, wrongly, or not to be told. */
export class SimTransactions implements Transactions {
  readonly #cluster: SimCluster;
  readonly #member: SimMember;
  readonly #rng: Rng;
  readonly #faults: Faults;
  readonly #delay: (delayMs: number) => Promise<void>;
  #lost = false;
  #dropped = Promise.withResolvers<void>();
  open: SimTransaction = { arrivals: [], state: 'open' };

  constructor(
    cluster: SimCluster,
    member: SimMember,
    rng: Rng,
    faults: Faults,
    delay: (delayMs: number) => Promise<void>,
  ) {
    this.#cluster = cluster;
    this.#member = member;
    this.#rng = rng;
    this.#faults = faults;
    this.#delay = delay;
  }

  /** Resolves when what is under way is dropped. */
  get dropped(): Promise<void> {
    return this.#dropped.promise;
  }

  async commit(offsets: readonly PartitionOffset[], member: GroupMember): Promise<void> {
    const { commitRefused, commitLost, fenced, delayMaxMs } = this.#faults;
    const wait = (): Promise<void> => this.#delay(this.#rng() * delayMaxMs);
    await wait();
    this.#assertMine();
    if (this.#rng() < fenced) this.#lose('broker.fenced');
    // The coordinator knows who is in the group: a member that was put out of it commits nothing.
    const stale = (member as SimGroupMember).generation !== this.#member.generation;
    if (stale || this.#rng() < commitRefused) {
      throw new StreamlineError('broker.transaction_aborted', 'simulated: the offsets were not taken');
    }
    this.#member.checkTrouble(offsets);
    const transaction = this.open;
    const settle = this.#cluster.pendingOffsets(offsets);
    await wait();
    if (this.#rng() < commitLost) {
      const commits = this.#rng() < 0.5;
      this.open = { arrivals: [], state: 'open' };
      void wait().then(() => {
        if (commits) this.#cluster.commitTransaction(transaction, offsets);
        else transaction.state = 'aborted';
        settle();
      });
      this.#lose('broker.fatal');
    }
    if (this.#rng() < commitRefused) {
      settle();
      throw new StreamlineError('broker.transaction_aborted', 'simulated: not committed');
    }
    this.#cluster.commitTransaction(transaction, offsets);
    settle();
    this.open = { arrivals: [], state: 'open' };
    await wait();
  }

  async abort(): Promise<void> {
    await this.#delay(this.#rng() * this.#faults.delayMaxMs);
    this.#assertMine();
    this.drop();
    if (this.#rng() < this.#faults.fenced) this.#lose('broker.fenced');
  }

  /** Aborted, by its producer or in the end by the cluster. */
  drop(): void {
    this.open.state = 'aborted';
    this.open = { arrivals: [], state: 'open' };
    this.#dropped.resolve();
    this.#dropped = Promise.withResolvers();
  }

  #assertMine(): void {
    if (this.#lost || this.#member.closed) throw new StreamlineError('broker.fatal', 'simulated: the producer is gone');
  }

  #lose(code: 'broker.fenced' | 'broker.fatal'): never {
    this.#lost = true;
    throw new StreamlineError(code, 'simulated: this producer is done');
  }
}
