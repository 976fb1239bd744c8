import { builtProgram } from '../built.ts';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { DemoError } from './demo-error.ts';
import { MetricsPage } from './metrics-page.ts';
import { DEMO_TRANSFORMS } from './plan.ts';

const READY_MS = 60_000;
const REQUEST_MS = 5000;
const STOP_MS = 30_000;
const PAUSE_MS = 50;
const TROUBLE_LINES_MAX = 20;

/** The real sidecar, `streamline-sidecar run`, on the demo's specs, as a process of its own. */
export class SidecarProcess {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #exit: Promise<number>;
  /** Its latest warnings and errors, and what it wrote to stderr. */
  readonly #trouble: string[] = [];
  #exitCode: number | undefined;
  #url: string | undefined;

  private constructor(root: string, folder: string) {
    this.#folder = folder;
    const args = [
      ...builtProgram('streamline-sidecar'),
      'run',
      ...['--specs', join(folder, 'specs')],
      ...['--modules', join(root, 'modules')],
      ...['--config', join(folder, 'sidecar.yaml')],
    ];
    // Somebody who has it switched off still wants to see the demo.
    const env = { ...process.env, STREAMLINE_WASM_TRANSFORMS: 'on' };
    this.#child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#exit = new Promise((resolve) => {
      const settle = (code: number): void => {
        this.#exitCode ??= code;
        resolve(code);
      };
      this.#child.on('error', (error) => {
        this.#note(error.message);
        settle(1);
      });
      this.#child.on('close', (code, signal) => {
        if (signal !== null) this.#note(`killed by ${signal}`);
        settle(code ?? 1);
      });
    });
    if (this.#child.stdout !== null) createInterface(this.#child.stdout).on('line', (line) => this.#onLine(line));
    if (this.#child.stderr !== null) createInterface(this.#child.stderr).on('line', (line) => this.#note(line));
  }

  /** Starts it on links to the specs and a sidecar.yaml of its own, in a temporary folder. */
  static start(root: string, bootstrap: string, registryUrl: string): SidecarProcess {
    const folder = mkdtempSync(join(tmpdir(), 'streamline-demo-'));
    mkdirSync(join(folder, 'specs'));
    for (const { spec } of DEMO_TRANSFORMS) symlinkSync(join(root, spec), join(folder, 'specs', basename(spec)));
    const config = {
      kafka: { 'bootstrap.servers': bootstrap },
      schema_registry: { url: registryUrl },
      topics: { create: true },
      // Any free port.
      http: { port: 0 },
    };
    // JSON is YAML.
    writeFileSync(join(folder, 'sidecar.yaml'), `${JSON.stringify(config, null, 2)}\n`);
    return new SidecarProcess(root, folder);
  }

  get url(): string {
    return this.#url ?? '';
  }

  /** Resolves when every transform runs. */
  async running(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + READY_MS;
    for (;;) {
      this.assertAlive();
      const page = this.#url === undefined ? undefined : await this.#readyPage();
      if (page !== undefined) {
        const down = DEMO_TRANSFORMS.filter(({ name }) => page.stateOf(name) !== 'RUNNING');
        if (down.length === 0) return;
        const [first] = down;
        if (down.some(({ name }) => page.stateOf(name) === 'FAILED')) {
          throw new DemoError(`${first?.name ?? ''} does not run${this.trouble()}`);
        }
      }
      if (performance.now() > deadline) {
        throw new DemoError(`the sidecar was not ready after ${String(READY_MS / 1000)} s${this.trouble()}`);
      }
      await delay(PAUSE_MS, undefined, { signal });
    }
  }

  async metrics(): Promise<MetricsPage> {
    return new MetricsPage(await (await this.#get('/metrics')).text());
  }

  assertAlive(): void {
    if (this.#exitCode !== undefined) {
      throw new DemoError(`the sidecar ended with exit code ${String(this.#exitCode)}${this.trouble()}`);
    }
  }

  /** SIGTERM; resolves to its exit code once it has drained and gone. */
  async stop(): Promise<number> {
    this.#child.kill('SIGTERM');
    const patience = setTimeout(() => this.kill(), STOP_MS);
    const code = await this.#exit;
    clearTimeout(patience);
    this.#removeFolder();
    return code;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
    this.#removeFolder();
  }

  /** What it last complained about, as the end of a message. */
  trouble(): string {
    return this.#trouble.length === 0 ? '' : `:\n  ${this.#trouble.slice(-3).join('\n  ')}`;
  }

  #removeFolder(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #readyPage(): Promise<MetricsPage | undefined> {
    try {
      return (await this.#get('/readyz')).ok ? await this.metrics() : undefined;
    } catch (thrown) {
      if (thrown instanceof DemoError) return undefined;
      throw thrown;
    }
  }

  async #get(path: string): Promise<Response> {
    try {
      return await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(REQUEST_MS) });
    } catch (thrown) {
      throw new DemoError(`the sidecar does not answer on ${path}${this.trouble()}`, { cause: thrown });
    }
  }

  #onLine(line: string): void {
    const entry = logEntry(line);
    if (entry === undefined) {
      this.#note(line);
      return;
    }
    if (entry.msg === 'sidecar listening') this.#url = entry.address;
    const level = typeof entry.level === 'number' ? entry.level >= 40 : /warn|error|fatal/.test(String(entry.level));
    if (!level) return;
    const reason = entry.message ?? entry.err ?? '';
    this.#note([entry.transform, entry.msg, reason, entry.code && `[${entry.code}]`].filter(Boolean).join(' '));
  }

  #note(text: string): void {
    this.#trouble.push(text.slice(0, 500));
    if (this.#trouble.length > TROUBLE_LINES_MAX) this.#trouble.shift();
  }
}

interface LogEntry {
  readonly level?: unknown;
  readonly msg?: string;
  readonly address?: string;
  readonly transform?: string;
  readonly message?: string;
  readonly err?: string;
  readonly code?: string;
}

function logEntry(line: string): LogEntry | undefined {
  try {
    return JSON.parse(line) as LogEntry;
  } catch {
    return undefined;
  }
}
