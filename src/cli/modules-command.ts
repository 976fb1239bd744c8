import { basename, extname } from 'node:path';
import type { Command } from 'commander';
import type { CliContext, Session } from './cli-context.ts';
import { CommandError } from './command-error.ts';
import { addConfirmOptions, confirmed, type ConfirmFlags } from './confirmation.ts';
import { withExample } from './help-example.ts';
import { readLocalModule } from './local-module.ts';
import { bytes, shortDigest } from './quantity.ts';
import type { Module } from '../api/rest-shapes.ts';
import { restPath } from './sidecar-client.ts';
import { table } from './table.ts';

/** `transforms modules list|upload|delete` */
export function addModulesCommand(parent: Command, context: CliContext): Command {
  const modules = parent.command('modules').description('modules the sidecar has');
  addList(modules, context);
  addUpload(modules, context);
  addDelete(modules, context);
  return withExample(modules, 'transforms modules list', 'transforms modules upload ./mask_pii.wasm --name mask-pii');
}

function addList(modules: Command, context: CliContext): void {
  const command = modules
    .command('list')
    .alias('ls')
    .description('modules with their digests, and the transforms that use them')
    .action(
      context.action(async ({ client, terminal }: Session) => {
        const found = await client.get<readonly Module[]>('/modules');
        terminal.print(found, () => moduleLines(found));
      }),
    );
  withExample(command, 'transforms modules list');
}

function addUpload(modules: Command, context: CliContext): void {
  const command = modules
    .command('upload')
    .description('check a module here, and hand it to the sidecar')
    .argument('<file>', 'a .wasm file')
    .option('--name <name>', 'name to keep it under (default: of the file)')
    .action(
      context.action(async ({ client, terminal }: Session, file: string, flags: { readonly name?: string }) => {
        const { bytes: wasm } = await readLocalModule(file);
        const name = flags.name ?? nameOf(file);
        const module = await client.post<Module>(`/modules?name=${encodeURIComponent(name)}`, { wasm });
        terminal.print(module, () => [`${module.path} (sha256 ${module.sha256}, ${bytes(module.size_bytes)})`]);
      }),
    );
  withExample(command, 'transforms modules upload ./mask_pii.wasm --name mask-pii');
}

function addDelete(modules: Command, context: CliContext): void {
  const command = addConfirmOptions(
    modules
      .command('delete')
      .alias('rm')
      .description('remove a module that was uploaded and that no transform uses')
      .argument('<sha256>', 'its digest, or the beginning of it'),
  ).action(
    context.action(async ({ client, terminal }: Session, prefix: string, flags: ConfirmFlags) => {
      const module = await findModule(client, prefix);
      if (!(await confirmed(terminal, flags, `Delete ${module.path}?`))) return 1;
      await client.delete(restPath('modules', module.sha256));
      terminal.print({ sha256: module.sha256, done: 'deleted' }, () => [`${module.path}: deleted`]);
      return 0;
    }),
  );
  withExample(command, 'transforms modules delete 3f5a0c1e9b2d');
}

async function findModule(client: Session['client'], prefix: string): Promise<Module> {
  const known = await client.get<readonly Module[]>('/modules');
  const found = known.filter(({ sha256 }) => sha256.startsWith(prefix.toLowerCase()));
  const digests = [...new Set(found.map(({ sha256 }) => sha256))];
  const [first] = found;
  if (first === undefined)
    throw new CommandError('module.not_found', `there is no module with a digest of ${prefix}`, {
      suggestion: 'See: streamline-cli transforms modules list',
    });
  if (digests.length > 1)
    throw new CommandError('module.not_found', `${prefix} is the beginning of ${digests.length} digests`, {
      suggestion: `Write more of it: ${digests.map(shortDigest).join(', ')}.`,
    });
  return first;
}

/** `mask_pii.wasm` → `mask-pii` */
export function nameOf(file: string): string {
  return basename(file, extname(file))
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
}

function moduleLines(modules: readonly Module[]): string[] {
  if (modules.length === 0) return ['There are no modules.'];
  const rows = modules.map(({ path, sha256, size_bytes: size, uploaded, modified, used_by: users }) => [
    path,
    shortDigest(sha256),
    bytes(size),
    uploaded ? 'upload' : 'file',
    modified,
    users.join(', '),
  ]);
  return table(['PATH', 'DIGEST', 'SIZE', 'FROM', 'MODIFIED', 'USED BY'], rows);
}
