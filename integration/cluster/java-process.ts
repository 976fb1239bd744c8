import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClusterUnavailable } from './cluster.ts';
import { guardFolder } from './guard.ts';
import { lastLines, runProgram } from './process-output.ts';

const JAVA_VERSION_MIN = 17;
const PROBE_MS_MAX = 30_000;
const CLEAN_STOP_MS_MAX = 30_000;
const START_ATTEMPTS = 3;

export async function requireJava(): Promise<void> {
  const { ok, output } = await runProgram('java', ['-version'], PROBE_MS_MAX);
  const major = Number(/version "(\d+)/.exec(output)?.[1] ?? 0);
  if (ok && major >= JAVA_VERSION_MIN) return;
  const found = ok ? `java is ${major}, not ${JAVA_VERSION_MIN}` : 'java is not installed';
  throw new ClusterUnavailable(`no Docker engine answers, and ${found}`);
}

interface JavaProgram {
  /** Where it listens. */
  readonly address: string;
  readonly args: readonly string[];
  /** Resolves when it answers; rejects when it does not, or ended before. */
  readonly ready: (isRunning: () => boolean) => Promise<void>;
}

/** A Java program with a temporary folder of its own. Neither outlives this process. */
export class JavaProcess {
  readonly address: string;
  readonly #folder: string;
  readonly #program: JavaProgram;
  readonly #release: () => Promise<void>;
  #child: ChildProcess | undefined;

  private constructor(folder: string, program: JavaProgram, release: () => Promise<void>) {
    this.address = program.address;
    this.#folder = folder;
    this.#program = program;
    this.#release = release;
  }

  /**
   * Resolves when the program answers.
   * @param prepare told the folder; again for each attempt, as another process may have taken its ports in the meantime
   */
  static async start(name: string, prepare: (folder: string) => Promise<JavaProgram>): Promise<JavaProcess> {
    for (let attempt = 1; ; attempt += 1) {
      const folder = mkdtempSync(join(tmpdir(), `streamline-${name}-`));
      const release = guardFolder(folder);
      let java: JavaProcess | undefined;
      try {
        java = new JavaProcess(folder, await prepare(folder), release);
        await java.start();
        return java;
      } catch (error) {
        await java?.kill();
        await release();
        if (attempt === START_ATTEMPTS) throw error;
      }
    }
  }

  /** Again, after its end: where it was, with what it has in its folder. */
  async start(): Promise<void> {
    const logFile = join(this.#folder, 'java.log');
    const log = openSync(logFile, 'a');
    // Its own temporary files go with the folder, and the guard knows the process by the name in its arguments.
    const args = [`-Djava.io.tmpdir=${this.#folder}`, ...this.#program.args];
    const child = spawn('java', args, { stdio: ['ignore', log, log], cwd: this.#folder });
    closeSync(log);
    this.#child = child;
    // The guard reads it.
    writeFileSync(join(this.#folder, 'pid'), String(child.pid ?? ''));
    // What nobody waits for must not keep the process that started it alive.
    child.unref();
    try {
      await this.#program.ready(() => isRunning(child));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${reason}\n${lastLines(readFileSync(logFile, 'utf8'))}`, { cause: error });
    }
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** By the signal that asks it to; one that does not heed it in time is killed. */
  stopCleanly(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** The end of it and its folder. */
  async remove(): Promise<void> {
    await this.kill();
    await this.#release();
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || !isRunning(child)) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), CLEAN_STOP_MS_MAX);
      child.ref();
      child.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
      child.kill(signal);
    });
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}
