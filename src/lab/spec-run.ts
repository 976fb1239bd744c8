import { dirname, join, resolve } from 'node:path';
import { RefusedError, StreamlineError, toStreamlineError } from '../base/error.ts';
import { parseSpec } from '../spec/parse-spec.ts';
import { quoted } from '../spec/quoted.ts';
import type { SidecarLimits } from '../spec/sidecar-config.ts';
import { isBuiltin } from '../spec/spec-name.ts';
import { readFailure, readTextFile } from '../spec/text-file.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import { YAML_BYTES_MAX } from '../spec/yaml-tree.ts';
import { runCases, type CaseResult, type CasesResult } from './case-run.ts';
import { LabTransform, type LabOptions } from './lab-transform.ts';
import type { LabTarget } from './lab-target.ts';
import { moduleFolder } from './module-folder.ts';
import { parseCases } from './parse-cases.ts';
import type { CasesFile } from './test-case.ts';

export interface GivenSchema {
  readonly subject: string;
  readonly file: string;
}

export interface SpecRunOptions {
  readonly modules: string | undefined;
  /** Go before those that a cases file names. */
  readonly schemas: readonly GivenSchema[];
  readonly limits: SidecarLimits;
  /** Only cases whose name has this in it, in capitals or not. */
  readonly filter?: string | undefined;
}

/** What came of one spec's cases. */
export interface SpecRun {
  readonly target: LabTarget;
  /** undefined: nothing ran, for `errors`. */
  readonly result: CasesResult | undefined;
  readonly errors: readonly StreamlineError[];
  /** Every file it came from: when one changes, so may the result. */
  readonly files: readonly string[];
}

const SCHEMA_BYTES_MAX = 1024 * 1024;

/**
 * Runs a spec's cases. Never rejects: what is wrong with the spec, its cases or its module is in the result.
 * @param ended told of each case, in their order
 */
export async function runSpec(
  target: LabTarget,
  options: SpecRunOptions,
  ended: (result: CaseResult) => void = () => {},
): Promise<SpecRun> {
  const files = new Set([target.spec, target.cases]);
  const done = (result: CasesResult | undefined, errors: readonly StreamlineError[]): SpecRun => ({
    target,
    result,
    errors,
    files: [...files],
  });
  try {
    const { config, cases } = await readTarget(target);
    for (const file of filesOf(config, options.modules)) files.add(file);
    const wanted = options.filter?.toLowerCase();
    const chosen = cases.cases.filter(({ name }) => wanted === undefined || name.toLowerCase().includes(wanted));
    const given = [...casesSchemas(target, cases), ...options.schemas];
    for (const { file } of given) files.add(file);
    if (chosen.length === 0) return done({ cases: [], coverage: NOTHING }, []);
    const transform = await prepareTransform(config, given, { modules: options.modules, limits: options.limits });
    try {
      return done(await runCases(transform, chosen, ended), []);
    } finally {
      transform.close();
    }
  } catch (thrown) {
    const error = toStreamlineError(thrown);
    return done(undefined, error instanceof RefusedError ? error.reasons : [error]);
  }
}

const NOTHING = { transform: { changed: 0, unchanged: 0, failed: 0 } };

/** Rejects as LabTransform.prepare, and with schema.file_unreadable. */
export async function prepareTransform(
  config: TransformationConfig,
  schemas: readonly GivenSchema[],
  { modules, limits, registry }: Omit<LabOptions, 'schemas'>,
): Promise<LabTransform> {
  const texts = await Promise.all(
    schemas.map(async ({ subject, file }) => ({ subject, place: file, text: await readSchema(subject, file) })),
  );
  return LabTransform.prepare(config, { modules, limits, registry, schemas: texts });
}

/** Rejects with everything that is wrong with a spec. */
export async function readSpec(file: string): Promise<TransformationConfig> {
  const outcome = parseSpec(await readYamlFile(file, 'Give the path of a spec.'), file);
  if ('config' in outcome) return outcome.config;
  throw new RefusedError(outcome.errors);
}

/** The faults of both files are told together. */
async function readTarget(
  target: LabTarget,
): Promise<{ readonly config: TransformationConfig; readonly cases: CasesFile }> {
  const spec = parseSpec(await readYamlFile(target.spec, `Write the spec that ${target.cases} is about.`), target.spec);
  const cases = parseCases(await readYamlFile(target.cases, 'Write cases into it.'), target.cases);
  if ('config' in spec && 'file' in cases) return { config: spec.config, cases: cases.file };
  const [first, ...rest] = [...('errors' in spec ? spec.errors : []), ...('errors' in cases ? cases.errors : [])];
  throw first === undefined ? new StreamlineError('bug.unexpected', 'no error') : new RefusedError([first, ...rest]);
}

async function readYamlFile(file: string, suggestion: string): Promise<string> {
  let text: string | undefined;
  try {
    text = await readTextFile(file, YAML_BYTES_MAX);
  } catch (cause) {
    const message = `it cannot be read: ${readFailure(cause)}`;
    throw new StreamlineError('spec.unreadable', message, { place: file, suggestion, cause });
  }
  if (text !== undefined) return text;
  throw new StreamlineError('spec.too_large', `the file has more than ${YAML_BYTES_MAX / 1024} KiB`, { place: file });
}

async function readSchema(subject: string, file: string): Promise<string> {
  const refuse = (why: string, cause?: unknown): StreamlineError =>
    new StreamlineError('schema.file_unreadable', `the schema of subject ${quoted(subject)} cannot be read: ${why}`, {
      place: file,
      suggestion: 'Correct the path: in a cases file it is relative to that file.',
      cause,
    });
  const text = await readTextFile(file, SCHEMA_BYTES_MAX).catch((cause: unknown) => {
    throw refuse(readFailure(cause), cause);
  });
  if (text === undefined) throw refuse(`it has more than ${SCHEMA_BYTES_MAX} bytes`);
  return text;
}

function casesSchemas(target: LabTarget, { schemas }: CasesFile): GivenSchema[] {
  return Object.entries(schemas).map(([subject, file]) => ({ subject, file: resolve(dirname(target.cases), file) }));
}

/** Modules and schema files that a spec names, whether they are there or not. */
function filesOf(config: TransformationConfig, modules: string | undefined): string[] {
  const folder = dirname(config.source);
  const schemas = [config.input.schemaFile, config.output.schemaFile].filter((file) => file !== undefined);
  const directory = modules ?? nearest(config);
  const binaries = directory === undefined ? [] : config.stages.filter(({ wasmModule }) => !isBuiltin(wasmModule));
  return [
    ...schemas.map((file) => join(folder, file)),
    ...binaries.map(({ wasmModule }) => join(directory ?? '', wasmModule)),
  ];
}

function nearest(config: TransformationConfig): string | undefined {
  try {
    return moduleFolder(config, undefined);
  } catch {
    return undefined; // told when it is prepared
  }
}
