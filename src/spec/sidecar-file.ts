import { readFileSync, statSync } from 'node:fs';
import { StreamlineError } from '../base/error.ts';
import type { SecretResolver } from './secret-reference.ts';
import { parseSidecarConfig } from './sidecar-config.ts';
import type { SidecarOptions, SidecarOutcome } from './sidecar-config.ts';
import { readFailure, readTextFile } from './text-file.ts';
import { YAML_BYTES_MAX } from './yaml-tree.ts';

const SECRET_BYTES_MAX = 64 * 1024;

/** Reads sidecar.yaml with the secrets of this process. Without a path: the defaults, relative to the working directory. */
export async function loadSidecarConfig(
  path: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  flags: NonNullable<SidecarOptions['paths']> = {},
): Promise<SidecarOutcome> {
  const options = {
    resolveSecret: secretsOf(environment),
    paths: flags,
    wasmTransforms: environment['STREAMLINE_WASM_TRANSFORMS'],
  };
  if (path === undefined) return parseSidecarConfig('', 'defaults', options);
  const unreadable = (why: string, cause?: unknown): SidecarOutcome => {
    const details = {
      place: path,
      suggestion: 'Name the file with --config, or run without it to get the defaults.',
      cause,
    };
    return { errors: [new StreamlineError('config.unreadable', `the configuration cannot be read: ${why}`, details)] };
  };
  let text: string | undefined;
  try {
    text = await readTextFile(path, YAML_BYTES_MAX);
  } catch (thrown) {
    return unreadable(readFailure(thrown), thrown);
  }
  return text === undefined
    ? unreadable(`more than ${YAML_BYTES_MAX / 1024} KiB`)
    : parseSidecarConfig(text, path, options);
}

function secretsOf(environment: Readonly<Record<string, string | undefined>>): SecretResolver {
  return (reference) => (reference.from === 'env' ? environment[reference.name] : secretFile(reference.path));
}

/** undefined for whatever cannot be read: the path is told, what went wrong inside is not worth a leak. */
function secretFile(path: string): string | undefined {
  try {
    const facts = statSync(path);
    if (!facts.isFile() || facts.size > SECRET_BYTES_MAX) return undefined;
    // Editors and `echo` end a file with a line break that is no part of the secret.
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch {
    return undefined;
  }
}
