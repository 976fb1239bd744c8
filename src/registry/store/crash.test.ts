import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ModuleStore } from '../../catalog/module-store.ts';
import { loadSpecDirectory } from '../../spec/spec-directory.ts';
import { TargetStore } from './target-store.ts';
import { LIFE, live, stateAfter } from './testing/deploy-life.ts';
import type { LifeState } from './testing/deploy-life.ts';

const CHILD = fileURLToPath(new URL('./testing/crash-child.ts', import.meta.url));
const OTHER = 'name: other\ninput_topic: in\noutput_topic: out\nwasm_module: m.wasm\n';
/** More than there are: the test ends by itself when a child gets through. */
const STEPS_MAX = 200;

interface Death {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly done: readonly string[];
  readonly step: string;
}

function crash(root: string, at: number): Promise<Death> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, root, String(at)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Most of a child's life is reading what it imports.
      env: { ...process.env, NODE_COMPILE_CACHE: join(dirname(root), 'compiled') },
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({ signal, code, done: out.split('\n').filter((line) => line !== ''), step: err.trim() }),
    );
  });
}

function asides(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.aside'));
}

/** What a sidecar that starts now would find; asserts that all of it is whole. */
async function found(root: string): Promise<LifeState> {
  const specs = await loadSpecDirectory(join(root, 'specs'));
  assert.deepEqual(specs.errors, []);
  assert.equal(readFileSync(join(root, 'specs', 'other.yaml'), 'utf8'), OTHER);
  const sources = specs.files.filter((file) => basename(file) !== 'other.yaml');
  assert.ok(
    sources.every((file) => basename(file) === 'mask-pii.yaml'),
    sources.join(),
  );
  const modules = await new ModuleStore(join(root, 'modules')).list(() => []);
  for (const { path, sha256, uploaded } of modules) {
    assert.ok(uploaded, `${path} is no whole upload`);
    const digest = createHash('sha256')
      .update(readFileSync(join(root, 'modules', path)))
      .digest('hex');
    assert.deepEqual([basename(path), sha256], [`${digest}.wasm`, digest]);
  }
  const targets = new TargetStore(join(root, 'modules', '.state'), { warn: (message) => assert.fail(message) });
  await targets.load();
  return {
    spec: sources[0] === undefined ? undefined : readFileSync(sources[0], 'utf8'),
    modules: modules.map(({ sha256 }) => sha256).toSorted(),
    target: targets.get('mask-pii'),
  };
}

function homeIn(directory: string, name: string): string {
  const root = join(directory, name);
  for (const folder of ['specs', 'modules']) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'specs', 'other.yaml'), OTHER);
  return root;
}

test('a process killed at any step of a write leaves the old or the new, never a half', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'crash-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const steps = new Set<string>();
  let withLeftovers = 0;

  /** @returns whether the child got through */
  async function killAt(at: number): Promise<boolean> {
    const root = homeIn(directory, String(at));
    const death = await crash(root, at);
    const where = `killed at step ${at} (${death.step}) after ${death.done.at(-1) ?? 'nothing'}`;
    assert.deepEqual(
      death.done,
      LIFE.slice(0, death.done.length).map(({ name }) => name),
      where,
    );
    const state = await found(root);
    if (death.signal !== 'SIGKILL') {
      assert.deepEqual([death.code, death.step], [0, ''], where);
      assert.deepEqual(state, stateAfter(LIFE.length));
      return true;
    }
    steps.add(death.step);
    // What was told as done is there; what was under way is there or not.
    const [before, after] = [stateAfter(death.done.length), stateAfter(death.done.length + 1)];
    assert.deepEqual(state, JSON.stringify(state) === JSON.stringify(after) ? after : before, where);

    // A start more than a minute later: leftovers go, and everything can be done anew.
    const leftovers = asides(root);
    if (leftovers.length > 0) withLeftovers++;
    const past = Date.now() / 1000 - 61;
    for (const name of leftovers) utimesSync(join(root, name), past, past);
    await live(root, {}, () => assert.deepEqual(asides(root), [], where));
    assert.deepEqual(await found(root), stateAfter(LIFE.length), where);
    return false;
  }

  let at = 1;
  for (let through = false; !through; at += 2) {
    assert.ok(at < STEPS_MAX, 'no child got through');
    through = (await Promise.all([killAt(at), killAt(at + 1)])).includes(true);
  }
  assert.deepEqual([...steps].toSorted(), [
    'directory_made',
    'directory_synced',
    'opened',
    'removed',
    'renamed',
    'synced',
    'written',
  ]);
  // Kills before the rename leave a file aside: three steps of each of the six writes.
  assert.equal(withLeftovers, 18);
  t.diagnostic(`${at - 1} kills`);
});
