import type { Command } from 'commander';
import type { GivenSchema } from '../lab/spec-run.ts';
import type { SidecarConfig } from '../spec/sidecar-config.ts';
import { loadSidecarConfig } from '../spec/sidecar-file.ts';
import { errorOf, usageError } from './command-error.ts';
import type { Environment } from './global-options.ts';
import { repeated } from './repeated.ts';

/** Flags of all commands that run a transform in this process. */
export interface LabFlags {
  readonly modules?: string;
  readonly schema?: readonly string[];
  readonly config?: string;
}

export function addLabOptions(command: Command): Command {
  return command
    .option('--modules <directory>', 'where the modules are; else the nearest folder modules/ at or above the spec')
    .option('--schema <subject=file>', 'schema of a subject, in place of a registry; may be repeated', repeated)
    .option('--config <file>', 'sidecar.yaml, for its limits');
}

export function schemasOf({ schema = [] }: LabFlags): GivenSchema[] {
  return schema.map((text) => {
    // Subjects may have it, files seldom do.
    const at = text.lastIndexOf('=');
    if (at > 0 && at < text.length - 1) return { subject: text.slice(0, at), file: text.slice(at + 1) };
    throw usageError(`--schema cannot be ${text}`, 'Write SUBJECT=FILE: --schema api-logs-value=schemas/api-log.avsc.');
  });
}

export async function sidecarConfigOf({ config }: LabFlags, env: Environment): Promise<SidecarConfig> {
  const outcome = await loadSidecarConfig(config, env);
  if ('config' in outcome) return outcome.config;
  const [first, ...rest] = outcome.errors;
  throw errorOf([first, ...rest], config ?? 'defaults');
}
