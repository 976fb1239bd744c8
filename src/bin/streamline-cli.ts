#!/usr/bin/env node
import { runCli } from '../cli/run-cli.ts';
import { version } from './version.ts';

const { stdin, stdout, stderr, env } = process;

// `| head` has seen enough.
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    // A full disk is no bug to show a stack of.
    if (stream === stdout) stderr.write(`the output cannot be written: ${error.code ?? error.message}\n`);
    process.exit(1);
  });
}

function interrupt(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => controller.abort());
  return controller.signal;
}

process.exitCode = await runCli(process.argv.slice(2), version, { streams: { stdin, stdout, stderr }, env, interrupt });
