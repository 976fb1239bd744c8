import type { Command } from 'commander';
import type { CliContext, Session } from './cli-context.ts';
import { withExample } from './help-example.ts';
import type { Logger } from '../api/rest-shapes.ts';
import { restPath } from './sidecar-client.ts';
import { table } from './table.ts';
import { named } from './transform-name.ts';

/** `transforms loggers [show|set]` */
export function addLoggersCommand(parent: Command, context: CliContext): Command {
  const loggers = parent.command('loggers').description('log levels, of the sidecar and of each transform');
  const show = loggers
    .command('show', { isDefault: true })
    .alias('list')
    .description('levels as they are')
    .argument('[name]', 'root, or a transform')
    .action(
      context.action(async ({ client, terminal }: Session, name: string | undefined) => {
        const found =
          name === undefined
            ? await client.get<Record<string, Logger>>('/admin/loggers')
            : { [name]: await named(client, name, () => client.get<Logger>(restPath('admin', 'loggers', name))) };
        terminal.print(found, () => loggerLines(found));
      }),
    );
  withExample(show, 'transforms loggers', 'transforms loggers show mask-pii');
  const set = loggers
    .command('set')
    .description('change a level until the sidecar ends')
    .argument('<name>', 'root, or a transform')
    .argument('<level>', 'trace, debug, info, warn, error or fatal')
    .action(
      context.action(async ({ client, terminal }: Session, name: string, level: string) => {
        const path = restPath('admin', 'loggers', name);
        const changed = await named(client, name, () =>
          client.put<readonly string[]>(path, { json: { level: level.toUpperCase() } }),
        );
        terminal.print(changed, () => changed.map((logger) => `${logger}: ${level.toUpperCase()}`));
      }),
    );
  withExample(set, 'transforms loggers set mask-pii debug');
  return withExample(loggers, 'transforms loggers', 'transforms loggers set root warn');
}

function loggerLines(loggers: Readonly<Record<string, Logger>>): string[] {
  const rows = Object.entries(loggers).map(([name, { level, last_modified: changed }]) => [
    name,
    level,
    typeof changed === 'number' ? new Date(changed).toISOString() : undefined,
  ]);
  return table(['LOGGER', 'LEVEL', 'CHANGED'], rows);
}
