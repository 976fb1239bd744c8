import { Argument, type Command } from 'commander';
import type { CliContext, Session } from './cli-context.ts';
import { completionScript, SHELLS, type Shell } from './completion-scripts.ts';
import { completionsOf } from './completion-words.ts';
import { withExample } from './help-example.ts';

/** A person waits for the names with a finger on the key. */
const NAMES_MS_MAX = 1000;

/** `completion bash|zsh|fish`, and what the scripts ask. */
export function addCompletionCommands(program: Command, context: CliContext): void {
  const command = program
    .command('completion')
    .description('script that completes commands, flags and names in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action(
      context.action(async ({ terminal }: Session, shell: Shell) => {
        terminal.write(completionScript(shell));
      }),
    );
  withExample(
    command,
    'completion bash > ~/.local/share/bash-completion/completions/streamline-cli',
    'completion fish > ~/.config/fish/completions/streamline-cli.fish',
  );
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .helpOption(false)
    .action(
      context.action(async (session: Session, words: readonly string[]) => {
        const { words: known, files, transforms } = completionsOf(program, words.length === 0 ? [''] : words);
        const { terminal } = session;
        if (files) terminal.line(':files');
        for (const { word, description } of known) terminal.line(`${word}\t${description}`);
        if (transforms) for (const name of await namesOf(session)) terminal.line(`${name}\ttransform`);
      }),
    );
}

/** None where no sidecar answers at once: completion is no place for errors. */
async function namesOf({ client }: Session): Promise<readonly string[]> {
  const nothing = new Promise<readonly string[]>((resolve) => {
    setTimeout(() => resolve([]), NAMES_MS_MAX).unref();
  });
  return Promise.race([client.get<readonly string[]>('/transforms').catch(() => []), nothing]);
}
