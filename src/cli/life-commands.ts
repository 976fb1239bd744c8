import type { Command } from 'commander';
import type { CliContext, ExitCode, Session } from './cli-context.ts';
import { tell } from './cli-context.ts';
import { addConfirmOptions, confirmed, type ConfirmFlags } from './confirmation.ts';
import { withExample } from './help-example.ts';
import { restPath, type SidecarClient } from './sidecar-client.ts';
import { named } from './transform-name.ts';

/** Does one thing to each of the names; one that cannot be done keeps the others from nothing. */
async function forEach(
  { client, terminal }: Session,
  names: readonly string[],
  done: string,
  act: (name: string) => Promise<unknown>,
): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const results: { readonly name: string; readonly done: string }[] = [];
  for (const name of new Set(names)) {
    try {
      await named(client, name, () => act(name));
      results.push({ name, done });
      if (!terminal.json) terminal.line(`${name}: ${done}`);
    } catch (thrown) {
      const code = tell(terminal, thrown);
      exitCode = code > exitCode ? code : exitCode;
      // The next would not be reached either.
      if (code === 3) break;
    }
  }
  if (terminal.json) terminal.writeJson(results);
  return exitCode;
}

interface Wish {
  readonly verb: 'pause' | 'resume' | 'stop';
  readonly done: string;
  readonly description: string;
}

const WISHES: readonly Wish[] = [
  { verb: 'pause', done: 'pausing', description: 'take no more records, stay in the consumer group' },
  { verb: 'resume', done: 'resuming', description: 'go on where it was paused or stopped' },
  { verb: 'stop', done: 'stopping', description: 'drain and leave the consumer group, so that offsets can be changed' },
];

/** pause, resume, stop, restart, undeploy: each with one name or several. */
export function addLifeCommands(parent: Command, context: CliContext): void {
  for (const wish of WISHES) addWishCommand(parent, context, wish);
  addRestartCommand(parent, context);
  addUndeployCommand(parent, context);
}

function addWishCommand(parent: Command, context: CliContext, { verb, done, description }: Wish): void {
  const command = parent
    .command(verb)
    .description(`${description}; kept over a restart of the sidecar`)
    .argument('<name...>', 'transforms')
    .action(
      context.action((session: Session, names: readonly string[]) =>
        forEach(session, names, done, (name) => session.client.put(restPath('transforms', name, verb))),
      ),
    );
  withExample(command, `transforms ${verb} mask-pii`);
}

function addRestartCommand(parent: Command, context: CliContext): void {
  const command = parent
    .command('restart')
    .description('take it down and begin anew, a failed one too')
    .argument('<name...>', 'transforms')
    .option('--only-failed', 'nothing happens to one that has not failed')
    .action(
      context.action((session: Session, names: readonly string[], flags: { readonly onlyFailed?: true }) =>
        forEach(session, names, flags.onlyFailed === true ? 'restarted if it had failed' : 'restarted', (name) =>
          restart(session.client, name, flags.onlyFailed === true),
        ),
      ),
    );
  withExample(command, 'transforms restart mask-pii', 'transforms restart mask-pii enrich-orders --only-failed');
}

function restart(client: SidecarClient, name: string, onlyFailed: boolean): Promise<unknown> {
  return client.post(`${restPath('transforms', name, 'restart')}?includeTasks=true&onlyFailed=${onlyFailed}`);
}

function addUndeployCommand(parent: Command, context: CliContext): void {
  const command = addConfirmOptions(
    parent
      .command('undeploy')
      .aliases(['delete', 'rm'])
      .description('drain it, leave its group, remove its spec; topics, offsets and modules stay')
      .argument('<name...>', 'transforms'),
  ).action(
    context.action(async (session: Session, names: readonly string[], flags: ConfirmFlags) => {
      if (!(await confirmed(session.terminal, flags, `Undeploy ${names.join(', ')}?`))) return 1;
      return forEach(session, names, 'undeployed', (name) => session.client.delete(restPath('transforms', name)));
    }),
  );
  withExample(command, 'transforms undeploy mask-pii', 'transforms delete mask-pii --no-confirm');
}
