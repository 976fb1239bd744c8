import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { parseSidecarConfig } from '../../src/spec/sidecar-config.ts';
import type { SecretReference } from '../../src/spec/secret-reference.ts';
import type { SidecarConfig } from '../../src/spec/sidecar-config.ts';

export const ROOT = dirname(dirname(import.meta.dirname));

export const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

export const readYaml = (file: string): unknown => parse(read(file));

export interface ShippedConfig {
  readonly config: SidecarConfig;
  /** Files and variables it takes secrets from. */
  readonly secrets: readonly SecretReference[];
}

/** A sidecar.yaml of deploy/ as the sidecar reads it; throws what is wrong with it. */
export function shippedConfig(file: string): ShippedConfig {
  const secrets: SecretReference[] = [];
  const outcome = parseSidecarConfig(read(file), file, {
    resolveSecret: (reference) => {
      secrets.push(reference);
      return `not-the-secret-of-${JSON.stringify(reference).replaceAll(/\W/g, '-')}`;
    },
  });
  if ('errors' in outcome) throw new Error(outcome.errors.map((error) => error.describe()).join('\n'));
  return { config: outcome.config, secrets };
}

export interface DockerStage {
  readonly name: string;
  readonly from: string;
  /** Instruction and its text, continuation lines joined and comments left out. */
  readonly instructions: readonly (readonly [instruction: string, text: string])[];
}

export function dockerStages(): DockerStage[] {
  const text = read('Dockerfile')
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '');
  const stages: { name: string; from: string; instructions: [string, string][] }[] = [];
  for (const line of text.split('\n').filter((part) => part.trim() !== '')) {
    const [, instruction = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    const [, from = '', name = ''] = /^(\S+) AS (\S+)$/.exec(rest) ?? [];
    if (instruction === 'FROM') stages.push({ name, from, instructions: [] });
    else stages.at(-1)?.instructions.push([instruction, rest]);
  }
  return stages;
}

/** Debian packages that a stage's RUN lines install. */
export function aptPackages({ instructions }: DockerStage): string[] {
  return instructions
    .filter(([instruction]) => instruction === 'RUN')
    .flatMap(([, text]) => [...text.matchAll(/apt-get install (.*?) &&/g)])
    .flatMap(([, words = '']) => words.split(/\s+/).filter((word) => !word.startsWith('--')));
}
