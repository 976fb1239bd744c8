// Directories nobody here may write to: what a ConfigMap mounts, and file systems that are read-only.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clusterTest } from '../testcontainers.config.ts';
import { createTopic, eventually } from './cluster/client.ts';
import { Api } from './harness/api.ts';
import { Flow } from './harness/flow.ts';
import { Ledger } from './harness/ledger.ts';
import { Sidecar, sidecarHome } from './harness/sidecar.ts';
import { specText, uniqueName } from './harness/spec.ts';

const PARTITIONS = 2;
const SWAPS = 7;
/** What the issue promises, for the swap in the middle of them all; a busy machine may be slow once. */
const NOTICED_MS_MAX = 1000;
const FIELDS = ['email', 'phone'] as const;

/** A folder as the kubelet mounts a ConfigMap into it: links through `..data`, which is swapped as a whole. */
class MountedFiles {
  readonly #folder: string;
  #version = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Another version of the object: these files and no others. In the kubelet's order of doing it. */
  swap(files: Readonly<Record<string, string>>): void {
    const at = (name: string): string => join(this.#folder, name);
    const old = `..v${this.#version}`;
    this.#version += 1;
    const fresh = `..v${this.#version}`;
    mkdirSync(at(fresh));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(at(fresh), name), text);
    symlinkSync(fresh, at('..data_tmp'));
    renameSync(at('..data_tmp'), at('..data'));
    const links = readdirSync(this.#folder).filter((name) => !name.startsWith('..'));
    for (const name of Object.keys(files)) if (!links.includes(name)) symlinkSync(`..data/${name}`, at(name));
    for (const name of links) if (!(name in files)) rmSync(at(name));
    rmSync(at(old), { recursive: true, force: true });
  }
}

interface About {
  readonly specs: { readonly writable: boolean; readonly reason?: string };
}

/** Every write of the API answers 409 with why, and what to do instead; nothing has changed. */
async function refusesWrites(api: Api, name: string, text: string, reason: RegExp): Promise<void> {
  const { specs } = await api.get<About>('/');
  assert.equal(specs.writable, false);
  assert.match(specs.reason ?? '', reason);
  const before = await api.ok(200, 'GET', `/transforms/${name}/config`);
  const other = uniqueName('other');
  const writes = [
    ['PUT', `/transforms/${name}/config`, text],
    ['PATCH', `/transforms/${name}/config`, { timeout_ms: 77 }],
    ['POST', '/transforms', text.replaceAll(name, other)],
    ['DELETE', `/transforms/${name}`, undefined],
  ] as const;
  for (const [method, path, body] of writes) {
    const error = await api.refused(409, 'spec.read_only', method, path, body);
    assert.match(error.message, reason, `${method} ${path}`);
    assert.match(error.suggestion ?? '', /Change it where it comes from/, `${method} ${path}`);
  }
  assert.equal(await api.ok(200, 'GET', `/transforms/${name}/config`), before);
  assert.deepEqual(await api.get('/transforms'), [name]);
}

clusterTest(
  'specs mounted from a ConfigMap: a swap changes the version in place within a second, the API may not write, life goes on (I10)',
  async ({ bootstrap }, t) => {
    const name = uniqueName('mounted');
    const topics = { input: name, outputs: [`${name}.out`] };
    await createTopic(bootstrap, name, PARTITIONS);
    await createTopic(bootstrap, `${name}.out`, PARTITIONS);
    const specOf = (edition: number): string =>
      specText({
        ...{ name, input_topic: name, output_topic: `${name}.out`, input: { start: 'earliest' } },
        ...{ wasm_module: 'transforms/mask_pii.wasm', output: { partition: 'input' }, timeout_ms: 10 + edition },
        config: { fields_to_mask: [FIELDS[edition % 2]] },
      });
    const home = sidecarHome(t, bootstrap, { limits: { requests_per_minute: 100_000 } });
    const mount = new MountedFiles(home.specs);
    mount.swap({ 'spec.yaml': specOf(0) });
    const flow = new Flow(
      t,
      bootstrap,
      name,
      (i) => ({ partition: i % PARTITIONS, value: `{"email":"a${i}@example.org","phone":"+49 30 ${100_000 + i}"}` }),
      { batch: 20, pauseMs: 10 },
    );
    const sidecar = await Sidecar.start(home);
    const api = Api.of(sidecar);
    await sidecar.settles(name, 100);

    // Again and again, each to another version.
    const tookMs: number[] = [];
    for (let edition = 1; edition <= SWAPS; edition += 1) {
      const swappedMs = Date.now();
      mount.swap({ 'spec.yaml': specOf(edition) });
      const line = await sidecar.logs(({ msg, version }) => msg === 'version took over' && version === edition + 1);
      tookMs.push(Date.parse(String(line['time'])) - swappedMs);
      // Each of them sees records.
      await eventually(async () => {
        const { version } = await api.get<{ readonly version: { readonly number: number; readonly records: number } }>(
          `/transforms/${name}/status`,
        );
        assert.ok(version.number === edition + 1 && version.records > 0, JSON.stringify(version));
      });
    }
    t.diagnostic(`from the swap to the version that took over: ${tookMs.join(', ')} ms`);
    const middle = tookMs.toSorted((a, b) => a - b)[Math.floor(SWAPS / 2)] ?? Infinity;
    assert.ok(middle < NOTICED_MS_MAX, `${middle} ms`);

    await refusesWrites(api, name, specOf(99), /ConfigMap or Secret/);

    // A broken version of the object: what runs runs on.
    mount.swap({ 'spec.yaml': `${specOf(50)}nonsense: [` });
    await sidecar.logs(({ msg }) => msg === 'spec refused');
    assert.equal((await api.status(name)).connector.state, 'RUNNING');
    assert.equal((await api.status(name)).spec_errors.length, 1);
    mount.swap({ 'spec.yaml': specOf(SWAPS) });
    await eventually(async () => assert.deepEqual((await api.status(name)).spec_errors, []));

    // It has never left its group: the partitions came once and stayed.
    const moves = sidecar.logOf(name).filter(({ msg }) => msg.startsWith('partitions '));
    assert.deepEqual(
      moves.map(({ msg }) => msg),
      ['partitions assigned'],
    );

    // What a person wants of it is no part of the spec.
    await api.ok(202, 'PUT', `/transforms/${name}/pause`);
    await sidecar.reaches('PAUSED', name);
    await api.ok(202, 'PUT', `/transforms/${name}/resume`);
    await sidecar.reaches('RUNNING', name);
    await api.ok(204, 'PUT', `/transforms/${name}/stop`);
    await sidecar.reaches('STOPPED', name);
    await sidecar.stop();
    const again = await Sidecar.start(home);
    await again.reaches('STOPPED', name);
    await Api.of(again).ok(202, 'PUT', `/transforms/${name}/resume`);
    await again.reaches('RUNNING', name);
    const produced = await flow.end();
    await eventually(async () => {
      const { offsets } = await Api.of(again).get<{ readonly offsets: readonly { readonly lag?: number }[] }>(
        `/transforms/${name}/offsets`,
      );
      assert.deepEqual(
        offsets.map(({ lag }) => lag),
        [0, 0],
      );
    });

    // Another object altogether: one spec is gone, another there.
    const next = uniqueName('next');
    mount.swap({
      'next.yaml': specOf(0).replaceAll(`"${name}"`, `"${next}"`).replaceAll(`"${name}.out"`, `"${next}.out"`),
    });
    await createTopic(bootstrap, next);
    await eventually(async () => assert.deepEqual(await Api.of(again).get('/transforms'), [next]));
    await again.stop();

    const ledger = await Ledger.read(bootstrap, topics);
    assert.equal(ledger.entries.length, produced);
    ledger.assertAccounted(() => 'output');
    ledger.assertOrdered();
    // Both editions have masked, each its field.
    const masked = new Set(
      ledger.entries.map(({ outputs: [output] }) => {
        const record = JSON.parse(output?.value?.toString() ?? '{}') as Readonly<Record<string, string>>;
        return FIELDS.filter((field) => record[field]?.includes('REDACTED')).join();
      }),
    );
    assert.deepEqual([...masked].toSorted(), [...FIELDS]);
  },
  { timeoutMs: 180_000 },
);

clusterTest('a state that cannot be kept is refused, and what runs runs on', async ({ bootstrap }, t) => {
  const name = uniqueName('kept');
  await createTopic(bootstrap, name);
  const home = sidecarHome(t, bootstrap, { paths: { state: 'occupied/state' } });
  // For everybody, root as well.
  writeFileSync(join(home.folder, 'occupied'), 'a file');
  home.writeSpec('spec.yaml', passThrough(name));
  const sidecar = await Sidecar.start(home);
  await sidecar.reaches('RUNNING', name);
  const api = Api.of(sidecar);
  for (const action of ['pause', 'stop']) {
    const error = await api.refused(409, 'state.read_only', 'PUT', `/transforms/${name}/${action}`);
    assert.match(error.suggestion ?? '', /paths\.state/);
    assert.equal(error.configPath, '/paths/state');
    const { connector, target_state } = await api.status(name);
    assert.deepEqual([connector.state, target_state], ['RUNNING', 'RUNNING'], action);
  }
  // What needs nothing kept works.
  await api.ok(202, 'PUT', `/transforms/${name}/resume`);
  await api.ok(204, 'DELETE', `/transforms/${name}`);
  assert.deepEqual(await api.get('/transforms'), []);
  await sidecar.stop();
});

clusterTest(
  'directories on a read-only file system are run from, and every write says why not',
  async ({ bootstrap }, t) => {
    const name = uniqueName('closed');
    await createTopic(bootstrap, name);
    const home = sidecarHome(t, bootstrap);
    const module = readFileSync(join(home.modules, 'transforms', 'mask_pii.wasm'));
    const text = passThrough(name, { wasm_module: 'transforms/mask_pii.wasm', config: { fields_to_mask: ['email'] } });
    home.writeSpec('spec.yaml', text);
    for (const directory of [home.specs, home.modules]) {
      const why = home.makeReadOnly(directory);
      if (why !== undefined) return t.skip(why);
    }
    const sidecar = await Sidecar.start(home);
    await sidecar.reaches('RUNNING', name);
    const api = Api.of(sidecar);
    const reason = /the file system is read-only|no permission to write/;
    await refusesWrites(api, name, text.replace('email', 'phone'), reason);
    const upload = await api.refused(409, 'module.read_only', 'POST', `/modules?name=${name}`, new Uint8Array(module));
    assert.match(upload.message, reason);
    assert.match(upload.suggestion ?? '', /paths\.modules/);
    // By default what is kept lies among the modules.
    const pause = await api.refused(409, 'state.read_only', 'PUT', `/transforms/${name}/pause`);
    assert.match(pause.message, reason);
    await sidecar.reaches('RUNNING', name);
    const modules =
      await api.get<readonly { readonly sha256: string; readonly used_by: readonly string[] }[]>('/modules');
    const used = modules.find(({ used_by }) => used_by.includes(name));
    await api.refused(409, 'module.read_only', 'DELETE', `/modules/${used?.sha256}`);
    await sidecar.stop();
  },
);

function passThrough(name: string, more: Readonly<Record<string, unknown>> = {}): string {
  return specText({
    ...{ name, input_topic: name, output_topic: `${name}.out`, wasm_module: 'builtin:pass-through' },
    ...more,
  });
}
