import { Command } from 'commander';
import type { CliContext } from './cli-context.ts';
import { addCompletionCommands } from './completion-command.ts';
import { addBuildCommand } from './build-command.ts';
import { addDeployCommand } from './deploy-command.ts';
import { addDescribeCommand } from './describe-command.ts';
import { addGlobalOptions } from './global-options.ts';
import { withExample } from './help-example.ts';
import { addInitCommand } from './init-command.ts';
import { addLifeCommands } from './life-commands.ts';
import { addListCommand } from './list-command.ts';
import { addLoggersCommand } from './loggers-command.ts';
import { addLogsCommand } from './logs-command.ts';
import { addMetricsCommand } from './metrics-command.ts';
import { addModulesCommand } from './modules-command.ts';
import { addOffsetsCommand } from './offsets-command.ts';
import { addPlanCommand } from './plan-command.ts';
import { addRunCommand } from './run-command.ts';
import { addStatusCommand } from './status-command.ts';
import { addTestCommand } from './test-command.ts';
import { addTopCommand } from './top-command.ts';
import { addValidateCommand } from './validate-command.ts';

export interface ProgramOutput {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** What commander has against the command line. */
  readonly usage: (message: string) => void;
}

/** The tree of commands. Those under `transforms` stand at the top as well, unlisted: `streamline-cli status mask-pii`. */
export function createProgram(version: string, context: CliContext, { out, error, usage }: ProgramOutput): Command {
  const program = new Command('streamline-cli')
    .description('Manage WebAssembly transforms of a running sidecar.')
    .version(version)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: out, writeErr: error, outputError: usage });
  addGlobalOptions(program);
  withExample(program, 'transforms list', 'transforms deploy --spec transforms/mask-pii.yaml --wait');
  const transforms = program
    .command('transforms')
    .alias('transform')
    .description('deploy, watch, change, pause and remove transforms');
  withExample(transforms, 'transforms list', 'transforms status mask-pii');
  addTransformCommands(transforms, context);
  addCompletionCommands(program, context);
  addUnlisted(program, context);
  return program;
}

function addTransformCommands(parent: Command, context: CliContext): void {
  addListCommand(parent, context);
  addDeployCommand(parent, context);
  addPlanCommand(parent, context);
  addStatusCommand(parent, context);
  addDescribeCommand(parent, context);
  addMetricsCommand(parent, context);
  addTopCommand(parent, context);
  addLogsCommand(parent, context);
  addLifeCommands(parent, context);
  addOffsetsCommand(parent, context);
  addModulesCommand(parent, context);
  addLoggersCommand(parent, context);
  addValidateCommand(parent, context);
  addInitCommand(parent, context);
  addBuildCommand(parent, context);
  addTestCommand(parent, context);
  addRunCommand(parent, context);
}

function addUnlisted(program: Command, context: CliContext): void {
  const shelf = new Command('streamline-cli').copyInheritedSettings(program);
  addTransformCommands(shelf, context);
  for (const command of shelf.commands) program.addCommand(command, { hidden: true });
}
