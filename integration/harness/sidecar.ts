import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';

import { createInterface } from 'node:readline';
import { eventually } from '../cluster/client.ts';
import { MetricSample } from './metric-sample.ts';
import type { Scope } from './scope.ts';
import { SidecarHome, type Settings } from './sidecar-home.ts';
import { builtProgram } from '../../scripts/built.ts';

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 30_000;
const REQUEST_MS_MAX = 10_000;
const STDERR_CHARACTERS_MAX = 20_000;

/** A line of the sidecar's log. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly transform?: string;
  readonly code?: string;
  readonly message?: string;
  readonly [field: string]: unknown;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly tookMs: number;
}

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SidecarSpecs extends Settings {
  /** File name → text. */
  readonly specs: Readonly<Record<string, string>>;
}

/** A home with these specs and a sidecar that is ready in it; both are gone when the test is over. */
export async function startSidecar(
  scope: Scope,
  bootstrap: string,
  { specs, ...settings }: SidecarSpecs,
): Promise<Sidecar> {
  const home = sidecarHome(scope, bootstrap, settings);
  for (const [file, text] of Object.entries(specs)) home.writeSpec(file, text);
  return Sidecar.start(home);
}

export function sidecarHome(scope: Scope, bootstrap: string, settings: Settings = {}): SidecarHome {
  const home = new SidecarHome(bootstrap, settings);
  scope.after(() => home.remove());
  return home;
}

/** `streamline-sidecar COMMAND --config …` in a home, run to its end. */
export async function runSidecar(
  home: SidecarHome,
  command: string,
  args: readonly string[] = [],
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = launch(home, command, args, {});
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, stdout, stderr };
}

