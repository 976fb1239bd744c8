import type { Command } from 'commander';

/** What stands below the options in a command's help. `$` is left away: what is shown can be copied. */
export function withExample(command: Command, ...lines: readonly string[]): Command {
  const title = lines.length === 1 ? 'Example' : 'Examples';
  return command.addHelpText('after', `\n${title}:\n${lines.map((line) => `  streamline-cli ${line}`).join('\n')}`);
}
