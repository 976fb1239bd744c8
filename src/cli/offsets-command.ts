import type { Command } from 'commander';
import type { CliContext, ExitCode, Session } from './cli-context.ts';
import { addConfirmOptions, surelyConfirmed, type ConfirmFlags } from './confirmation.ts';
import { usageError } from './command-error.ts';
import { withExample } from './help-example.ts';
import { resetTargetOf, type ResetFlags, type ResetTarget } from './offset-flags.ts';
import { counted, shortDigest } from './quantity.ts';
import type { Offsets } from '../api/rest-shapes.ts';
import { repeated } from './repeated.ts';
import { restPath } from './sidecar-client.ts';
import { table } from './table.ts';
import { named } from './transform-name.ts';

/** `transforms offsets show|reset|delete` */
export function addOffsetsCommand(parent: Command, context: CliContext): Command {
  const offsets = parent.command('offsets').description('committed offsets and lag; set them when it is stopped');
  addShow(offsets, context);
  addReset(offsets, context);
  addDelete(offsets, context);
  return withExample(offsets, 'transforms offsets show mask-pii', 'transforms offsets reset mask-pii --to earliest');
}

function addShow(offsets: Command, context: CliContext): void {
  const command = offsets
    .command('show')
    .description('what is committed, and where versions took over')
    .argument('<name>', 'a transform')
    .action(
      context.action(async (session: Session, name: string) => {
        const found = await named(session.client, name, () => session.client.get<Offsets>(pathOf(name)));
        session.terminal.print(found, () => offsetLines(found));
      }),
    );
  withExample(command, 'transforms offsets show mask-pii');
}

function addReset(offsets: Command, context: CliContext): void {
  const command = addConfirmOptions(
    offsets
      .command('reset')
      .description('set the offsets of a stopped transform')
      .argument('<name>', 'a transform that is STOPPED')
      .option('--to <where>', 'earliest, latest, @MS, @DATE; +N or -N from what is committed')
      .option('--offset <P=N>', 'the offset of one partition; may be repeated', repeated),
  ).action(context.action(reset));
  withExample(
    command,
    'transforms offsets reset mask-pii --to earliest',
    'transforms offsets reset mask-pii --to @2026-01-31T12:00:00Z --yes',
    'transforms offsets reset mask-pii --offset 0=1200 --offset 1=1310',
  );
}

async function reset(session: Session, name: string, flags: ResetFlags & ConfirmFlags): Promise<ExitCode> {
  const { client, terminal } = session;
  const target = resetTargetOf(flags);
  const where = 'to' in target ? target.to : target.exact.map((one) => `${one.partition}=${one.offset}`).join(', ');
  if (!(await surelyConfirmed(terminal, flags, `Set the offsets of ${name} to ${where}?`))) return 1;
  const found = await named(client, name, async () =>
    client.patch<Offsets>(pathOf(name), { json: await bodyOf(session, name, target) }),
  );
  terminal.print(found, () => offsetLines(found));
  return 0;
}

/** Connect's shape names the topic, which the sidecar knows. */
async function bodyOf({ client }: Session, name: string, target: ResetTarget): Promise<unknown> {
  if ('to' in target) return target;
  const [first] = (await client.get<Offsets>(pathOf(name))).offsets;
  if (first === undefined) throw usageError(`the input topic of ${name} has no partitions`);
  const { kafka_topic } = first.partition;
  return {
    offsets: target.exact.map(({ partition, offset }) => ({
      partition: { kafka_topic, kafka_partition: partition },
      offset: { kafka_offset: offset },
    })),
  };
}

function addDelete(offsets: Command, context: CliContext): void {
  const command = addConfirmOptions(
    offsets
      .command('delete')
      .alias('rm')
      .description('forget the offsets of a stopped transform: it begins at input.start again')
      .argument('<name>', 'a transform that is STOPPED'),
  ).action(
    context.action(async ({ client, terminal }: Session, name: string, flags: ConfirmFlags) => {
      if (!(await surelyConfirmed(terminal, flags, `Delete the offsets of ${name}?`))) return 1;
      await named(client, name, () => client.delete(pathOf(name)));
      terminal.print({ name, done: 'deleted' }, () => [`${name}: offsets deleted`]);
      return 0;
    }),
  );
  withExample(command, 'transforms offsets delete mask-pii --yes');
}

function pathOf(name: string): string {
  return restPath('transforms', name, 'offsets');
}

export function offsetLines({ offsets }: Offsets): string[] {
  const rows = offsets.map(({ partition, offset, earliest, latest, lag, switched }) => [
    partition.kafka_topic,
    partition.kafka_partition,
    offset?.kafka_offset,
    earliest,
    latest,
    lag,
    switched === undefined
      ? undefined
      : `version ${switched.version} at ${switched.offset} (sha256 ${shortDigest(switched.module_sha256)})`,
  ]);
  const behind = offsets.reduce((sum, { lag = 0 }) => sum + lag, 0);
  return [
    ...table(['TOPIC', 'PARTITION', 'COMMITTED', 'EARLIEST', 'LATEST', 'LAG', 'TOOK OVER'], rows),
    `${counted(offsets.length, 'partition')}, lag ${behind.toLocaleString('en-US')}`,
  ];
}