function launch(
  home: SidecarHome,
  command: string,
  args: readonly string[],
  env: Record<string, string>,
): ChildProcess {
  // Set where tests run under node's runner; none of the sidecar's business.
  const { NODE_TEST_CONTEXT: _context, ...own } = process.env;
  const words = [...builtProgram('streamline-sidecar'), command, '--config', home.configFile, ...args];
  const [program = '', ...rest] = home.command([process.execPath, ...words]);
  const child = spawn(program, rest, {
    cwd: home.folder,
    env: { ...own, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) home.runs(child.pid);
  return child;
}

/** One run of the real sidecar, as a child process. */
export class Sidecar {
  readonly home: SidecarHome;
  readonly log: LogLine[] = [];
  /** What it printed that is no log line: must stay empty. */
  readonly noise: string[] = [];
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #stderr = '';
  #exit: Exit | undefined;
  #url = '';

  private constructor(home: SidecarHome, env: Record<string, string>) {
    this.home = home;
    const child = launch(home, 'run', [], env);
    this.#child = child;
    assert.ok(child.stdout !== null && child.stderr !== null);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARACTERS_MAX);
    });
    createInterface({ input: child.stdout }).on('line', (line) => this.#read(line));
    this.exited = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  /** Resolves when it is ready: every transform has come up or failed for the first time. */
  static async start(home: SidecarHome, env: Record<string, string> = {}): Promise<Sidecar> {
    const sidecar = Sidecar.launch(home, env);
    await sidecar.ready();
    return sidecar;
  }

  /** Resolves nothing: for tests that watch it start. */
  static launch(home: SidecarHome, env: Record<string, string> = {}): Sidecar {
    return new Sidecar(home, env);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** The HTTP server answers. */
  async listening(): Promise<void> {
    await this.#until(() => assert.notEqual(this.#url, '', 'it does not listen'), START_MS_MAX);
  }

  async ready(): Promise<void> {
    await this.listening();
    await this.#until(async () => assert.equal((await this.get('/readyz')).status, 200, 'not ready'), START_MS_MAX);
  }

  async get(path: string): Promise<Answer> {
    const start = performance.now();
    const answer = await fetch(`${this.#url}${path}`, { signal: AbortSignal.timeout(REQUEST_MS_MAX) });
    const body = await answer.text();
    return { status: answer.status, body, tookMs: performance.now() - start };
  }

  async metrics(): Promise<MetricSample> {
    const { status, body } = await this.get('/metrics');
    assert.equal(status, 200);
    return new MetricSample(body);
  }

  /** Waits until each of the transforms is in the state. */
  async reaches(state: string, ...transforms: readonly string[]): Promise<void> {
    await this.#until(async () => {
      const metrics = await this.metrics();
      for (const transform of transforms) assert.equal(metrics.state(transform), state, `state of ${transform}`);
    }, START_MS_MAX);
  }

  /** Waits until the transforms have settled all they received, at least `records` in this run (I2). */
  async settles(transform: string, records: number, timeoutMs = 90_000): Promise<MetricSample> {
    return this.#until(async () => {
      const metrics = await this.metrics();
      const own = { transform };
      const received = metrics.sum('streamline_transform_records_received_total', own);
      const settled = metrics.sum('streamline_transform_records_total', own);
      assert.ok(
        received >= records && settled === received,
        `${transform}: ${settled} of ${received}/${records} settled`,
      );
      assert.equal(metrics.sum('streamline_transform_records_unaccounted', own), 0, `${transform}: unaccounted`);
      return metrics;
    }, timeoutMs);
  }

  logOf(transform: string): LogLine[] {
    return this.log.filter((line) => line.transform === transform);
  }

  /** Waits for a log line. */
  async logs(matches: (line: LogLine) => boolean, timeoutMs = 60_000): Promise<LogLine> {
    return this.#until(() => {
      const line = this.log.find(matches);
      assert.ok(line !== undefined, 'the log line did not come');
      return line;
    }, timeoutMs);
  }

  /** I8: SIGTERM, and it must end with exit code 0. How long that took. */
  async stop(): Promise<number> {
    const start = performance.now();
    this.#child.kill('SIGTERM');
    const exit = await this.#exitWithin(STOP_MS_MAX);
    assert.deepEqual(exit, { code: 0, signal: null }, `it should end with 0\n${this.#evidence()}`);
    return performance.now() - start;
  }

  /** kill -9, at once. One that was killed before is gone already. */
  killNow(): void {
    try {
      process.kill(this.pid, 'SIGKILL');
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
    }
  }

  async kill(): Promise<void> {
    this.killNow();
    await this.dies();
  }

  /** Waits for its end by SIGKILL, from whomever. */
  async dies(timeoutMs = STOP_MS_MAX): Promise<void> {
    assert.equal((await this.#exitWithin(timeoutMs)).signal, 'SIGKILL');
  }

  /** Holds it where it is, until `thaw`: to the cluster it is gone, it knows nothing of that. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** The partitions it has, as it says itself. */
  get partitions(): ReadonlySet<number> {
    const held = new Set<number>();
    for (const { msg, partitions } of this.log) {
      const named = Array.isArray(partitions) ? partitions.map(Number) : [];
      if (msg === 'partitions assigned') for (const partition of named) held.add(partition);
      if (msg === 'partitions revoked' || msg === 'partitions lost') for (const one of named) held.delete(one);
      // A transform that is taken down leaves its group without a word on each partition.
      if (msg === 'transform will be restarted' || msg === 'transform failed') held.clear();
    }
    return held;
  }

  /** Polls a condition; fails at once when the process is gone, and shows what it said last. */
  async #until<T>(attempt: () => T | Promise<T>, timeoutMs: number): Promise<T> {
    let gone = false;
    try {
      return await eventually(async () => {
        gone = this.#exit !== undefined;
        if (gone) return undefined as T;
        return attempt();
      }, timeoutMs).then((value) => {
        if (gone) throw new Error(`the sidecar has ended: ${JSON.stringify(this.#exit)}`);
        return value;
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${reason}\n${this.#evidence()}`, { cause: error });
    }
  }

  async #exitWithin(timeoutMs: number): Promise<Exit> {
    return eventually(() => {
      if (this.#exit === undefined) throw new Error(`the sidecar does not end\n${this.#evidence()}`);
      return this.#exit;
    }, timeoutMs);
  }

  #read(line: string): void {
    try {
      this.log.push(JSON.parse(line) as LogLine);
    } catch {
      this.noise.push(line);
      return;
    }
    const last = this.log.at(-1);
    if (last?.msg === 'sidecar listening') this.#url = String(last['address']);
  }

  #evidence(): string {
    const lines = this.log.slice(-12).map((line) => JSON.stringify(line));
    return [...lines, this.#stderr.slice(-2000)].join('\n');
  }
}
