// kill -9 at each step of what the API writes: whoever starts next finds the old or the new, and goes on.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { CRASH_VARIABLE, FILE_STEP } from '../src/registry/crash-point.ts';
import { clusterTest } from '../testcontainers.config.ts';
import { createTopic, eventually, produceAll } from './cluster/client.ts';
import { Api } from './harness/api.ts';
import { Sidecar, sidecarHome } from './harness/sidecar.ts';
import type { SidecarHome } from './harness/sidecar-home.ts';
import { uniqueName } from './harness/spec.ts';

/** More than there are: the test ends by itself when a sidecar gets through. */
const STEPS_MAX = 100;
/** Most of a run is waiting for a group. */
const LANES = 3;
const RECORDS = 10;
/** A leftover is removed when it is older than any write takes. */
const LEFTOVER_SECONDS = 61;

/** What of a transform is on the disk. */
interface Kept {
  readonly spec: string | undefined;
  readonly modules: readonly string[];
  readonly target: 'RUNNING' | 'PAUSED';
}

interface Operation {
  readonly what: string;
  readonly run: (api: Api, sidecar: Sidecar) => Promise<unknown>;
  readonly changes: Partial<Kept>;
}

/** One home, one transform that is put there by hand and one that lives by the API. */
class Subject {
  readonly home: SidecarHome;
  readonly other: string;
  readonly name: string;
  readonly #input: string;
  readonly #otherText: string;
  readonly #module: Buffer;
  readonly #sha256: string;

  constructor(home: SidecarHome, input: string) {
    this.home = home;
    this.#input = input;
    this.name = uniqueName('api');
    this.other = uniqueName('by-hand');
    this.#otherText = this.#spec(this.other, 'builtin:pass-through', 10);
    home.writeSpec('other.yaml', this.#otherText);
    this.#module = readFileSync(join(home.modules, 'transforms', 'mask_pii.wasm'));
    this.#sha256 = createHash('sha256').update(this.#module).digest('hex');
  }

  #spec(name: string, module: string, timeoutMs: number): string {
    return `# as it was written
name: ${name}
input_topic: ${this.#input}
output_topic: ${this.#input}.out
wasm_module: ${module}
timeout_ms: ${timeoutMs} # one line is changed
input: { start: earliest }
config: { fields_to_mask: [email] }
`;
  }

  /** The version of the spec before and after the change. */
  get #specs(): readonly [string, string] {
    const module = `uploaded/${this.name}/${this.#sha256}.wasm`;
    return [this.#spec(this.name, module, 10), this.#spec(this.name, module, 20)];
  }

