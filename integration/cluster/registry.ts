export type RegistryProvider = 'redpanda' | 'apicurio' | 'local-apicurio' | 'external';

/** A schema registry for tests, with the protocol of Confluent's and BACKWARD as its default compatibility. */
export interface Registry {
  /** With its base path, without a slash at the end. */
  readonly url: string;
  readonly provider: RegistryProvider;
  /** Ends it and removes what it has. */
  stop(): Promise<void>;
  /** kill -9. Only on a registry of one's own (`own: true`). */
  kill(): Promise<void>;
  /** Starts it again under its address; resolves when it answers. Apicurio has its schemas in memory: they are gone then. */
  restart(): Promise<void>;
}

export interface RegistryOptions {
  /** Not the one that the tests of a file share: for tests that kill it. */
  readonly own?: boolean;
}
