import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const PROGRAM = join(ROOT, 'src', 'bin', 'streamline-cli.ts');
const RUN_MS_MAX = 30_000;

export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly cwd?: string;
}

/** The real program with a pipe on each side: no terminal. */
export class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<ProgramResult>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], { env = {}, input, cwd = ROOT }: ProgramOptions = {}) {
    const { PATH } = process.env;
    // Nothing of the environment that would colour or address it.
    this.child = spawn(process.execPath, [PROGRAM, ...args], {
      cwd,
      env: { PATH, TZ: 'UTC', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: RUN_MS_MAX,
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.child.stdin?.end(input);
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }));
    });
  }
}

export function runProgram(args: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
  return new Program(args, options).ended;
}

/** Waits for a condition, with a bound. */
export async function until(condition: () => boolean, what: string, timeoutMs = 15_000): Promise<void> {
  const start = performance.now();
  while (!condition()) {
    if (performance.now() - start > timeoutMs) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
