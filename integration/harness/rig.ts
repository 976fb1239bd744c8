import { committedOffsets, createTopic, produceAll, topicNames, type RecordToProduce } from '../cluster/client.ts';
import { Ledger } from './ledger.ts';
import { Sidecar, sidecarHome } from './sidecar.ts';
import type { Settings, SidecarHome } from './sidecar-home.ts';
import type { Scope } from './scope.ts';
import { specText, uniqueName, withIds } from './spec.ts';

export interface RigOptions {
  readonly records: readonly RecordToProduce[];
  readonly spec: Readonly<Record<string, unknown>>;
  readonly settings?: Settings;
  /** Of the input topic. */
  readonly partitions?: number;
}

/** One transform with its topics: `NAME` → `NAME.out`, dead letters in `NAME.dlq`. */
export class Rig {
  readonly name: string;
  readonly home: SidecarHome;
  readonly out: string;
  readonly dlq: string;
  readonly #bootstrap: string;
  readonly #settings: Settings;
  #specText = '';
  #produced = 0;

  private constructor(bootstrap: string, name: string, home: SidecarHome, settings: Settings) {
    this.#settings = settings;
    this.#bootstrap = bootstrap;
    this.name = name;
    this.home = home;
    this.out = `${name}.out`;
    this.dlq = `${name}.dlq`;
  }

  /** The input is full and the spec written; nothing runs yet. */
  static async create(scope: Scope, bootstrap: string, options: RigOptions): Promise<Rig> {
    const { records, spec, settings = {}, partitions = 1 } = options;
    const rig = new Rig(bootstrap, uniqueName('rig'), sidecarHome(scope, bootstrap, settings), settings);
    await createTopic(bootstrap, rig.name, partitions);
    if (records.length > 0) await rig.produce(records);
    rig.deploy(spec);
    return rig;
  }

  /** More records; ids go on where they ended. */
  async produce(records: readonly RecordToProduce[]): Promise<void> {
    await produceAll(this.#bootstrap, this.name, withIds(records, this.#produced));
    this.#produced += records.length;
  }

  /** The output and dead-letter topics, before the sidecar would. */
  async createTopics(partitions: number): Promise<void> {
    for (const topic of [this.out, this.dlq]) await createTopic(this.#bootstrap, topic, partitions);
  }

  /** Those of the topics that exist. */
  async existing(topics: readonly string[]): Promise<string[]> {
    const known = new Set(await topicNames(this.#bootstrap));
    return topics.filter((topic) => known.has(topic));
  }

  /** Another home with the same spec: a second sidecar in the same group. */
  twin(scope: Scope): SidecarHome {
    const home = sidecarHome(scope, this.#bootstrap, this.#settings);
    home.writeSpec('spec.yaml', this.#specText);
    return home;
  }

  deploy(spec: Readonly<Record<string, unknown>>): void {
    const own = { name: this.name, input_topic: this.name, output_topic: this.out, input: { start: 'earliest' } };
    this.#specText = specText({ ...own, ...spec });
    this.home.writeSpec('spec.yaml', this.#specText);
  }

  start(): Promise<Sidecar> {
    return Sidecar.start(this.home);
  }

  get group(): string {
    return `streamline.${this.name}`;
  }

  /** Partition → committed offset. */
  committed(): Promise<Map<number, number>> {
    return committedOffsets(this.#bootstrap, this.group, this.name);
  }

  ledger(outputs: readonly string[] = [this.out], deadLetters: readonly string[] = [this.dlq]): Promise<Ledger> {
    return Ledger.read(this.#bootstrap, { input: this.name, outputs, deadLetters });
  }
}
