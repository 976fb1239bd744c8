import { PassThrough, Writable } from 'node:stream';
import type { ExitCode } from '../cli-context.ts';
import { runCli } from '../run-cli.ts';

export interface InProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Everything is a terminal, and this is typed. */
  readonly typed?: string;
}

/** What was written, as a stream that may say it is a terminal. */
class Written extends Writable {
  readonly isTTY: boolean;
  readonly rows = 10;
  text = '';

  constructor(isTTY: boolean) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.text += chunk;
    done();
  }
}

/** Keys of a terminal. */
class Typed extends PassThrough {
  readonly isTTY: boolean;
  readonly rawModes: boolean[] = [];

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  setRawMode(on: boolean): this {
    this.rawModes.push(on);
    return this;
  }
}

export class InProcessRun {
  readonly stdin: Typed;
  readonly stdout: Written;
  readonly stderr: Written;
  readonly ended: Promise<ExitCode>;
  readonly interrupt = new AbortController();

  constructor(args: readonly string[], { env = {}, typed }: InProcessOptions) {
    const isTTY = typed !== undefined;
    this.stdin = new Typed(isTTY);
    [this.stdout, this.stderr] = [new Written(isTTY), new Written(isTTY)];
    if (typed === undefined) this.stdin.end();
    else if (typed !== '') this.stdin.write(typed);
    const { stdin, stdout, stderr } = this;
    this.ended = runCli(args, '1.2.3', {
      streams: { stdin, stdout, stderr },
      env,
      interrupt: () => this.interrupt.signal,
    });
  }
}

/** The same program without a process of its own: for many cases, and for terminals. */
export async function runInProcess(
  args: readonly string[],
  options: InProcessOptions = {},
): Promise<{ readonly code: ExitCode; readonly stdout: string; readonly stderr: string }> {
  const run = new InProcessRun(args, options);
  const code = await run.ended;
  return { code, stdout: run.stdout.text, stderr: run.stderr.text };
}
