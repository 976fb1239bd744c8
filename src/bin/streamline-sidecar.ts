#!/usr/bin/env -S node --no-wasm-inlining --max-semi-space-size=8
import './thread-pool.ts';
import { Command } from 'commander';
import { ERROR_CODES } from '../base/error-code.ts';
import { toStreamlineError, type StreamlineError } from '../base/error.ts';
import { applyCompilationMode } from '../catalog/compilation-mode.ts';
import { checkLines, checkSpecs } from '../registry/check-specs.ts';
import type { SidecarConfig } from '../spec/sidecar-config.ts';
import { loadSidecarConfig } from '../spec/sidecar-file.ts';
import { Sidecar } from './sidecar.ts';
import { version } from './version.ts';

interface Flags {
  readonly config?: string;
  readonly specs?: string;
  readonly modules?: string;
  readonly json?: boolean;
}

/** A drain that hangs must not keep the process: this much longer than its bound, then out. */
const STOP_GRACE_MS = 5000;

async function configOf(flags: Flags): Promise<SidecarConfig> {
  const outcome = await loadSidecarConfig(flags.config, process.env, { specs: flags.specs, modules: flags.modules });
  if ('config' in outcome) return outcome.config;
  for (const error of outcome.errors) process.stderr.write(`${error.describe()}\n`);
  process.exit(2);
}

async function run(flags: Flags): Promise<void> {
  const config = await configOf(flags);
  applyCompilationMode(config.compilation);
  const sidecar = new Sidecar(config);
  // A bug of ours: what is unsettled is read again by whoever comes next (I8), so ending at once loses nothing.
  process.on('uncaughtException', (thrown) => {
    const error = toStreamlineError(thrown);
    sidecar.log.fatal(error.toJSON(), 'bug: the sidecar ends; log_level debug shows where');
    sidecar.log.debug({ stack: thrown.stack }, 'bug');
    process.exit(1);
  });
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    sidecar.log.info({ signal }, 'stopping');
    // Not process.exit, which would wait for a guest thread that does not end.
    const patience = setTimeout(
      () => process.kill(process.pid, 'SIGKILL'),
      2 * config.limits.drainTimeoutMs + STOP_GRACE_MS,
    );
    void sidecar.stop().then(
      () => process.exit(0),
      (thrown: unknown) => {
        sidecar.log.error(toStreamlineError(thrown).toJSON(), 'stop failed');
        process.exit(1);
      },
    );
    patience.unref();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  await sidecar.start();
}

async function check(flags: Flags): Promise<void> {
  const config = await configOf(flags);
  const report = await checkSpecs(config);
  if (flags.json === true) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else for (const line of checkLines(report)) process.stdout.write(`${line}\n`);
  process.exit(report.ok ? 0 : 2);
}

function fail(thrown: unknown): never {
  const error: StreamlineError = toStreamlineError(thrown);
  process.stderr.write(`${error.describe()}\n`);
  process.exit(ERROR_CODES[error.code].exitCode);
}

const program = new Command('streamline-sidecar')
  .description('Passes Kafka records through sandboxed WebAssembly transforms, one YAML spec each.')
  .version(version)
  .configureOutput({ outputError: (text, write) => write(text) })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

program
  .command('run')
  .description('run every spec of the directory until SIGTERM')
  .option('--config <file>', 'sidecar.yaml: cluster, limits, HTTP')
  .option('--specs <dir>', 'directory of specs (wins over the file)')
  .option('--modules <dir>', 'directory of modules (wins over the file)')
  .addHelpText('after', '\nExample:\n  streamline-sidecar run --specs specs --config sidecar.yaml')
  .action((flags: Flags) => run(flags).catch(fail));

program
  .command('check')
  .description('check the configuration, specs and modules without a cluster')
  .option('--config <file>', 'sidecar.yaml')
  .option('--specs <dir>', 'directory of specs')
  .option('--modules <dir>', 'directory of modules')
  .option('--json', 'print JSON')
  .addHelpText('after', '\nExample:\n  streamline-sidecar check --specs specs')
  .action((flags: Flags) => check(flags).catch(fail));

await program.parseAsync(process.argv);
