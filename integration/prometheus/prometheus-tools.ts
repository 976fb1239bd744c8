import { chmodSync, globSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { cacheFolder, publish, stagingFor } from '../../scripts/setup/cache.mjs';
import { lastLines, runProgram, type ProcessOutput } from '../cluster/process-output.ts';

const PROBE_MS_MAX = 10_000;
const DOWNLOAD_MS_MAX = 5 * 60_000;
const CHECK_MS_MAX = 60_000;

/** The programs of a Prometheus, by their paths. */
export interface PrometheusTools {
  readonly prometheus: string;
  readonly promtool: string;
}

class PrometheusUnavailable extends Error {
  override readonly name = 'PrometheusUnavailable';
}

/**
 * Those on the PATH, else Debian's package, unpacked in the user's cache folder: its programs need nothing but libc, so it need not be
 * installed, and nobody need be root. Throws PrometheusUnavailable with the reason where there is neither.
 */
async function prometheusTools(): Promise<PrometheusTools> {
  const onPath: PrometheusTools = { prometheus: 'prometheus', promtool: 'promtool' };
  if (await areRunnable(onPath)) return onPath;
  const target = join(cacheFolder(), 'prometheus', `debian-${process.arch}`);
  const bin = join(target, 'usr', 'bin');
  const cached: PrometheusTools = { prometheus: join(bin, 'prometheus'), promtool: join(bin, 'promtool') };
  if (await areRunnable(cached)) return cached;
  await downloadTo(target);
  if (!(await areRunnable(cached))) {
    rmSync(target, { recursive: true, force: true });
    throw new PrometheusUnavailable("Debian's Prometheus does not run here, and none is on the PATH");
  }
  return cached;
}

async function areRunnable({ prometheus, promtool }: PrometheusTools): Promise<boolean> {
  for (const program of [prometheus, promtool]) {
    if (!(await runProgram(program, ['--version'], PROBE_MS_MAX)).ok) return false;
  }
  return true;
}

/** With package lists of its own: those of the machine may be missing or old, and are root's. */
async function downloadTo(target: string): Promise<void> {
  const staged = stagingFor(target);
  try {
    const [lists, cache] = [join(staged, 'lists'), join(staged, 'cache')];
    for (const folder of [lists, cache]) mkdirSync(folder);
    const own = [`Dir::State::Lists=${lists}`, `Dir::Cache=${cache}`, 'Debug::NoLocking=1', 'APT::Sandbox::User=root'];
    const apt = ['-q', ...own.flatMap((setting) => ['-o', setting])];
    await need('apt-get', [...apt, 'update']);
    await need('env', ['-C', staged, 'apt-get', ...apt, 'download', 'prometheus']);
    const [archive = ''] = globSync(join(staged, 'prometheus_*.deb'));
    const unpacked = join(staged, 'unpacked');
    await need('dpkg-deb', ['-x', archive, unpacked]);
    chmodSync(unpacked, 0o700);
    publish(unpacked, target);
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

async function need(command: string, args: readonly string[]): Promise<void> {
  const { ok, output } = await runProgram(command, args, DOWNLOAD_MS_MAX);
  if (ok) return;
  throw new PrometheusUnavailable(
    `prometheus and promtool are not on the PATH, and Debian's package cannot be had: ${lastLines(output, 3)}`,
  );
}

/** The outcome of `promtool ARGS`. */
export function runPromtool({ promtool }: PrometheusTools, args: readonly string[]): Promise<ProcessOutput> {
  return runProgram(promtool, args, CHECK_MS_MAX);
}

let found: Promise<PrometheusTools | string> | undefined;

/** What a test needs of Prometheus, or why it is skipped. Under CI=true a test that cannot run is a failed test. */
export function toolsOrReason(): Promise<PrometheusTools | string> {
  found ??= prometheusTools().catch((error: unknown) => {
    if (!(error instanceof PrometheusUnavailable) || process.env['CI'] === 'true') throw error;
    return error.message;
  });
  return found;
}

/** A test with promtool, skipped with the reason where there is none. */
export function promtoolTest(name: string, body: (tools: PrometheusTools, t: TestContext) => Promise<void>): void {
  test(name, async (t) => {
    const tools = await toolsOrReason();
    if (typeof tools === 'string') t.skip(tools);
    else await body(tools, t);
  });
}
