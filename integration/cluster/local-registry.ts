import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, publish, stagingFor } from '../../scripts/setup/cache.mjs';
import { ClusterUnavailable } from './cluster.ts';
import { freePorts } from './free-port.ts';
import { JavaProcess, requireJava } from './java-process.ts';
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

/** A real Apicurio Registry as a process on this machine. It keeps its schemas in memory: a restart loses them. */
export async function startLocalRegistry(): Promise<Registry> {
  await requireJava();
  const jar = await apicurio();
  const registry = await JavaProcess.start('registry', async () => {
    const [port = 0] = await freePorts(1);
    const address = `http://127.0.0.1:${port}${BASE_PATH}`;
    const listen = ['-Dquarkus.http.host=127.0.0.1', `-Dquarkus.http.port=${port}`];
    return {
      address,
      args: [...JAVA_OPTIONS, ...listen, '-jar', jar],
      ready: async (isRunning) => {
        await registryReady(address, READY_MS_MAX, isRunning);
        await checkBackward(address);
      },
    };
  });
  return {
    url: registry.address,
    provider: 'local-apicurio',
    stop: () => registry.remove(),
    kill: () => registry.kill(),
    restart: async () => {
      await registry.kill();
      await registry.start();
    },
  };
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
