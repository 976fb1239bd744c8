import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Command } from 'commander';
import { tell, type CliContext, type ExitCode, type Session } from './cli-context.ts';
import { CommandError } from './command-error.ts';
import { waitForFirstRecord } from './deploy-wait.ts';
import { withExample } from './help-example.ts';
import { showPlan } from './plan-command.ts';
import { bytes } from './quantity.ts';
import type { Deployed, Module, Status } from '../api/rest-shapes.ts';
import { restPath } from './sidecar-client.ts';
import { readSpecDraft, type SpecDraft } from './spec-draft.ts';
import { addSpecOptions, type SpecFlags } from './spec-flags.ts';

const WAIT_MS_DEFAULT = 60_000;

interface DeployFlags extends SpecFlags {
  readonly create?: true;
  readonly wait?: true;
  readonly dryRun?: true;
}

/** `transforms deploy`: checks here, uploads the module, hands the spec over. */
export function addDeployCommand(parent: Command, context: CliContext): Command {
  const command = addSpecOptions(
    parent.command('deploy').description('create or change a transform, from flags or a spec'),
  )
    .option('--create', 'refuse when there is one of that name')
    .option('--wait', 'end when the new version has processed its first record, or failed (see --timeout)')
    .option('--dry-run', 'show what would change, and do nothing')
    .action(
      context.action(async (session: Session, flags: DeployFlags) => {
        const draft = await readSpecDraft(flags, session.terminal.stdin);
        return flags.dryRun === true ? showPlan(session, draft) : deploy(session, draft, flags);
      }),
    );
  return withExample(
    command,
    `transforms deploy --name mask-pii --wasm ./mask_pii.wasm --input raw-events --output clean-events --config '{"fields_to_mask": ["email"]}'`,
    'transforms deploy --spec transforms/mask-pii.yaml --wait --timeout 30s',
  );
}

async function deploy(session: Session, draft: SpecDraft, flags: DeployFlags): Promise<ExitCode> {
  const { client, terminal } = session;
  const { name } = draft.config;
  const before = flags.wait === true ? await statusBefore(session, name) : undefined;
  const module = draft.module === undefined ? undefined : await upload(session, name, draft.module.bytes);
  const body = { yaml: draft.textWith(module?.path ?? draft.modulePath) };
  const deployed = await (
    flags.create === true
      ? client.post<Deployed>('/transforms', body)
      : client.put<Deployed>(restPath('transforms', name, 'config'), body)
  ).catch((thrown: unknown) => {
    throw withUploadHint(thrown, draft);
  });
  const outcome = { ...deployed, ...(module === undefined ? {} : { module }) };
  if (!terminal.json) terminal.line(sentence(deployed));
  if (flags.wait !== true) {
    if (terminal.json) terminal.writeJson(outcome);
    return 0;
  }
  const { status, error } = await waitForFirstRecord({
    wanted: { configSha256: deployed.config_sha256, moduleSha256: module?.sha256 },
    read: () => client.get<Status>(restPath('transforms', name, 'status')),
    before,
    timeoutMs: session.timeoutMs ?? WAIT_MS_DEFAULT,
    onProgress: (why) => terminal.progress(terminal.style('dim', `${name}: ${why}`)),
  });
  // It is deployed either way, and a program is told so.
  if (terminal.json) terminal.writeJson({ ...outcome, status });
  if (error === undefined) {
    if (!terminal.json) terminal.line(`${name}: version ${status.version?.number ?? ''} processes records`);
    return 0;
  }
  tell(terminal, error);
  return 1;
}

async function statusBefore({ client }: Session, name: string): Promise<Status | undefined> {
  try {
    return await client.get<Status>(restPath('transforms', name, 'status'));
  } catch (thrown) {
    if (thrown instanceof CommandError && thrown.code === 'transform.not_found') return undefined;
    throw thrown;
  }
}

async function upload({ client, terminal }: Session, name: string, wasm: Uint8Array): Promise<Module> {
  const module = await client.post<Module>(`/modules?name=${encodeURIComponent(name)}`, { wasm });
  terminal.progress(terminal.style('dim', `${module.path} (${bytes(module.size_bytes)}) is there`));
  return module;
}

function sentence({ name, config, created, changed }: Deployed): string {
  const [input, output] = [String(config['input_topic']), String(config['output_topic'])];
  const flow = `${input} → ${output === '' ? 'where route() says' : output}`;
  if (created) return `${name}: created, ${flow}`;
  return changed ? `${name}: changed, ${flow}` : `${name}: unchanged`;
}

/** The spec names a module the sidecar does not have. Which file that would be is not guessed, only said. */
function withUploadHint(thrown: unknown, draft: SpecDraft): unknown {
  if (!(thrown instanceof CommandError) || thrown.code !== 'spec.module_missing' || draft.module !== undefined)
    return thrown;
  const path = draft.modulePath;
  const beside = draft.source === undefined ? path : join(dirname(draft.source), path);
  const local = [beside, path].find((file) => existsSync(file));
  const suggestion =
    local === undefined
      ? 'Add --wasm PATH to upload the module.'
      : `Add --wasm ${relative('.', local) || local} to upload the module.`;
  const { code, message, httpStatus, place, configPath, reasons } = thrown;
  return new CommandError(code, message, { httpStatus, place, configPath, reasons, suggestion });
}
