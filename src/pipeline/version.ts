import type { TransformationConfig } from '../spec/transformation-config.ts';
import { Breaker } from './breaker.ts';
import { MODULE_HEADER, type DeadLetterContext } from './dead-letter.ts';
import type { Executor, OutputRange, TopicDirectory } from './ports.ts';

/** What a transform is from one batch to the next: its config, its guests and the topics they may write to. */
export interface VersionParts {
  readonly config: TransformationConfig;
  readonly executor: Executor;
  readonly topics: TopicDirectory;
  /** Hex; `builtin` for a builtin. */
  readonly moduleSha256: string;
}

/**
 * One version of a transform. A batch keeps the version it was dispatched to until its last record has an outcome, its retries and dead
 * letters included: so versions change between two batches and no record sees two (I10).
 */
export class Version {
  /** Grows with every version of a pipeline. */
  readonly number: number;
  readonly config: TransformationConfig;
  readonly executor: Executor;
  readonly topics: TopicDirectory;
  readonly moduleSha256: string;
  readonly breaker: Breaker;
  readonly deadLetters: DeadLetterContext;
  /** What each output carries besides its own headers: which module made it. */
  readonly stamp: OutputRange['stamp'];
  /** Records that have an outcome. */
  settled = 0;
  /** Batches dispatched to it and not done. */
  openBatches = 0;
  /** Nothing more is dispatched to it. */
  retired = false;

  constructor(number: number, { config, executor, topics, moduleSha256 }: VersionParts, workerId: string) {
    this.number = number;
    this.config = config;
    this.executor = executor;
    this.topics = topics;
    this.moduleSha256 = moduleSha256;
    this.breaker = new Breaker(config.errors.stopAfter);
    this.deadLetters = { config, moduleSha256, workerId };
    this.stamp = config.output.moduleHeader ? { name: MODULE_HEADER, value: moduleSha256 } : undefined;
  }
}
