#!/usr/bin/env node
import { Command } from 'commander';
import { ERROR_CODES } from '../base/error-code.ts';
import { toStreamlineError } from '../base/error.ts';
import { validateModule } from '../cli/validate-command.ts';
import { version } from './version.ts';

const program = new Command('streamline-cli')
  .description('Manage WebAssembly transforms.')
  .version(version)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

const transforms = program.command('transforms').description('work with transforms and their modules');

transforms
  .command('validate')
  .description('check a module offline: exports, imports, memory, what it can do, why it is refused')
  .argument('<module>', 'a .wasm file')
  .option('--json', 'print JSON')
  .addHelpText('after', '\nExample:\n  streamline-cli transforms validate modules/transforms/mask_pii.wasm')
  .action(async (module: string, flags: { readonly json?: boolean }) => {
    const write = (text: string): void => void process.stdout.write(text);
    try {
      process.exitCode = await validateModule(module, { json: flags.json === true, write });
    } catch (thrown) {
      const error = toStreamlineError(thrown);
      process.stderr.write(`${error.describe()}\n`);
      process.exitCode = ERROR_CODES[error.code].exitCode;
    }
  });

await program.parseAsync(process.argv);
