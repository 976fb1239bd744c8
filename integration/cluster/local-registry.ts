import { spawn, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder, publish, stagingFor } from '../../scripts/setup/cache.mjs';
import { ClusterUnavailable } from './cluster.ts';
import { freePorts } from './free-port.ts';
import { guardFolder } from './guard.ts';
import { endProcess, isRunning, requireJava } from './java-process.ts';
import { lastLines, runProgram } from './process-output.ts';
import type { Registry } from './registry.ts';
import { checkBackward, registryReady } from './registry-ready.ts';

const APICURIO_VERSION = '3.0.9';
const BASE_PATH = '/apis/ccompat/v7';
/** A later one asks for the parent of the artefact too, which is not to be had everywhere and not needed. */
const GET_GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:2.8:get';
const JAVA_OPTIONS = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const STAMP = 'complete.json';
const DOWNLOAD_MS_MAX = 10 * 60_000;
const UNPACK_MS_MAX = 2 * 60_000;
const PROBE_MS_MAX = 30_000;
const READY_MS_MAX = 90_000;
const START_ATTEMPTS = 3;

/** A real Apicurio Registry as a process on this machine. It keeps its schemas in memory: a restart loses them. */
export async function startLocalRegistry(): Promise<Registry> {
  await requireJava();
  const program = await apicurio();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startProcess(program);
    } catch (error) {
      // Another process may have taken the port in the meantime.
      if (attempt === START_ATTEMPTS) throw error;
    }
  }
}

async function startProcess(program: string): Promise<Registry> {
  const folder = mkdtempSync(join(tmpdir(), 'streamline-registry-'));
  const release = guardFolder(folder);
  const [port = 0] = await freePorts(1);
  const registry = new LocalRegistry(program, folder, port);
  try {
    await registry.start();
  } catch (error) {
    await registry.kill();
    await release();
    throw error;
  }
  return {
    url: registry.url,
    provider: 'local-apicurio',
    stop: async () => {
      await registry.kill();
      await release();
    },
    kill: () => registry.kill(),
    restart: async () => {
      await registry.kill();
      await registry.start();
    },
  };
}

class LocalRegistry {
  readonly url: string;
  readonly #program: string;
  readonly #folder: string;
  readonly #port: number;
  #process: ChildProcess | undefined;

  constructor(program: string, folder: string, port: number) {
    this.url = `http://127.0.0.1:${port}${BASE_PATH}`;
    this.#program = program;
    this.#folder = folder;
    this.#port = port;
  }

  async start(): Promise<void> {
    const logFile = join(this.#folder, 'registry.log');
    const log = openSync(logFile, 'a');
    const listen = ['-Dquarkus.http.host=127.0.0.1', `-Dquarkus.http.port=${this.#port}`];
    // Its own temporary files go with the folder, and the guard knows the process by the name in its arguments.
    const args = [...JAVA_OPTIONS, `-Djava.io.tmpdir=${this.#folder}`, ...listen, '-jar', this.#program];
    const child = spawn('java', args, { stdio: ['ignore', log, log], cwd: this.#folder });
    closeSync(log);
    this.#process = child;
    writeFileSync(join(this.#folder, 'pid'), String(child.pid ?? ''));
    // A registry nobody waits for must not keep the process that started it alive.
    child.unref();
    try {
      await registryReady(this.url, READY_MS_MAX, () => isRunning(child));
      await checkBackward(this.url);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${reason}\n${lastLines(readFileSync(logFile, 'utf8'))}`, { cause: error });
    }
  }

  async kill(): Promise<void> {
    await endProcess(this.#process, 'SIGKILL');
    this.#process = undefined;
  }
}

/** The program from Maven Central, unpacked in the user's cache folder. @returns its jar */
async function apicurio(): Promise<string> {
  const target = join(cacheFolder(), 'registries', `apicurio-${APICURIO_VERSION}`);
  const jar = join(target, 'app', `apicurio-registry-app-${APICURIO_VERSION}-runner.jar`);
  if (isComplete(target)) return jar;
  if (!(await runProgram('mvn', ['--version'], PROBE_MS_MAX)).ok) {
    throw new ClusterUnavailable('no Docker engine answers, and Maven (mvn) is not installed');
  }
  const staged = stagingFor(target);
  try {
    const archive = join(staged, 'app.tar.gz');
    const artifact = `io.apicurio:apicurio-registry-app:${APICURIO_VERSION}:tar.gz:all`;
    const options = ['-Dtransitive=false', `-Dartifact=${artifact}`, `-Ddest=${archive}`];
    const got = await runProgram('mvn', ['-B', '-q', GET_GOAL, ...options], DOWNLOAD_MS_MAX);
    if (!got.ok) throw new ClusterUnavailable(`Maven could not fetch Apicurio Registry:\n${lastLines(got.output)}`);
    const app = join(staged, 'app');
    mkdirSync(app);
    const unpacked = await runProgram('tar', ['-xzf', archive, '-C', app], UNPACK_MS_MAX);
    if (!unpacked.ok) throw new Error(`Apicurio Registry could not be unpacked:\n${lastLines(unpacked.output)}`);
    rmSync(archive);
    writeFileSync(join(staged, STAMP), JSON.stringify(sizesIn(app)));
    publish(staged, target);
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
  return jar;
}

function isComplete(target: string): boolean {
  try {
    return readFileSync(join(target, STAMP), 'utf8') === JSON.stringify(sizesIn(join(target, 'app')));
  } catch {
    return false;
  }
}

function sizesIn(folder: string): Record<string, number> {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .toSorted()
      .map((file) => [file, statSync(join(folder, file)).size]),
  );
}
