import type { Command } from 'commander';
import { usageError } from './command-error.ts';
import type { Terminal } from './terminal.ts';

export interface ConfirmFlags {
  readonly yes?: true;
  /** False for `--no-confirm`, as rpk has it. */
  readonly confirm: boolean;
}

export function addConfirmOptions(command: Command): Command {
  return command.option('-y, --yes', 'do not ask').option('--no-confirm', 'the same');
}

/** Asks where somebody can answer; goes on where nobody can. False: it was said no, and nothing must be done. */
export async function confirmed(terminal: Terminal, flags: ConfirmFlags, question: string): Promise<boolean> {
  if (flags.yes === true || !flags.confirm || !terminal.isInteractive) return true;
  if (await terminal.confirms(question)) return true;
  terminal.error('Nothing was done.');
  return false;
}

/** The same, where it must be meant: refused where nobody can be asked, unless a flag says it. */
export async function surelyConfirmed(terminal: Terminal, flags: ConfirmFlags, question: string): Promise<boolean> {
  const said = flags.yes === true || !flags.confirm;
  if (!said && !terminal.isInteractive)
    throw usageError(`this needs a yes: ${question}`, 'There is no terminal to ask on: add --yes.');
  return confirmed(terminal, flags, question);
}
