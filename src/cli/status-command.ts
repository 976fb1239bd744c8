import type { Command } from 'commander';
import type { CliContext, Session } from './cli-context.ts';
import { withExample } from './help-example.ts';
import type { Status } from '../api/rest-shapes.ts';
import { restPath } from './sidecar-client.ts';
import { statusLines } from './status-view.ts';
import { named } from './transform-name.ts';

/** `transforms status NAME` */
export function addStatusCommand(parent: Command, context: CliContext): Command {
  const command = parent
    .command('status')
    .description('state, version and errors of a transform')
    .argument('<name>', 'a transform')
    .option('-d, --detailed', 'with its tasks and the members of its group')
    .action(
      context.action(async (session: Session, name: string, flags: { readonly detailed?: true }) => {
        const { client, terminal } = session;
        const detailed = flags.detailed === true;
        const path = `${restPath('transforms', name, 'status')}${detailed ? '?group=true' : ''}`;
        const status = await named(client, name, () => client.get<Status>(path));
        terminal.print(status, () => statusLines(terminal, status, Date.now(), detailed));
      }),
    );
  return withExample(command, 'transforms status mask-pii', 'transforms status mask-pii --json');
}
