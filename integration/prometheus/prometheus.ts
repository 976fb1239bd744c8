import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../cluster/client.ts';
import { freePorts } from '../cluster/free-port.ts';
import { guardFolder } from '../cluster/guard.ts';
import { lastLines } from '../cluster/process-output.ts';
import type { Scope } from '../harness/scope.ts';
import type { PrometheusTools } from './prometheus-tools.ts';

const READY_MS_MAX = 30_000;
const REQUEST_MS_MAX = 10_000;

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Target {
  readonly health: string;
  readonly lastError: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Alert {
  readonly state: 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>>;
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: unknown;
}

/** A real Prometheus as a process, on loopback, its data in a temporary folder. It does not outlive this process. */
export class Prometheus {
  readonly #url: string;

  private constructor(url: string) {
    this.#url = url;
  }

  /**
   * Resolves when it is ready.
   * @param config prometheus.yml; JSON is YAML. Relative paths in it are those of its temporary folder
   */
  static async start(scope: Scope, tools: PrometheusTools, config: object): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), 'streamline-prometheus-'));
    const release = guardFolder(folder);
    scope.after(release);
    const [port = 0] = await freePorts(1);
    const configFile = join(folder, 'prometheus.yml');
    const logFile = join(folder, 'prometheus.log');
    writeFileSync(configFile, JSON.stringify(config));
    const log = openSync(logFile, 'a');
    const child = spawn(
      tools.prometheus,
      [
        `--config.file=${configFile}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      { stdio: ['ignore', log, log], cwd: folder },
    );
    closeSync(log);
    // The guard reads it.
    writeFileSync(join(folder, 'pid'), String(child.pid ?? ''));
    child.unref();
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`);
    try {
      await eventually(async () => {
        if (child.exitCode !== null) return;
        const answer = await fetch(`${prometheus.#url}/-/ready`, { signal: AbortSignal.timeout(REQUEST_MS_MAX) });
        if (!answer.ok) throw new Error(`Prometheus is not ready: ${answer.status}`);
      }, READY_MS_MAX);
      if (child.exitCode !== null) throw new Error(`Prometheus ended with ${child.exitCode}`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${reason}\n${lastLines(readFileSync(logFile, 'utf8'))}`, { cause: error });
    }
    return prometheus;
  }

  /** An instant query, now. */
  async query(expression: string): Promise<Sample[]> {
    const { result } = await this.#get<{
      result: { metric: Record<string, string>; value: [number, string] }[];
    }>('query', { query: expression });
    return result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }));
  }

  async targets(): Promise<readonly Target[]> {
    return (await this.#get<{ activeTargets: Target[] }>('targets')).activeTargets;
  }

  /** The names of the alert rules it has loaded and evaluated, with their health. */
  async alertRules(): Promise<{ readonly name: string; readonly health: string; readonly lastError?: string }[]> {
    const { groups } = await this.#get<{ groups: { rules: { name: string; health: string }[] }[] }>('rules');
    return groups.flatMap(({ rules }) => rules);
  }

  async alerts(): Promise<readonly Alert[]> {
    return (await this.#get<{ alerts: Alert[] }>('alerts')).alerts;
  }

  async #get<T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<T> {
    const url = `${this.#url}/api/v1/${path}?${new URLSearchParams(query).toString()}`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(REQUEST_MS_MAX) });
    const { status, error, data } = (await answer.json()) as Answer;
    if (status !== 'success') throw new Error(`Prometheus: ${error} (${JSON.stringify(query)})`);
    return data as T;
  }
}
