import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileC } from '../../bench/e2e/c-program.ts';
import { Subject } from '../../bench/e2e/subject.ts';
import type { Scope } from '../harness/scope.ts';
import { PARTITIONS, recordLines } from './load.ts';

/** struct row of bench/e2e/latency.c. */
const ROW_BYTES = 40;

/** Each output as it came to a reader of the topic, in the order it came. All arrays are of one length. */
export interface Arrivals {
  /** Of the monotonic clock, as `process.hrtime` tells it. */
  readonly sentMs: Float64Array;
  readonly tookMs: Float64Array;
  readonly offset: Float64Array;
  readonly id: Int32Array;
  readonly partition: Int32Array;
  /** Indexes of texts. */
  readonly module: Int32Array;
  readonly value: Int32Array;
  readonly texts: readonly string[];
  /** How many records were produced: their ids are 0 … sent - 1. */
  readonly sent: number;
}

export interface LoadOptions {
  readonly bootstrap: string;
  readonly input: string;
  readonly output: string;
  readonly perSecond: number;
  readonly secondsMax: number;
}

/** Why nothing can flow: C cannot be compiled here. */
export class LoadUnavailable extends Error {
  override readonly name = 'LoadUnavailable';
}

/** Records at a steady rate from a process of its own, which accounts for what comes out too: bench/e2e/latency.c with a ledger. */
export class SteadyLoad {
  readonly #subject: Subject;
  readonly #ledger: string;

  private constructor(subject: Subject, ledger: string) {
    this.#subject = subject;
    this.#ledger = ledger;
  }

  /** Throws LoadUnavailable, with what the compiler said, where C cannot be compiled. The topics are there and empty. */
  static async start(scope: Scope, options: LoadOptions): Promise<SteadyLoad> {
    const { bootstrap, input, output, perSecond, secondsMax } = options;
    const folder = mkdtempSync(join(tmpdir(), 'streamline-reloads-'));
    scope.after(() => rmSync(folder, { recursive: true, force: true }));
    const source = join(import.meta.dirname, '..', '..', 'bench', 'e2e', 'latency.c');
    const program = await compileC(source, folder).catch((thrown: unknown) => {
      throw new LoadUnavailable(thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
    });
    const [records, ledger] = [join(folder, 'records.tsv'), join(folder, 'ledger')];
    writeFileSync(records, recordLines());
    const args = [bootstrap, input, output, PARTITIONS, records, perSecond, 0, secondsMax, ledger];
    const subject = new Subject(program, args.map(String));
    const load = new SteadyLoad(subject, ledger);
    scope.after(() => subject.stop());
    return load;
  }

  /** Throws when it has ended by itself. */
  assertFlows(): void {
    this.#subject.assertAlive();
  }

  /** Produces no more, waits until all has arrived that will. */
  async end(): Promise<Arrivals> {
    await this.#subject.stop();
    // The client may log beside it.
    const line = this.#subject.output.split('\n').find((text) => text.startsWith('{"sent"'));
    const texts = `${this.#ledger}.texts`;
    if (line === undefined || !existsSync(texts)) throw new Error(`no ledger of arrivals:\n${this.#subject.output}`);
    const { sent } = JSON.parse(line) as { sent: number };
    return arrivalsOf(readFileSync(this.#ledger), readFileSync(texts, 'utf8').split('\n').slice(0, -1), sent);
  }
}

function arrivalsOf(bytes: Buffer, texts: readonly string[], sent: number): Arrivals {
  const count = bytes.length / ROW_BYTES;
  const arrivals = {
    ...{ sentMs: new Float64Array(count), tookMs: new Float64Array(count), offset: new Float64Array(count) },
    ...{ id: new Int32Array(count), partition: new Int32Array(count) },
    ...{ module: new Int32Array(count), value: new Int32Array(count), texts, sent },
  };
  const at = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0, byte = 0; i < count; i += 1, byte += ROW_BYTES) {
    arrivals.sentMs[i] = Number(at.getBigInt64(byte, true)) / 1e6;
    arrivals.tookMs[i] = Number(at.getBigInt64(byte + 8, true)) / 1e6;
    arrivals.offset[i] = Number(at.getBigInt64(byte + 16, true));
    arrivals.id[i] = at.getInt32(byte + 24, true);
    arrivals.partition[i] = at.getInt32(byte + 28, true);
    arrivals.module[i] = at.getInt32(byte + 32, true);
    arrivals.value[i] = at.getInt32(byte + 36, true);
  }
  return arrivals;
}
