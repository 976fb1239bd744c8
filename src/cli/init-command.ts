import { relative } from 'node:path';
import { Option, type Command } from 'commander';
import { makeProject } from '../sdk/make-project.ts';
import { LANGUAGES, type Language } from '../sdk/sdk-manifest.ts';
import type { CliContext, Session } from './cli-context.ts';
import { withExample } from './help-example.ts';

interface InitFlags {
  readonly lang: Language;
  readonly name?: string;
}

/** `transforms init`: a project that builds, is tested and deploys. */
export function addInitCommand(parent: Command, context: CliContext): Command {
  const command = parent
    .command('init')
    .description('make a project for a transform of your own: source, spec, cases')
    .argument('<directory>', 'a new directory')
    .addOption(new Option('--lang <language>', 'what it is written in').choices(LANGUAGES).makeOptionMandatory())
    .option('--name <name>', 'name of the transform; else made of the directory’s')
    .action(
      context.action(async ({ terminal }: Session, directory: string, { lang, name }: InitFlags) => {
        const made = await makeProject(directory, lang, name);
        const { project, files } = made;
        const spec = `specs/${project.name}.yaml`;
        terminal.print({ directory: made.directory, name: project.name, language: lang, files }, () => [
          `made ${relative(process.cwd(), made.directory) || '.'}: ${files.length} files, README.md tells what they are`,
          '',
          `  cd ${directory}`,
          '  streamline-cli transforms build',
          `  streamline-cli transforms test ${spec}`,
          `  streamline-cli transforms deploy --spec ${spec} --wasm ${project.module}`,
        ]);
      }),
    );
  return withExample(command, 'transforms init mask-email --lang rust');
}
