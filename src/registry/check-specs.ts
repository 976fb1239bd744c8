import { stageNames } from '../spec/stage-names.ts';
import { systemClock } from '../base/clock.ts';
import { toStreamlineError, type StreamlineError } from '../base/error.ts';
import { createLog } from '../observe/log.ts';
import type { SidecarConfig } from '../spec/sidecar-config.ts';
import { loadSpecDirectory } from '../spec/spec-directory.ts';
import { SidecarTransformFactory } from './sidecar-transform-factory.ts';

export interface CheckedSpec {
  readonly name: string;
  readonly source: string;
  readonly module: string;
  readonly type: string;
}

/** What `sidecar check` found. */
export interface CheckReport {
  readonly ok: boolean;
  readonly specs: readonly CheckedSpec[];
  readonly errors: readonly StreamlineError[];
}

/** Checks every spec and its module as a start would, without a cluster and without running a guest. */
export async function checkSpecs(config: SidecarConfig): Promise<CheckReport> {
  const { configs, errors: specErrors } = await loadSpecDirectory(config.paths.specs);
  const factory = new SidecarTransformFactory(config, systemClock, createLog({ level: 'silent' }));
  const specs: CheckedSpec[] = [];
  const errors = specErrors.map(({ error }) => error);
  for (const spec of configs) {
    const module = stageNames(spec);
    try {
      const prepared = await factory.module(spec);
      specs.push({ name: spec.name, source: spec.source, module, type: spec.type ?? prepared?.facts.type ?? 'map' });
    } catch (thrown) {
      errors.push(toStreamlineError(thrown));
    }
  }
  await factory.close();
  return { ok: errors.length === 0, specs, errors };
}

/** The report for a person. */
export function checkLines({ specs, errors }: CheckReport): string[] {
  const lines = specs.map(({ name, module, type, source }) => `ok      ${name}  ${type}  ${module}  (${source})`);
  for (const error of errors) lines.push(`refused ${error.describe()}`);
  lines.push(`${counted(specs.length, 'spec')} fine, ${counted(errors.length, 'error')}`);
  return lines;
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
