import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { StreamlineError } from '../base/error.ts';
import { describeModule } from '../catalog/describe-module.ts';
import { parseSpec } from '../spec/parse-spec.ts';
import { isBuiltin } from '../spec/spec-name.ts';
import { placeOf } from '../spec/spec-place.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { CliContext, ExitCode, Session } from './cli-context.ts';
import { errorOf, shapeOf, usageError } from './command-error.ts';
import { withExample } from './help-example.ts';
import { readLocalModule, readModuleFile } from './local-module.ts';
import { readSpecFile } from './spec-draft.ts';
import { fields } from './table.ts';
import { text as readAll } from 'node:stream/consumers';

interface ValidateFlags {
  readonly spec?: string;
  readonly modules?: string;
}

/** `transforms validate`: a module or a spec, offline. Nothing of it runs. */
export function addValidateCommand(parent: Command, context: CliContext): Command {
  const command = parent
    .command('validate')
    .description('check a module, or a spec, offline: what it is, what it can do, why it would be refused')
    .argument('[module]', 'a .wasm file')
    .option('--spec <file>', 'a spec, YAML; - reads it from stdin')
    .option('--modules <directory>', 'where the modules are that the spec names, to check them too')
    .action(
      context.action(async (session: Session, module: string | undefined, flags: ValidateFlags) => {
        if ((module === undefined) === (flags.spec === undefined))
          throw usageError(
            'give either a module or --spec',
            'Such as validate ./mask_pii.wasm, validate --spec mask-pii.yaml.',
          );
        if (flags.spec !== undefined) return validateSpec(session, flags.spec, flags.modules);
        return validateModule(session, module ?? '');
      }),
    );
  return withExample(
    command,
    'transforms validate ./mask_pii.wasm',
    'transforms validate --spec specs/mask-pii.yaml --modules modules',
  );
}

/** What a module is and can do, and every reason it is refused. */
async function validateModule({ terminal }: Session, path: string): Promise<ExitCode> {
  const { lines, ...facts } = describeModule(await readModuleFile(path));
  terminal.print(facts, () => lines);
  return facts.valid ? 0 : 2;
}

interface SpecReport {
  readonly ok: boolean;
  readonly name?: string;
  readonly type?: string;
  readonly module?: { readonly path: string; readonly sha256?: string; readonly checked: boolean };
  readonly errors: readonly Record<string, unknown>[];
}

async function validateSpec({ terminal }: Session, file: string, modules: string | undefined): Promise<ExitCode> {
  const text = file === '-' ? await readAll(terminal.stdin) : await readSpecFile(file);
  const outcome = parseSpec(text, file === '-' ? 'stdin' : file);
  if ('errors' in outcome) {
    const error = errorOf([...outcome.errors], file);
    if (!terminal.json) throw error;
    terminal.writeJson({ ok: false, errors: outcome.errors.map(shapeOf) } satisfies SpecReport);
    return 2;
  }
  const { config } = outcome;
  const found = await checkedModule(config, modules, file === '-' ? undefined : dirname(file)).catch(
    (thrown: unknown) => {
      if (!terminal.json) throw thrown;
      terminal.writeJson({ ok: false, name: config.name, errors: [shapeOf(thrown)] } satisfies SpecReport);
      return undefined;
    },
  );
  if (found === undefined) return 2;
  const type = config.type ?? found.type;
  const report: SpecReport = {
    ok: true,
    name: config.name,
    ...(type === undefined ? {} : { type }),
    module: found.module,
    errors: [],
  };
  terminal.print(report, () => specLines(config, report));
  return 0;
}

interface FoundModule {
  readonly module: { readonly path: string; readonly sha256?: string; readonly checked: boolean };
  readonly type?: string | undefined;
}

async function checkedModule(
  config: TransformationConfig,
  modules: string | undefined,
  folder: string | undefined,
): Promise<FoundModule> {
  if (folder !== undefined) assertSchemaFiles(config, folder);
  return moduleOf(config, modules);
}

/** What is in them the registry judges; here they only must be there. */
function assertSchemaFiles(config: TransformationConfig, folder: string): void {
  for (const side of ['input', 'output'] as const) {
    const { schemaFile } = config[side];
    if (schemaFile === undefined || existsSync(join(folder, schemaFile))) continue;
    const configPath = `/${side}/schema_file`;
    throw new StreamlineError('schema.file_unreadable', `there is no schema file ${join(folder, schemaFile)}`, {
      place: placeOf(config, configPath),
      configPath,
      suggestion: 'Put the file beside the spec, or correct schema_file.',
    });
  }
}

async function moduleOf(config: TransformationConfig, directory: string | undefined): Promise<FoundModule> {
  const [{ wasmModule: path }] = config.stages;
  if (directory === undefined || isBuiltin(path)) return { module: { path, checked: isBuiltin(path) } };
  const file = join(directory, path);
  if (!existsSync(file))
    throw new StreamlineError('spec.module_missing', `there is no module ${file}`, {
      place: config.source,
      configPath: '/wasm_module',
      suggestion: 'Put it there, or give another folder with --modules.',
    });
  const { description } = await readLocalModule(file);
  return { module: { path, sha256: description.sha256, checked: true }, type: description.type };
}

function specLines(config: TransformationConfig, { type, module }: SpecReport): string[] {
  const from = module?.checked === true ? '' : ' (not looked at: see --modules)';
  return fields([
    ['name', config.name],
    ['type', type],
    ['input', config.inputTopic],
    ['output', config.outputTopic ?? 'where route() says'],
    ['module', `${module?.path ?? ''}${from}`],
    ['group', config.input.groupId],
    ['delivery', config.delivery],
    ['on failure', config.errors.onFailure],
    ['config', config.stages[0].configJson],
  ]);
}
