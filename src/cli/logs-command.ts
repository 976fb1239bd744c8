import type { Command } from 'commander';
import type { CliContext, ExitCode, Session } from './cli-context.ts';
import { CommandError, usageError } from './command-error.ts';
import { parseMomentMs } from './duration.ts';
import { withExample } from './help-example.ts';
import type { LogLine } from '../api/rest-shapes.ts';
import { UNPRINTABLE } from '../base/printable.ts';
import { restPath } from './sidecar-client.ts';
import type { Terminal } from './terminal.ts';
import { named } from './transform-name.ts';

interface LogFlags {
  readonly follow?: true;
  readonly tail?: number;
  readonly since?: number;
}

/** `transforms logs NAME`: what the module logged, and the sidecar about it. */
export function addLogsCommand(parent: Command, context: CliContext): Command {
  const command = parent
    .command('logs')
    .description('log lines of a transform, of its module and of the sidecar about it')
    .argument('<name>', 'a transform')
    .option('-f, --follow', 'go on with what comes, until Ctrl-C')
    .option('--tail <n>', 'so many of the lines there are (default 100)', parseTail)
    .option('--since <when>', 'not older than: 10m, @MS, or a date-time with a zone', parseSince)
    .action(context.action(showLogs));
  return withExample(command, 'transforms logs mask-pii --since 10m', 'transforms logs mask-pii -f --tail 20');
}

function parseTail(text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw usageError(`--tail cannot be ${text}`, 'Write a number of lines, such as --tail 20.');
  return Number(text);
}

function parseSince(text: string): number {
  const ms = parseMomentMs(text, Date.now());
  if (ms !== undefined) return ms;
  throw usageError(`--since cannot be ${text}`, 'Write 10m, @1767225600000 or 2026-01-31T12:00:00Z.');
}

async function showLogs(session: Session, name: string, flags: LogFlags): Promise<ExitCode> {
  const { client, terminal } = session;
  const follow = flags.follow === true;
  const query = new URLSearchParams({
    tail: String(flags.tail ?? 100),
    ...(flags.since === undefined ? {} : { since: String(flags.since) }),
    ...(follow ? { follow: 'true' } : {}),
  });
  const signal = follow ? session.interrupt() : undefined;
  try {
    await named(client, name, async () => {
      for await (const line of client.lines(`${restPath('transforms', name, 'logs')}?${query.toString()}`, signal)) {
        terminal.line(terminal.json ? line : logText(terminal, JSON.parse(line) as LogLine));
      }
    });
  } catch (thrown) {
    if (signal?.aborted !== true) throw thrown;
  }
  return signal?.aborted === false ? afterTheEnd(session, name) : 0;
}

/** A stream that was to go on has ended: because the transform is gone, or the sidecar. */
async function afterTheEnd({ client, terminal }: Session, name: string): Promise<ExitCode> {
  try {
    await client.get(restPath('transforms', name, 'status'));
  } catch (thrown) {
    if (!(thrown instanceof CommandError) || thrown.code !== 'transform.not_found') throw thrown;
    terminal.note(`${name} was undeployed`);
    return 0;
  }
  throw new CommandError('sidecar.unreachable', `the sidecar at ${client.url} has ended the stream`, {
    suggestion: 'Follow the log again.',
  });
}

export function logText(terminal: Terminal, { time, level, from, message, fields }: LogLine): string {
  const more = Object.entries(fields).map(([name, value]) => `${name}=${fieldText(value)}`);
  const shown = [
    terminal.style('dim', time),
    levelText(terminal, level),
    from.padEnd(7),
    printable(message),
    ...(more.length === 0 ? [] : [terminal.style('dim', printable(more.join(' ')))]),
  ];
  return shown.join(' ');
}

function levelText(terminal: Terminal, level: string): string {
  const text = level.toUpperCase().padEnd(5);
  if (/^(?:ERROR|FATAL)/.test(text)) return terminal.style('red', text);
  return text.startsWith('WARN') ? terminal.style('yellow', text) : text;
}

function fieldText(value: unknown): string {
  if (typeof value === 'string') return /[\s"=]/.test(value) ? JSON.stringify(value) : value;
  return JSON.stringify(value) ?? 'undefined';
}

/** A guest says what it likes: no line of its own makes a second one, moves the cursor, or reads otherwise than it is. */
function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, escaped);
}

function escaped(character: string): string {
  const json = JSON.stringify(character).slice(1, -1);
  if (json !== character) return json;
  const hex = (character.codePointAt(0) ?? 0).toString(16);
  return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`;
}
