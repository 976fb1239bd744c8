import { relative } from 'node:path';
import type { Command } from 'commander';
import { buildProject } from '../sdk/build-project.ts';
import type { CliContext, Session } from './cli-context.ts';
import { withExample } from './help-example.ts';
import { readLocalModule } from './local-module.ts';

/** `transforms build`: runs a project's own toolchain, or says what is missing. */
export function addBuildCommand(parent: Command, context: CliContext): Command {
  const command = parent
    .command('build')
    .description('build a project that `init` made, and look at its module')
    .argument('[directory]', 'of the project', '.')
    .action(
      context.action(async ({ terminal, interrupt }: Session, directory: string) => {
        const output = {
          step: (command: readonly string[]) => terminal.note(`$ ${command.join(' ')}`),
          line: (line: string) => terminal.error(line),
        };
        const { path, project } = await buildProject(directory, output, interrupt());
        const { description } = await readLocalModule(path);
        const { sizeBytes, sha256, exports } = description;
        terminal.print({ module: path, sizeBytes, sha256, exports: exports.map(({ name }) => name) }, () => [
          `${relative(process.cwd(), path)}: ${sizeBytes} bytes, sha256 ${sha256.slice(0, 12)}, exports ${exports.map(({ name }) => name).join(', ')}`,
          `Next: streamline-cli transforms test specs/${project.name}.yaml`,
        ]);
      }),
    );
  return withExample(command, 'transforms build', 'transforms build ./mask-email --json');
}
