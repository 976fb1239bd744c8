import type { Command } from 'commander';
import type { CliContext, Session } from './cli-context.ts';
import { CommandError, shapeOf } from './command-error.ts';
import { withExample } from './help-example.ts';
import { logText } from './logs-command.ts';
import { metricsLines } from './metrics-command.ts';
import { offsetLines } from './offsets-command.ts';
import type { ErrorShape, LogLine, Metrics, Offsets, Status } from '../api/rest-shapes.ts';
import { restPath } from './sidecar-client.ts';
import { errorText, statusLines } from './status-view.ts';
import { named } from './transform-name.ts';

/** Lines of the log that are looked through, and errors of them that are shown. */
const LOG_TAIL = 500;
const ERRORS_SHOWN = 10;

/** What there is, or why it could not be asked for: one part that fails keeps nobody from the others. */
type Part<T> = T | { readonly error: ErrorShape };

interface Description {
  readonly status: Status;
  readonly spec: Part<string>;
  readonly metrics: Part<Metrics>;
  readonly offsets: Part<Offsets>;
  readonly recent_errors: Part<readonly LogLine[]>;
}

/** `transforms describe NAME`: everything there is to know about one. */
export function addDescribeCommand(parent: Command, context: CliContext): Command {
  const command = parent
    .command('describe')
    .description('status, spec, metrics, offsets, members of the group and recent errors')
    .argument('<name>', 'a transform')
    .action(
      context.action(async (session: Session, name: string) => {
        const description = await describe(session, name);
        session.terminal.print(description, () => lines(session, description));
      }),
    );
  return withExample(command, 'transforms describe mask-pii');
}

async function describe({ client }: Session, name: string): Promise<Description> {
  const path = (part: string): string => restPath('transforms', name, part);
  const status = await named(client, name, () => readStatus(client, path('status')));
  const [spec, metrics, offsets, errors] = await Promise.all([
    part(client.text(path('config'), 'application/yaml')),
    part(client.get<Metrics>(path('metrics'))),
    part(client.get<Offsets>(path('offsets'))),
    part(recentErrors(client, path('logs'))),
  ]);
  return { status, spec, metrics, offsets, recent_errors: errors };
}

/** Without the group's members when the cluster does not say. */
async function readStatus(client: Session['client'], path: string): Promise<Status> {
  try {
    return await client.get<Status>(`${path}?group=true`);
  } catch (thrown) {
    if (!(thrown instanceof CommandError) || !thrown.code.startsWith('broker.')) throw thrown;
    return client.get<Status>(path);
  }
}

async function recentErrors(client: Session['client'], path: string): Promise<readonly LogLine[]> {
  const errors: LogLine[] = [];
  for await (const line of client.lines(`${path}?tail=${LOG_TAIL}`)) {
    const entry = JSON.parse(line) as LogLine;
    if (/^(?:warn|error|fatal)$/i.test(entry.level)) errors.push(entry);
  }
  return errors.slice(-ERRORS_SHOWN);
}

async function part<T>(asked: Promise<T>): Promise<Part<T>> {
  try {
    return await asked;
  } catch (thrown) {
    return { error: shapeOf(thrown) as unknown as ErrorShape };
  }
}

function lines({ terminal }: Session, description: Description): string[] {
  const { status, spec, metrics, offsets, recent_errors: errors } = description;
  const section = <T>(title: string, found: Part<T>, show: (value: T) => readonly string[]): string[] => [
    '',
    terminal.style('bold', title),
    ...(isError(found) ? [errorText(terminal, found.error)] : show(found)).map((line) => `  ${line}`.trimEnd()),
  ];
  const now = Date.now();
  return [
    ...statusLines(terminal, status, now, true),
    ...section('Spec', spec, (text) => text.trimEnd().split('\n')),
    ...section('Metrics', metrics, (found) => metricsLines(found, now)),
    ...section('Offsets', offsets, offsetLines),
    ...section('Recent errors', errors, (found) =>
      found.length === 0 ? ['none'] : found.map((line) => logText(terminal, line)),
    ),
  ];
}

function isError<T>(found: Part<T>): found is { readonly error: ErrorShape } {
  return typeof found === 'object' && found !== null && 'error' in found;
}
