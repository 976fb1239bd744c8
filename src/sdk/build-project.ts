import { spawn } from 'node:child_process';
import { copyFile, mkdir, readFile, rename } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { StreamlineError } from '../base/error.ts';
import { PROJECT_FILE } from './make-project.ts';
import { projectSchema, type Project } from './sdk-manifest.ts';

const CHECK_MS_MAX = 60_000;

export interface BuildOutput {
  /** A step begins. */
  readonly step: (command: readonly string[]) => void;
  /** What the toolchain prints, line by line. */
  readonly line: (line: string) => void;
}

export interface BuiltModule {
  readonly project: Project;
  /** Path of the module. */
  readonly path: string;
}

/** Reads a project's streamline.json. Rejects with build.no_project. */
async function readProject(directory: string): Promise<Project> {
  const place = join(directory, PROJECT_FILE);
  let text: string;
  try {
    text = await readFile(place, 'utf8');
  } catch (cause) {
    const suggestion = 'Go to a directory that `transforms init` has made, or name it: transforms build DIR.';
    throw new StreamlineError('build.no_project', `there is no ${PROJECT_FILE}`, { place, suggestion, cause });
  }
  try {
    return projectSchema.parse(JSON.parse(text));
  } catch (cause) {
    const suggestion = 'Compare it with one that `transforms init` makes.';
    throw new StreamlineError('build.no_project', `${PROJECT_FILE} is not what it should be`, {
      ...{ place, suggestion, cause },
    });
  }
}

/**
 * Builds a project by its own language's tools and puts the module where its spec finds it, whole or not at all: a sidecar may be
 * watching. Rejects with build.no_project, build.toolchain_missing or build.failed.
 */
export async function buildProject(directory: string, output: BuildOutput, signal?: AbortSignal): Promise<BuiltModule> {
  const root = resolve(directory);
  const project = await readProject(root);
  for (const { command, missing } of project.needs) {
    if ((await run(command, root, undefined, AbortSignal.timeout(CHECK_MS_MAX))) === 0) continue;
    const message = `cannot build ${project.language} here: \`${command.join(' ')}\` does not work`;
    throw new StreamlineError('build.toolchain_missing', message, { suggestion: missing });
  }
  for (const command of project.build) {
    output.step(command);
    const code = await run(command, root, output.line, signal);
    if (code !== 0) {
      const how = code === undefined ? 'cannot be run' : `ended with ${code}`;
      const suggestion = 'What it printed stands above.';
      throw new StreamlineError('build.failed', `\`${command.join(' ')}\` ${how}`, { place: root, suggestion });
    }
  }
  const artefact = join(root, project.artefact);
  const path = join(root, project.module);
  await mkdir(dirname(path), { recursive: true });
  const part = `${path}.${process.pid}.part`;
  try {
    await copyFile(artefact, part);
  } catch (cause) {
    const message = 'the build ended well and has not made it';
    throw new StreamlineError('build.failed', message, {
      ...{ place: artefact, cause },
      suggestion: `Correct artefact in ${PROJECT_FILE}.`,
    });
  }
  await rename(part, path);
  return { project, path };
}

/** Its exit code; undefined where there is no such program, or it was ended. */
function run(
  [program, ...args]: readonly [string, ...string[]],
  cwd: string,
  line: ((line: string) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  return new Promise((done) => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], ...(signal && { signal }) });
    child.on('error', () => done(undefined));
    child.on('close', (code) => done(code ?? undefined));
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (text) => line?.(text));
    }
  });
}
