import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { StreamlineError } from '../base/error.ts';
import { modulePath } from '../spec/late-fault.ts';
import { quoted } from '../spec/quoted.ts';
import { isBuiltin } from '../spec/spec-name.ts';
import { placeOf } from '../spec/spec-place.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';

/** From the spec's folder upward. */
const FOLDERS_MAX = 8;

/**
 * The modules directory of a spec: the one that was given, else the nearest of `modules/` in the spec's folder or above it that has what the
 * spec names, else the spec's own folder. Throws spec.module_missing. undefined: every stage is a builtin.
 */
export function moduleFolder(config: TransformationConfig, given: string | undefined): string | undefined {
  const stages = config.stages
    .map(({ wasmModule }, i) => ({ wasmModule, i }))
    .filter((one) => !isBuiltin(one.wasmModule));
  const [first] = stages;
  if (first === undefined) return undefined;
  const candidates = given === undefined ? candidatesFor(dirname(resolve(config.source))) : [given];
  const folder = candidates.find((one) => existsSync(join(one, first.wasmModule)));
  const missing = stages.find(({ wasmModule }) => folder === undefined || !existsSync(join(folder, wasmModule)));
  if (folder !== undefined && missing === undefined) return folder;
  const { wasmModule, i } = missing ?? first;
  const configPath = modulePath(config, i);
  const where = folder ?? given;
  const message =
    where === undefined
      ? `there is no module ${quoted(wasmModule)}: not beside the spec, nor in a folder modules/ there or above`
      : `there is no module ${quoted(wasmModule)} in ${where}`;
  throw new StreamlineError('spec.module_missing', message, {
    place: placeOf(config, configPath),
    configPath,
    suggestion: 'Build it, or name the folder it is in with --modules.',
  });
}

function candidatesFor(specFolder: string): string[] {
  const candidates: string[] = [];
  let folder = specFolder;
  for (let i = 0; i < FOLDERS_MAX; i++) {
    candidates.push(join(folder, 'modules'));
    const above = dirname(folder);
    if (above === folder) break;
    folder = above;
  }
  return [...candidates, specFolder];
}
