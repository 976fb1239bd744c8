import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, publish, stagingFor } from '../../scripts/setup/cache.mjs';
import { ClusterUnavailable } from './cluster.ts';
import { lastLines, runProgram } from './process-output.ts';

const DOWNLOAD_MS_MAX = 10 * 60_000;
const PROBE_MS_MAX = 30_000;
const DEPENDENCY_PLUGIN = '3.8.1';
const STAMP = 'complete.json';

/** `group:artifact:version` */
export type Coordinate = `${string}:${string}:${string}`;

/**
 * Jars with all they depend on, from Maven Central into the user's cache folder.
 * @returns the folder that holds them; throws ClusterUnavailable without Maven.
 */
export async function resolveJars(name: string, coordinates: readonly Coordinate[]): Promise<string> {
  const key = createHash('sha256')
    .update([...coordinates].toSorted().join('\n'))
    .digest('hex')
    .slice(0, 12);
  const target = join(cacheFolder(), 'jars', `${name}-${key}`);
  const jars = join(target, 'jars');
  if (isComplete(target)) return jars;
  if (!(await runProgram('mvn', ['--version'], PROBE_MS_MAX)).ok) {
    throw new ClusterUnavailable('no Docker engine answers, and Maven (mvn) is not installed');
  }
  const staged = stagingFor(target);
  try {
    mkdirSync(join(staged, 'jars'));
    writeFileSync(join(staged, 'pom.xml'), pomOf(coordinates));
    const goal = `org.apache.maven.plugins:maven-dependency-plugin:${DEPENDENCY_PLUGIN}:copy-dependencies`;
    const args = ['-B', '-q', '-f', join(staged, 'pom.xml'), goal, `-DoutputDirectory=${join(staged, 'jars')}`];
    const { ok, output } = await runProgram('mvn', [...args, '-DincludeScope=runtime'], DOWNLOAD_MS_MAX);
    if (!ok) throw new ClusterUnavailable(`Maven could not fetch the jars of ${name}:\n${lastLines(output)}`);
    writeFileSync(join(staged, STAMP), JSON.stringify(sizesIn(join(staged, 'jars'))));
    publish(staged, target);
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
  return jars;
}

function isComplete(target: string): boolean {
  try {
    const stamp = readFileSync(join(target, STAMP), 'utf8');
    return stamp === JSON.stringify(sizesIn(join(target, 'jars')));
  } catch {
    return false;
  }
}

function sizesIn(folder: string): Record<string, number> {
  return Object.fromEntries(
    readdirSync(folder)
      .toSorted()
      .map((file) => [file, statSync(join(folder, file)).size]),
  );
}

function pomOf(coordinates: readonly Coordinate[]): string {
  const dependencies = coordinates.map((coordinate) => {
    const [group = '', artifact = '', version = ''] = coordinate.split(':');
    return (
      `    <dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>` +
      `<version>${version}</version></dependency>`
    );
  });
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0">',
    '  <modelVersion>4.0.0</modelVersion>',
    '  <groupId>streamline.test</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>',
    '  <dependencies>',
    ...dependencies,
    '  </dependencies>',
    '</project>',
    '',
  ].join('\n');
}
