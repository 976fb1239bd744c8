import type { ChildProcess } from 'node:child_process';
import { ClusterUnavailable } from './cluster.ts';
import { runProgram } from './process-output.ts';

const JAVA_VERSION_MIN = 17;
const PROBE_MS_MAX = 30_000;
const CLEAN_STOP_MS_MAX = 30_000;

export async function requireJava(): Promise<void> {
  const { ok, output } = await runProgram('java', ['-version'], PROBE_MS_MAX);
  const major = Number(/version "(\d+)/.exec(output)?.[1] ?? 0);
  if (ok && major >= JAVA_VERSION_MIN) return;
  const found = ok ? `java is ${major}, not ${JAVA_VERSION_MIN}` : 'java is not installed';
  throw new ClusterUnavailable(`no Docker engine answers, and ${found}`);
}

export function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** Resolves when the process is gone. One that does not heed the signal in time is killed. */
export async function endProcess(child: ChildProcess | undefined, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
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
