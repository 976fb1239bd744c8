import type { Command } from 'commander';
import type { CliContext, Session } from './cli-context.ts';
import { usageError } from './command-error.ts';
import { withExample } from './help-example.ts';
import { addLabOptions, type LabFlags } from './lab-options.ts';
import { repeated } from './repeated.ts';

export interface RunFlags extends LabFlags {
  readonly text?: readonly string[];
  readonly file?: string;
  readonly topic?: string;
  readonly key?: string;
  readonly header?: readonly string[];
  readonly limit?: number;
  readonly from?: string;
  readonly bootstrap?: string;
}

/** `transforms run`: records before and after, run here. Nothing is produced, nothing committed. */
export function addRunCommand(parent: Command, context: CliContext): Command {
  const run = context.action(async (session: Session, spec: string, flags: RunFlags) => {
    const given = [flags.text, flags.file, flags.topic].filter((source) => source !== undefined);
    if (given.length !== 1)
      throw usageError(
        'give one of --text, --file and --topic',
        'Such as run mask-pii.yaml --text \'{"email":"a@b.c"}\'.',
      );
    const { runSamples } = await import('./sample-run.ts');
    return runSamples(session, spec, flags);
  });
  const command = parent
    .command('run')
    .description('show records before and after a transform, run here: nothing is produced or committed')
    .argument('<spec>', 'a spec');
  addLabOptions(command)
    .option('--text <text>', 'value of a record; may be repeated', repeated)
    .option('--file <file>', 'a record a line; - is stdin')
    .option('--topic <topic>', 'records of a topic; no group is joined')
    .option('-k, --key <text>', 'key of the records of --text and --file')
    .option('--header <name=value>', 'header of the records of --text and --file; may be repeated', repeated)
    .option('--limit <n>', 'records at most (--topic: 10 unless given)', limitOf)
    .option(
      '--from <offset>',
      'where --topic begins: earliest, latest, @T, +N, -N of each partition; else with the last records',
    )
    .option('--bootstrap <addresses>', 'brokers for --topic, unless those of --config')
    .option('--dry-run', 'says what is so anyway: nothing is produced or committed')
    .action((spec: string, flags: RunFlags, self: Command) => {
      // Options of every command are read before the command's own, and one of them is --key, of a certificate that nothing here shows.
      const key = flags.key ?? self.optsWithGlobals<RunFlags>().key;
      return run(spec, { ...flags, ...(key === undefined ? {} : { key }) }, self);
    });
  return withExample(
    command,
    'transforms run specs/mask-pii.yaml --text \'{"email":"a@b.c"}\'',
    'transforms run specs/mask-pii.yaml --file records.jsonl --json',
    'transforms run specs/mask-pii.yaml --topic raw-events --limit 100 --config sidecar.yaml',
  );
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (/^[0-9]{1,15}$/.test(text) && limit > 0) return limit;
  throw usageError(`--limit cannot be ${text}`, 'Write a whole number from 1 on.');
}
