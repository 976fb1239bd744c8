import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder, publish, stagingFor } from '../../scripts/setup/cache.mjs';
import { lastLines, runProgram } from '../cluster/process-output.ts';

const PACKAGES = ['confluent-kafka[avro,schemaregistry]==2.16.1', 'fastavro==1.13.1'];
const SCRIPT = join(import.meta.dirname, 'confluent_consumer.py');
const PROBE_MS_MAX = 30_000;
const INSTALL_MS_MAX = 5 * 60_000;
/** How much longer than its own bound the program may take. */
const GRACE_MS = 20_000;
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;

export interface ConfluentConsumerOptions {
  readonly bootstrap: string;
  /** The registry's URL, with its base path. */
  readonly registry: string;
  /** `user:password` */
  readonly registryUser?: string;
  readonly topic: string;
  readonly count: number;
  readonly key?: 'text' | 'avro';
  readonly timeoutMs?: number;
}

/** As confluent_consumer.py describes it. */
export interface ConfluentRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: unknown;
  readonly value: unknown;
  readonly keySchemaId: number | null;
  readonly valueSchemaId: number | null;
  readonly headers: readonly (readonly [string, string])[];
}

/**
 * The first `count` records of a topic as Confluent's own Python client reads them, in a virtual environment of the user's cache folder.
 * @returns why not, where there is no Python or its packages cannot be had: a reason to skip. Under CI=true that is thrown.
 * @throws when the records do not come in time or do not decode
 */
export async function confluentConsumer(
  options: ConfluentConsumerOptions,
): Promise<readonly ConfluentRecord[] | string> {
  const python = await pythonWithConfluent();
  if ('reason' in python) {
    if (process.env['CI'] === 'true') throw new Error(python.reason);
    return python.reason;
  }
  const timeoutMs = options.timeoutMs ?? 30_000;
  const args = [
    ...['--bootstrap', options.bootstrap, '--registry', options.registry, '--topic', options.topic],
    ...['--count', String(options.count), '--key', options.key ?? 'text', '--timeout', String(timeoutMs / 1000)],
    ...(options.registryUser === undefined ? [] : ['--registry-user', options.registryUser]),
  ];
  const { stdout } = await promisify(execFile)(python.path, [SCRIPT, ...args], {
    timeout: timeoutMs + GRACE_MS,
    killSignal: 'SIGKILL',
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ConfluentRecord);
}

async function pythonWithConfluent(): Promise<{ readonly path: string } | { readonly reason: string }> {
  const key = createHash('sha256').update(PACKAGES.join('\n')).digest('hex').slice(0, 12);
  const target = join(cacheFolder(), 'python', `confluent-${key}`);
  // Not `bin/pip` and the like: they hold the path of the folder that they were made in.
  const path = join(target, 'bin', 'python');
  if (existsSync(path)) return { path };
  if (!(await runProgram('python3', ['--version'], PROBE_MS_MAX)).ok) return { reason: 'python3 is not installed' };
  mkdirSync(join(target, '..'), { recursive: true });
  const staged = stagingFor(target);
  try {
    const made = await runProgram('python3', ['-m', 'venv', staged], INSTALL_MS_MAX);
    if (!made.ok) return { reason: `python3 -m venv failed: ${lastLines(made.output, 3)}` };
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES];
    const installed = await runProgram(join(staged, 'bin', 'python'), pip, INSTALL_MS_MAX);
    if (!installed.ok)
      return { reason: `pip could not install ${PACKAGES.join(', ')}: ${lastLines(installed.output, 3)}` };
    publish(staged, target);
    return { path };
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}
