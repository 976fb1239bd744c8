import type { BridgeProducer, TransactionAnswer } from './bridge-addon.ts';
import type { TransactionalProducer, TransactionDone } from './transactions.ts';

/** What a consumer of the addon proves its membership by. */
export interface BridgeMembership {
  readonly topic: string;
  readonly metadata: Uint8Array;
}

/** The addon's transactional calls, which wait in a thread of their own, in the shape of the client's. */
export function bridgeTransactions(producer: BridgeProducer): TransactionalProducer<BridgeMembership> {
  const tell = (answer: Promise<TransactionAnswer>, done: TransactionDone): void => {
    void answer.then(([code, message, isFatal, isRetriable, isTxnRequiresAbort]) => {
      if (code === 0) done(undefined, undefined);
      else done({ code, message, isFatal, isRetriable, isTxnRequiresAbort }, undefined);
    });
  };
  return {
    initTransactions: (timeoutMs, done) => tell(producer.transaction('init', timeoutMs), done),
    beginTransaction: (done) => tell(producer.transaction('begin', 0), done),
    sendOffsetsToTransaction: (offsets, { topic, metadata }, timeoutMs, done) => {
      const partitions = Int32Array.from(offsets, ({ partition }) => partition);
      const positions = Float64Array.from(offsets, ({ offset }) => offset);
      tell(producer.transaction('offsets', timeoutMs, topic, partitions, positions, metadata), done);
    },
    commitTransaction: (timeoutMs, done) => tell(producer.transaction('commit', timeoutMs), done),
    abortTransaction: (timeoutMs, done) => tell(producer.transaction('abort', timeoutMs), done),
  };
}
