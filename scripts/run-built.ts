// `node scripts/run-built.ts streamline-sidecar|streamline-cli [arguments]`: builds when needed and becomes the program.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { builtProgram } from './built.ts';

const [name, ...args] = process.argv.slice(2);
if (name !== 'streamline-sidecar' && name !== 'streamline-cli') {
  console.error('usage: run-built.ts streamline-sidecar|streamline-cli [arguments]');
  process.exit(2);
}
try {
  const child = spawn(process.execPath, [...builtProgram(name), ...args], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the child too.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
} catch (thrown) {
  console.error(thrown instanceof Error ? thrown.message : thrown);
  process.exit(1);
}
