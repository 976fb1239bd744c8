import { CommanderError } from 'commander';
import { CliContext, tell, type CliIo, type ExitCode } from './cli-context.ts';
import { usageError } from './command-error.ts';
import { createProgram } from './program.ts';
import { Terminal } from './terminal.ts';

/** One run of the command line, from its arguments to its exit code. Never throws. */
export async function runCli(args: readonly string[], version: string, io: CliIo): Promise<ExitCode> {
  // Commander may stumble before it has read --json.
  const terminal = new Terminal(io.streams, args.includes('--json'));
  const context = new CliContext(io);
  const program = createProgram(version, context, {
    out: (text) => terminal.write(text),
    error: (text) => terminal.error(text.trimEnd()),
    usage: (message) => {
      const [first = '', ...rest] = message.trim().split('\n');
      const hint = rest.join(' ').trim();
      tell(
        terminal,
        usageError(first.replace(/^error: /, ''), hint === '' ? undefined : hint.replace(/^\((.*)\)$/, '$1')),
      );
    },
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return context.exitCode;
  } catch (thrown) {
    // Help and version end with 0; what it has said, it has said.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    return tell(terminal, thrown);
  }
}
