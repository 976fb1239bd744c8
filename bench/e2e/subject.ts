import { spawn, type ChildProcess } from 'node:child_process';
import { lastLines } from '../../integration/cluster/process-output.ts';

const OUTPUT_CHARACTERS_MAX = 64 * 1024;
const STOP_MS_MAX = 20_000;

/** A process that is measured: started, watched, ended. What it prints is kept for when it fails. */
export class Subject {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly exited: Promise<void>;
  #output = '';
  #ended = false;

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_CHARACTERS_MAX);
      });
    }
    this.exited = new Promise<void>((resolve) => {
      this.#child.on('error', () => resolve());
      this.#child.on('exit', () => resolve());
    }).then(() => {
      this.#ended = true;
    });
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${command} could not be started`);
    this.pid = pid;
    // A benchmark that is interrupted leaves nothing behind.
    process.once('exit', this.#kill);
  }

  readonly #kill = (): void => void this.#child.kill('SIGKILL');

  /** Throws with the last it printed when it ended by itself. */
  assertAlive(): void {
    if (this.#ended) throw new Error(`what is measured ended by itself:\n${lastLines(this.#output, 30)}`);
  }

  get output(): string {
    return this.#output;
  }

  /** SIGTERM, and SIGKILL for one that does not heed it. */
  async stop(): Promise<void> {
    const timer = setTimeout(this.#kill, STOP_MS_MAX);
    this.#child.kill('SIGTERM');
    await this.exited;
    clearTimeout(timer);
    process.removeListener('exit', this.#kill);
  }
}
