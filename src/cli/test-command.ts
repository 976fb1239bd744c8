import type { Command } from 'commander';
import type { CliContext, Session } from './cli-context.ts';
import { withExample } from './help-example.ts';
import { addLabOptions, type LabFlags } from './lab-options.ts';

export interface TestFlags extends LabFlags {
  readonly filter?: string;
  readonly junit?: string;
  readonly watch?: true;
}

/** `transforms test`: the cases beside a spec, run here: no cluster, no sidecar. */
export function addTestCommand(parent: Command, context: CliContext): Command {
  const command = parent
    .command('test')
    .description('run the cases of a spec, mask-pii.test.yaml beside mask-pii.yaml, without a cluster')
    .argument('<spec>', 'a spec, or a directory: then every spec below it that has cases');
  addLabOptions(command)
    .option('--filter <text>', 'only cases whose name has this in it')
    .option('--junit <file>', 'write a report in the form of JUnit')
    .option('-w, --watch', 'run again whenever spec, cases, module or schemas change')
    .action(
      context.action(async (session: Session, spec: string, flags: TestFlags) => {
        // The engine and the codecs take longer to load than most commands to run.
        const { runTests } = await import('./test-run.ts');
        return runTests(session, spec, flags);
      }),
    );
  return withExample(
    command,
    'transforms test specs/mask-pii.yaml',
    'transforms test examples --junit report.xml',
    'transforms test specs/mask-pii.yaml --filter e-mail --watch',
  );
}
