import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { ClusterUnavailable } from '../../cluster/cluster.ts';
import { resolveJars, type Coordinate } from '../../cluster/jars.ts';
import { lastLines, runProgram } from '../../cluster/process-output.ts';

const AVRO_JARS: readonly Coordinate[] = ['org.apache.avro:avro:1.12.1', 'org.slf4j:slf4j-nop:2.0.17'];
const SOURCE = join(import.meta.dirname, 'AvroWitness.java');
/** What it decodes may be hostile: its own bounds are what keeps it alive. */
const JAVA_OPTIONS = [
  '-Xmx768m',
  '-Xss4m',
  '-XX:+UseSerialGC',
  '-Dorg.apache.avro.limits.collectionItems.maxLength=1000000',
];
/** `java File.java`, without a compile step, as we use it. */
const JAVA_VERSION_MIN = 17;
const PROBE_MS_MAX = 30_000;
const STOP_MS_MAX = 10_000;

/** A text, or texts of which each may name types of those before it; the last one counts. */
export type SchemaTexts = string | readonly string[];

export type WitnessRequest =
  | {
      readonly op: 'toBinary';
      readonly schema: SchemaTexts;
      /** Avro-JSON; NaN and infinities bare. */
      readonly json: string;
      /** How arrays and maps are cut: one block, a count for every few items, or counts with lengths in bytes. */
      readonly blocks?: 'one' | 'many' | 'sized';
    }
  | { readonly op: 'toJson'; readonly schema: SchemaTexts; readonly binary: Buffer; readonly reader?: SchemaTexts }
  | { readonly op: 'check'; readonly schema: SchemaTexts }
  | { readonly op: 'roundTrip'; readonly schema: SchemaTexts; readonly binary: Buffer };

export interface WitnessAnswer {
  /** Why it cannot be done; nothing else is there then. */
  readonly error?: string;
  readonly binary?: Buffer;
  /** NaN and infinities as strings. */
  readonly json?: string;
  /** How many bytes were left over after the value. */
  readonly rest?: number;
}

interface WireAnswer extends Omit<WitnessAnswer, 'binary'> {
  readonly binary?: string;
}

interface Waiting {
  readonly resolve: (answer: WitnessAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** Apache Avro's own Java as a process that answers. It ends with the pipe to it, so also when we are killed. */
export class AvroWitness {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #waiting: Waiting[] = [];
  #complaints = '';
  /** The pieces of a line that has not ended yet. */
  #line: string[] = [];
  #ended: Error | undefined;

  /** Throws ClusterUnavailable without Java 17 or Maven. */
  static async start(): Promise<AvroWitness> {
    await requireJava();
    const jars = await resolveJars('avro', AVRO_JARS);
    const witness = new AvroWitness(jars);
    await witness.ask([{ op: 'check', schema: '"null"' }]);
    return witness;
  }

  private constructor(jars: string) {
    this.#process = spawn('java', [...JAVA_OPTIONS, '-cp', join(jars, '*'), SOURCE], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // A broken pipe is told by 'close', with what the process said.
    this.#process.stdin.on('error', () => {});
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-10_000);
    });
    this.#process.stdout.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    this.#process.on('error', (error) => this.#fail(error));
    this.#process.on('close', (code) =>
      this.#fail(new Error(`Java ended with ${code}:\n${lastLines(this.#complaints)}`)),
    );
  }

  /** Answers in the order of the requests. Many at once are much faster than one by one. */
  ask(requests: readonly WitnessRequest[]): Promise<WitnessAnswer[]> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const answers = requests.map(
      () => new Promise<WitnessAnswer>((resolve, reject) => this.#waiting.push({ resolve, reject })),
    );
    this.#process.stdin.write(requests.map((request) => `${wireOf(request)}\n`).join(''));
    return Promise.all(answers);
  }

  async one(request: WitnessRequest): Promise<WitnessAnswer> {
    const [answer = {}] = await this.ask([request]);
    return answer;
  }

  stop(): Promise<void> {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
      child.on('close', () => {
        clearTimeout(timer);
        resolve();
      });
      child.stdin.end();
    });
  }

  /** Not node:readline, for which U+2028 ends a line. */
  #read(text: string): void {
    const [end = '', ...others] = text.split('\n');
    this.#line.push(end);
    for (const start of others) {
      this.#settle(this.#line.join(''));
      this.#line = [start];
    }
  }

  #settle(line: string): void {
    const { binary, ...answer } = JSON.parse(line) as WireAnswer;
    const bytes = binary === undefined ? {} : { binary: Buffer.from(binary, 'base64') };
    this.#waiting.shift()?.resolve({ ...answer, ...bytes });
  }

  #fail(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
  }
}

function wireOf(request: WitnessRequest): string {
  return JSON.stringify('binary' in request ? { ...request, binary: request.binary.toString('base64') } : request);
}

async function requireJava(): Promise<void> {
  const { ok, output } = await runProgram('java', ['-version'], PROBE_MS_MAX);
  const major = Number(/version "(\d+)/.exec(output)?.[1] ?? 0);
  if (!ok) throw new ClusterUnavailable('java is not installed');
  if (major < JAVA_VERSION_MIN) throw new ClusterUnavailable(`java is ${major}, not ${JAVA_VERSION_MIN}`);
}
