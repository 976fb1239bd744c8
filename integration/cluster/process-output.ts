import { spawn } from 'node:child_process';

const OUTPUT_CHARACTERS_MAX = 64 * 1024;

export interface ProcessOutput {
  readonly ok: boolean;
  /** The end of what it printed, stdout and stderr as they came. */
  readonly output: string;
}

/** Runs a program to its end, in a bounded time. A program that does not exist is not ok. */
export function runProgram(command: string, args: readonly string[], timeoutMs: number): Promise<ProcessOutput> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    // Not spawn's own `timeout`: its timer outlives a program that could not be started.
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const settle = (result: ProcessOutput): void => {
      clearTimeout(timer);
      resolve(result);
    };
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-OUTPUT_CHARACTERS_MAX);
      });
    }
    child.on('error', (error) => settle({ ok: false, output: error.message }));
    child.on('close', (code) => settle({ ok: code === 0, output }));
  });
}

export function lastLines(text: string, count = 15): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
