import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inspectModule } from '../../src/catalog/inspect-module.ts';
import { meterModule } from '../../src/catalog/meter-module.ts';
import { FUEL_PER_MS } from '../../src/catalog/prepared-module.ts';
import type { GuestSource } from '../../src/guest/batch-runner.ts';
import { InThreadExecutor } from '../../src/guest/in-thread-executor.ts';
import { batchOf, guestConfig, outcomes, type Outcome, type TestRecord } from '../../src/guest/testing/fixture.ts';
import type { GuestLogLine } from '../../src/guest/host-functions/log-buffer.ts';
import { runSpec } from '../../src/lab/spec-run.ts';
import { buildProject } from '../../src/sdk/build-project.ts';
import { makeProject, type MadeProject } from '../../src/sdk/make-project.ts';
import { readSdk, type Language } from '../../src/sdk/sdk-manifest.ts';
import { parseSidecarConfig } from '../../src/spec/sidecar-config.ts';

/* What tests of SDKs do as `streamline-cli transforms init`, `build` and `test` do it. */

const NAME = 'mask-it';

/** A project of the template, and where it goes when the test is over. */
export interface TemplateProject extends MadeProject {
  readonly remove: () => void;
}

export async function templateProject(language: Language): Promise<TemplateProject> {
  const folder = mkdtempSync(join(tmpdir(), `sdk-${language}-`));
  const made = await makeProject(join(folder, NAME), language);
  return { ...made, remove: () => rmSync(folder, { recursive: true }) };
}

/** What keeps the toolchain from working here; undefined when nothing does. */
function missingToolchain(language: Language): string | undefined {
  const sdk = readSdk(language);
  if (sdk === undefined) return `no sdk.json of ${language}`;
  return sdk.needs.find(({ command: [program, ...args] }) => spawnSync(program, args).status !== 0)?.missing;
}

/** For tests that build: skipped, with the reason, where the toolchain is not, but not in CI where its set-up can install it. */
export function withToolchain(language: Language, inRegistry: boolean): { readonly skip?: string } {
  const missing = missingToolchain(language);
  return missing === undefined || (inRegistry && process.env['CI'] === 'true') ? {} : { skip: missing };
}

/** Builds it and answers the module's path. What the toolchain printed is in the error. */
export async function build({ directory }: MadeProject): Promise<string> {
  let printed = '';
  const line = (text: string): void => void (printed += `${text}\n`);
  try {
    return (await buildProject(directory, { step: () => {}, line })).path;
  } catch (cause) {
    throw new Error(printed, { cause });
  }
}

/** Puts a module that was built before where the project's spec looks for it. */
export function install({ directory, project }: MadeProject, module: string): string {
  const path = join(directory, project.module);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(module, path);
  return path;
}

/** Runs the project's cases: each that failed with why, and how many there are. */
export async function runCases({ directory }: MadeProject): Promise<{ count: number; failed: unknown[] }> {
  const sidecar = parseSidecarConfig('', 'defaults', { resolveSecret: () => undefined });
  if (!('config' in sidecar)) throw new AggregateError(sidecar.errors);
  const file = (ending: string): string => join(directory, 'specs', `${NAME}${ending}`);
  const target = { spec: file('.yaml'), cases: file('.test.yaml') };
  const { result, errors } = await runSpec(target, { modules: undefined, schemas: [], limits: sidecar.config.limits });
  const cases = result?.cases ?? [];
  const failed = cases
    .filter(({ passed }) => !passed)
    .map(({ name, mismatches, error }) => ({ name, mismatches, error: error?.describe() }));
  return { count: cases.length, failed: [...errors.map((error) => error.describe()), ...failed] };
}

export interface GuestOptions {
  readonly config?: unknown;
  readonly maxMemoryMb?: number;
  readonly timeoutMs?: number;
}

/** As the sidecar would make it, with its default limits. */
export function guestSource(file: string, options: GuestOptions = {}): GuestSource {
  const { maxMemoryMb = 64, timeoutMs = 200, config = {} } = options;
  const bytes = readFileSync(file);
  const { facts, errors } = inspectModule(bytes);
  if (facts === undefined) throw new AggregateError(errors, file);
  const metered = meterModule(bytes, { maxMemoryPages: maxMemoryMb * 16, initialFuel: 5000 * FUEL_PER_MS });
  const limits = { outputBytesMax: 2 ** 20, outputsMax: 1000, initTimeoutMs: 5000, logLinesPerSecond: 1000 };
  return {
    config: guestConfig({
      ...{ configJson: JSON.stringify(config), timeoutMs, tombstones: 'transform' },
      limits: { ...limits, logLineBytesMax: 4096 },
    }),
    module: { facts, module: new WebAssembly.Module(metered), maxMemoryMb },
  };
}

export interface GuestRun {
  readonly found: readonly Outcome[];
  readonly log: readonly GuestLogLine[];
}

/** Puts records through one guest, as one batch. Rejects with guest.init_failed or guest.init_rejected. */
export async function runRecords(source: GuestSource, records: readonly (TestRecord | string)[]): Promise<GuestRun> {
  const log: GuestLogLine[] = [];
  const executor = new InThreadExecutor(source, ({ lines }) => void log.push(...lines));
  try {
    await executor.start();
    return { found: outcomes(await executor.execute(batchOf(records))), log };
  } catch (thrown) {
    throw Object.assign(thrown as Error, { log });
  } finally {
    await executor.close();
  }
}