  /** In their order. */
  get operations(): readonly Operation[] {
    const [first, second] = this.#specs;
    const path = `/transforms/${this.name}`;
    return [
      {
        what: 'upload',
        run: (api) => api.ok([200, 201], 'POST', `/modules?name=${this.name}`, new Uint8Array(this.#module)),
        changes: { modules: [this.#sha256] },
      },
      {
        what: 'deploy',
        run: async (api, sidecar) => {
          await api.ok([200, 201], 'PUT', `${path}/config`, first);
          await sidecar.reaches('RUNNING', this.name);
        },
        // A new one runs, whatever became of another of its name.
        changes: { spec: first, target: 'RUNNING' },
      },
      {
        what: 'change',
        run: (api) => api.ok(200, 'PUT', `${path}/config`, second),
        changes: { spec: second },
      },
      { what: 'pause', run: (api) => api.ok(202, 'PUT', `${path}/pause`), changes: { target: 'PAUSED' } },
      {
        what: 'undeploy',
        run: async (api) => {
          await api.ok(204, 'DELETE', path);
          // What was kept of it goes by itself, after the answer.
          await eventually(() => assert.equal(this.kept().target, 'RUNNING'));
        },
        changes: { spec: undefined, target: 'RUNNING' },
      },
    ];
  }

  /** Reads the disk as it is; everything that is there must be whole. */
  kept(): Kept {
    const { specs, modules } = this.home;
    const names = readdirSync(specs).filter((name) => !name.endsWith('.aside'));
    assert.deepEqual(
      names.filter((name) => name !== `${this.name}.yaml`),
      ['other.yaml'],
    );
    assert.equal(readFileSync(join(specs, 'other.yaml'), 'utf8'), this.#otherText);
    const spec = names.length === 1 ? undefined : readFileSync(join(specs, `${this.name}.yaml`), 'utf8');
    const uploads = filesIn(join(modules, 'uploaded')).filter((file) => !file.endsWith('.aside'));
    for (const file of uploads) {
      const digest = createHash('sha256').update(readFileSync(file)).digest('hex');
      assert.equal(basename(file), `${digest}.wasm`, 'a module is whole');
    }
    const state = join(modules, '.state', `${this.name}.json`);
    const { target = 'RUNNING' } = existsSync(state) ? (JSON.parse(readFileSync(state, 'utf8')) as Partial<Kept>) : {};
    return { spec, modules: uploads.map((file) => basename(file, '.wasm')), target };
  }

  get leftovers(): string[] {
    const { specs, modules } = this.home;
    const folders = [specs, join(modules, 'uploaded'), join(modules, '.state')];
    return folders.flatMap((folder) => filesIn(folder)).filter((file) => basename(file).startsWith('.'));
  }
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Lives until it dies. @returns the operations that were answered, and whether it got through all of them */
async function live(subject: Subject, at: number): Promise<{ readonly done: number; readonly through: boolean }> {
  const sidecar = await Sidecar.start(subject.home, { [CRASH_VARIABLE]: `${FILE_STEP}:${at}` });
  let done = 0;
  const died = sidecar.exited.then(() => 'died' as const);
  for (const { run } of subject.operations) {
    const work = run(Api.of(sidecar), sidecar).then(() => 'done' as const);
    const outcome = await Promise.race([died, work.catch((thrown: unknown) => thrown)]);
    if (outcome !== 'done') {
      // The connection may break before the end of the process is seen.
      if (outcome !== 'died') await sidecar.dies().catch(() => Promise.reject(outcome));
      await work.catch(() => undefined);
      break;
    }
    done += 1;
  }
  if (done === subject.operations.length) process.kill(sidecar.pid, 'SIGTERM');
  const { code, signal } = await sidecar.exited;
  assert.ok(signal === 'SIGKILL' || code === 0, `${code} ${signal}\n${sidecar.stderr}`);
  return { done, through: signal === null };
}

/** The group has got through the input. */
async function works(api: Api, name: string): Promise<void> {
  await eventually(async () => {
    const { offsets } = await api.get<{ readonly offsets: readonly { readonly lag?: number }[] }>(
      `/transforms/${name}/offsets`,
    );
    assert.deepEqual(
      offsets.map(({ lag }) => lag),
      [0],
      `lag of ${name}`,
    );
  });
}

/** What the next sidecar makes of it. */
async function recover(subject: Subject, kept: Kept): Promise<void> {
  const { name, other } = subject;
  const past = Date.now() / 1000 - LEFTOVER_SECONDS;
  for (const file of subject.leftovers) utimesSync(file, past, past);
  const sidecar = await Sidecar.start(subject.home);
  const api = Api.of(sidecar);
  assert.deepEqual(subject.leftovers, []);
  assert.deepEqual(subject.kept(), kept, 'a start changes nothing');
  const names = kept.spec === undefined ? [other] : [name, other];
  assert.deepEqual(await api.get('/transforms'), names.toSorted());
  assert.deepEqual((await api.get<{ readonly specs: { readonly errors: unknown } }>('/')).specs.errors, []);
  const uploads = await api.get<readonly { readonly sha256: string; readonly uploaded: boolean }[]>('/modules');
  assert.deepEqual(
    uploads.filter(({ uploaded }) => uploaded).map(({ sha256 }) => sha256),
    kept.modules,
  );
  await sidecar.reaches('RUNNING', other);
  if (kept.spec !== undefined) await sidecar.reaches(kept.target, name);
  for (const one of kept.target === 'RUNNING' ? names : [other]) await works(api, one);

  // Everything can be done again, from wherever it was.
  let expected = kept;
  if (kept.spec !== undefined && kept.target === 'PAUSED') {
    await api.ok(202, 'PUT', `/transforms/${name}/resume`);
    expected = { ...kept, target: 'RUNNING' };
  }
  for (const { what, run, changes } of subject.operations) {
    await run(api, sidecar);
    expected = { ...expected, ...changes };
    assert.deepEqual(subject.kept(), expected, `${what}, done again`);
  }
  await sidecar.stop();
  assert.deepEqual(subject.leftovers, []);
}

/** @returns whether the sidecar got through */
async function killAt(t: TestContext, bootstrap: string, input: string, at: number): Promise<boolean> {
  const home = sidecarHome(t, bootstrap, {
    // Between two runs a group waits for the dead member's session to end.
    kafka: { 'session.timeout.ms': 1500, 'heartbeat.interval.ms': 400 },
    limits: { drain_timeout_ms: 1000, requests_per_minute: 100_000 },
  });
  const subject = new Subject(home, input);
  const { operations } = subject;
  let old = subject.kept();
  const { done, through } = await live(subject, at);
  const kept = subject.kept();
  for (const { changes } of operations.slice(0, done)) old = { ...old, ...changes };
  const possible = [old, { ...old, ...operations[done]?.changes }];
  // The spec is gone, and its pause not forgotten yet.
  if (operations[done]?.what === 'undeploy') possible.push({ ...old, spec: undefined });
  const where = `killed at step ${at}, ${done === operations.length ? 'after all' : `in ${operations[done]?.what}`}`;
  try {
    assert.ok(
      possible.some((one) => isDeepStrictEqual(one, kept)),
      JSON.stringify(kept),
    );
    await recover(subject, kept);
  } catch (thrown) {
    throw new Error(`${where}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, { cause: thrown });
  }
  if (!through) t.diagnostic(where);
  await home.remove();
  return through;
}

clusterTest(
  'kill -9 at each step of upload, deploy, change, pause and undeploy: the directory is whole, and life goes on',
  async ({ bootstrap }, t) => {
    const input = uniqueName('crash');
    await createTopic(bootstrap, input);
    await createTopic(bootstrap, `${input}.out`);
    await produceAll(
      bootstrap,
      input,
      Array.from({ length: RECORDS }, (_, i) => ({ value: `{"email":"a${i}@b.c"}` })),
    );
    let next = 1;
    const killed: number[] = [];
    const through: number[] = [];
    const lane = async (): Promise<void> => {
      while (through.length === 0) {
        const at = next++;
        assert.ok(at < STEPS_MAX, 'no sidecar got through');
        ((await killAt(t, bootstrap, input, at)) ? through : killed).push(at);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    const kills = Math.min(...through) - 1;
    const all = Array.from({ length: kills }, (_, i) => i + 1);
    assert.deepEqual(
      killed.toSorted((a, b) => a - b),
      all,
      'each step before the one it got through at',
    );
    // Four writes of five steps each, two removals of two, and the directories that are made for them.
    assert.ok(kills > 24, `${kills} kills`);
    t.diagnostic(`${kills} kills`);
  },
  { timeoutMs: 400_000 },
);
