import type { Command } from 'commander';
import type { CliContext, ExitCode, Session } from './cli-context.ts';
import { errorOfShape, exitCodeOf } from './command-error.ts';
import { withExample } from './help-example.ts';
import { planLines } from './plan-view.ts';
import type { Module, Plan } from '../api/rest-shapes.ts';
import { restPath } from './sidecar-client.ts';
import { readSpecDraft, type SpecDraft } from './spec-draft.ts';
import { addSpecOptions, type SpecFlags } from './spec-flags.ts';

/** `transforms plan`: what `deploy` with the same flags would do. */
export function addPlanCommand(parent: Command, context: CliContext): Command {
  const command = addSpecOptions(
    parent.command('plan').description('what would change if it were deployed; changes nothing'),
  ).action(
    context.action(async (session: Session, flags: SpecFlags) =>
      showPlan(session, await readSpecDraft(flags, session.terminal.stdin)),
    ),
  );
  return withExample(
    command,
    'transforms plan --spec transforms/mask-pii.yaml',
    'transforms plan --spec transforms/mask-pii.yaml --wasm ./mask_pii.wasm --json',
  );
}

/** Exit code 0 when it would be done, else that of the first reason why not. */
export async function showPlan(session: Session, draft: SpecDraft): Promise<ExitCode> {
  const plan = await readPlan(session, draft);
  session.terminal.print(plan, () => planLines(session.terminal, plan));
  const [first] = plan.errors;
  return first === undefined ? 0 : exitCodeOf(errorOfShape(first));
}

async function readPlan({ client }: Session, draft: SpecDraft): Promise<Plan> {
  const path = await pathOnSidecar(client, draft);
  const plan = await client.put<Plan>('/transforms/plan', { yaml: draft.textWith(path) });
  if (draft.module === undefined) return plan;
  // A plan uploads nothing: that the module is missing there is no fault, and what it is can be told from here.
  const errors = plan.errors.filter(({ code }) => code !== 'spec.module_missing');
  const { sha256, exports, imports } = draft.module.description;
  const module = plan.module ?? {
    path,
    sha256,
    exports: exports.map(({ name }) => name),
    imports: imports.map(({ name }) => name),
  };
  return { ...plan, module, errors };
}

/** Where the module is when it was uploaded before, else where it would go. */
async function pathOnSidecar(client: Session['client'], draft: SpecDraft): Promise<string> {
  if (draft.module === undefined) return draft.modulePath;
  const { sha256 } = draft.module.description;
  const uploaded = (await client.get<readonly Module[]>(restPath('modules'))).filter(
    (module) => module.uploaded && module.sha256 === sha256,
  );
  const own = uploaded.find(({ path }) => path === draft.modulePath);
  return (own ?? uploaded[0])?.path ?? draft.modulePath;
}
