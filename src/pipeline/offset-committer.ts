/** What brings the offsets of settled records to the broker: by themselves (Committer), or with the outputs (TransactionCommitter). */
export interface OffsetCommitter {
  /** Wall clock of the last commit the broker took, ms; undefined before the first. */
  readonly lastCommitMs: number | undefined;
  start(): void;
  /** Records are under way: there will be something to commit. */
  wake(): void;
  stop(): void;
  /** Forgets a partition that has a new assignment: its position starts from the broker's again. */
  forget(partition: number): void;
  /** Commits what has settled since the last time. Never rejects. */
  commitNow(): Promise<void>;
}
