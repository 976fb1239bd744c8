import assert from 'node:assert/strict';
import { clusterTest } from '../testcontainers.config.ts';
import { createTopic, groupIds, readAll } from './cluster/client.ts';
import { Flow } from './harness/flow.ts';
import { Rig } from './harness/rig.ts';
import { runSidecar, Sidecar, sidecarHome } from './harness/sidecar.ts';
import { specText } from './harness/spec.ts';

/* From the spec directory to the last commit: bad specs beside a good one, the feature flag, the drain. */

const DRAIN_MS = 5000;

/** One of each bad kind: what is told of it, and where. */
interface BadSpec {
  readonly text: (topic: string) => string;
  readonly code: string;
  /** Line of the file. */
  readonly line: number;
  readonly field: string;
  readonly suggestion: RegExp;
}

const lines =
  (...text: readonly string[]) =>
  (topic: string): string =>
    `${text.join('\n').replaceAll('TOPIC', topic)}\n`;
const HEAD = ['name: NAME', 'input_topic: TOPIC', 'output_topic: TOPIC.out'];

const BAD: Readonly<Record<string, BadSpec>> = {
  'not-yaml': { text: lines(...HEAD, 'config: {a: [1}'), code: 'spec.not_yaml', line: 4, field: '', suggestion: /./ },
  'unknown-field': {
    text: lines(...HEAD, 'wasm_module: builtin:pass-through', 'timout_ms: 5'),
    ...{ code: 'spec.unknown_field', line: 5, field: '/timout_ms', suggestion: /timeout_ms/ },
  },
  'wrong-type': {
    text: lines(...HEAD, 'wasm_module: builtin:pass-through', 'instances: many'),
    ...{ code: 'spec.wrong_type', line: 5, field: '/instances', suggestion: /instances/ },
  },
  'out-of-range': {
    text: lines(...HEAD, 'wasm_module: builtin:pass-through', 'timeout_ms: 0'),
    ...{ code: 'spec.out_of_range', line: 5, field: '/timeout_ms', suggestion: /./ },
  },
  'bad-name': {
    text: lines('name: Bad_Name', 'input_topic: TOPIC', 'output_topic: TOPIC.out', 'wasm_module: builtin:pass-through'),
    ...{ code: 'spec.bad_name', line: 1, field: '/name', suggestion: /./ },
  },
  'missing-field': {
    text: lines('name: NAME', 'output_topic: TOPIC.out', 'wasm_module: builtin:pass-through'),
    ...{ code: 'spec.missing_field', line: 1, field: '/input_topic', suggestion: /input_topic/ },
  },
  'missing-module': {
    text: lines(...HEAD, 'wasm_module: transforms/mask_pi.wasm'),
    ...{ code: 'spec.module_missing', line: 4, field: '/wasm_module', suggestion: /./ },
  },
  'no-output': {
    text: lines('name: NAME', 'input_topic: TOPIC', 'output_topic: ""', 'wasm_module: builtin:pass-through'),
    ...{ code: 'spec.no_output', line: 3, field: '/output_topic', suggestion: /./ },
  },
  'output-is-input': {
    text: lines('name: NAME', 'input_topic: TOPIC', 'output_topic: TOPIC', 'wasm_module: builtin:pass-through'),
    ...{ code: 'spec.output_equals_input', line: 3, field: '/output_topic', suggestion: /./ },
  },
  'bad-module': {
    text: lines(...HEAD, 'wasm_module: hostile/no_transform.wasm'),
    ...{ code: 'module.missing_export', line: 4, field: '/wasm_module', suggestion: /./ },
  },
};

interface CheckReport {
  readonly ok: boolean;
  readonly specs: readonly { readonly name: string }[];
  readonly errors: readonly {
    code: string;
    place?: string;
    configPath?: string;
    suggestion?: string;
    message: string;
  }[];
}

clusterTest(
  'bad specs of every kind are told with file, line, field and cure; the good one runs on',
  async (cluster, t) => {
    const { bootstrap } = cluster;
    const rig = await Rig.create(t, bootstrap, {
      records: Array.from({ length: 100 }, (_, i) => ({ key: `${i}`, value: '{"email":"a"}' })),
      spec: { wasm_module: 'transforms/mask_pii.wasm', config: { fields_to_mask: ['email'] } },
    });
    for (const [kind, { text }] of Object.entries(BAD)) {
      rig.home.writeSpec(`${kind}.yaml`, text(rig.name).replaceAll('NAME', `${rig.name}-${kind}`));
    }
    // Two specs of one name, and two that feed each other: neither of a pair may run.
    const pair = (name: string, from: string, to: string): string =>
      specText({ name, input_topic: from, output_topic: to, wasm_module: 'builtin:pass-through' });
    rig.home.writeSpec('twin-1.yaml', pair(`${rig.name}-twin`, rig.name, `${rig.name}.a`));
    rig.home.writeSpec('twin-2.yaml', pair(`${rig.name}-twin`, rig.name, `${rig.name}.b`));
    rig.home.writeSpec('loop-1.yaml', pair(`${rig.name}-loop-1`, `${rig.name}.c`, `${rig.name}.d`));
    rig.home.writeSpec('loop-2.yaml', pair(`${rig.name}-loop-2`, `${rig.name}.d`, `${rig.name}.c`));

    const json = await runSidecar(rig.home, 'check', ['--json']);
    assert.equal(json.code, 2, json.stderr);
    const report = JSON.parse(json.stdout) as CheckReport;
    assert.deepEqual([report.ok, report.specs.map(({ name }) => name)], [false, [rig.name]]);
    for (const [kind, { code, line, field, suggestion }] of Object.entries(BAD)) {
      const errors = report.errors.filter(({ place }) => place?.includes(`${kind}.yaml`));
      const error = errors[0] ?? assert.fail(`${kind} is not told of`);
      assert.deepEqual([error.code, error.configPath ?? ''], [code, field], kind);
      assert.match(error.place ?? '', new RegExp(`${kind}\\.yaml:${line}(:|$)`), kind);
      assert.match(error.suggestion ?? '', suggestion, kind);
    }
    const codes = report.errors.map(({ code }) => code);
    assert.ok(codes.includes('spec.duplicate_name') && codes.includes('spec.cycle'), codes.join());

    const text = await runSidecar(rig.home, 'check');
    assert.equal(text.code, 2);
    assert.match(text.stdout, /unknown-field\.yaml:5.*\/timout_ms.*\n.*timeout_ms/);
    assert.doesNotMatch(text.stdout + text.stderr, /\n\s+at /, 'no stack is shown');

    const sidecar = await rig.start();
    const metrics = await sidecar.settles(rig.name, 100);
    assert.ok(metrics.sum('streamline_spec_errors') >= Object.keys(BAD).length);
    assert.equal(sidecar.log.filter(({ msg }) => msg === 'spec refused').length >= Object.keys(BAD).length - 3, true);
    await sidecar.stop();
    (await rig.ledger()).assertAccounted(() => 'output');
    const groups = (await groupIds(bootstrap)).filter((group) => group.includes(rig.name));
    assert.deepEqual(groups, [rig.group], 'no bad spec joins a group');
  },
);

clusterTest('check is content with good specs and says so', async ({ bootstrap }, t) => {
  const home = sidecarHome(t, bootstrap);
  const spec = { name: 'good', input_topic: 'a', output_topic: 'b', wasm_module: 'transforms/pass_through.wasm' };
  home.writeSpec('good.yaml', specText(spec));
  const { code, stdout, stderr } = await runSidecar(home, 'check');
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /good .*pass_through\.wasm/);
});

clusterTest('with the feature off the API is up and no group is joined', async ({ bootstrap }, t) => {
  const rig = await Rig.create(t, bootstrap, {
    records: [{ value: 'v' }],
    spec: { wasm_module: 'builtin:pass-through' },
  });
  const sidecar = await Sidecar.start(rig.home, { STREAMLINE_WASM_TRANSFORMS: 'off' });
  for (const path of ['/livez', '/readyz', '/metrics', '/']) assert.equal((await sidecar.get(path)).status, 200, path);
  assert.equal((await sidecar.metrics()).state(rig.name), 'STOPPED');
  assert.ok(sidecar.log.some(({ msg }) => msg.includes('feature disabled')));
  assert.ok(!(await groupIds(bootstrap)).includes(rig.group));
  assert.deepEqual(await rig.existing([rig.out, rig.dlq]), [], 'nor a topic created');
  await sidecar.stop();
});

clusterTest(
  'SIGTERM under load: all that was received is settled and committed, within the bound (I1, I2, I8)',
  async (cluster, t) => {
    const { bootstrap } = cluster;
    const rig = await Rig.create(t, bootstrap, {
      records: [],
      partitions: 3,
      spec: { wasm_module: 'transforms/fragile.wasm', output: { partition: 'input' } },
      settings: { limits: { drain_timeout_ms: DRAIN_MS, commit_interval_ms: 5000 } },
    });
    await createTopic(bootstrap, rig.out, 3);
    const flow = new Flow(t, bootstrap, rig.name, (i) => ({
      ...{ key: `k${i}`, partition: i % 3 },
      value: `{"device_id":"dev-${i}"${i % 50 === 49 ? ',"poison":"trap"' : ''}}`,
    }));
    const sidecar = await rig.start();
    // A commit is far off: what is committed at the end, the drain has committed.
    let stopping: Promise<number> | undefined;
    await readAll(bootstrap, rig.out, { until: 1000, onReached: () => void (stopping = sidecar.stop()) });
    const tookMs = await stopping!;
    assert.ok(tookMs < DRAIN_MS, `it took ${Math.round(tookMs)} ms`);
    const produced = await flow.end();

    const committed = await rig.committed();
    const ledger = await rig.ledger();
    const done = ledger.entries.filter(({ outputs, deadLetters }) => outputs.length + deadLetters.length > 0);
    assert.ok(done.length >= 1000 && done.length < produced, 'it stopped in the middle');
    // Exactly what is committed has come out, once: nothing settled is left uncommitted, nothing committed is unsettled.
    ledger.assertAccounted(({ id, input }) => {
      if (input.offset >= (committed.get(input.partition) ?? 0)) return 'dropped';
      return Number(id) % 50 === 49 ? ['guest.trap'] : 'output';
    });
    ledger.assertOrdered();
    t.diagnostic(`${done.length} of ${produced} records, SIGTERM took ${Math.round(tookMs)} ms`);
  },
);

clusterTest(
  'SIGTERM does not wait for a retry: the record is read again by the next (I1, I8)',
  async ({ bootstrap }, t) => {
    const patience = { max_retries: 100, retry_backoff_ms: 60_000, retry_backoff_max_ms: 60_000 };
    const rig = await Rig.create(t, bootstrap, {
      records: Array.from({ length: 100 }, (_, i) => ({
        value: `{"device_id":"d${i}"${i === 50 ? ',"poison":"trap"' : ''}}`,
      })),
      spec: { wasm_module: 'transforms/fragile.wasm', errors: patience },
      settings: { limits: { drain_timeout_ms: DRAIN_MS } },
    });
    const sidecar = await rig.start();
    await readAll(bootstrap, rig.out, { until: 50 });
    const tookMs = await sidecar.stop();
    assert.ok(tookMs < DRAIN_MS, `it took ${Math.round(tookMs)} ms`);
    assert.deepEqual(await rig.committed(), new Map([[0, 50]]));
    rig.deploy({ wasm_module: 'transforms/fragile.wasm' });
    const next = await rig.start();
    await next.settles(rig.name, 50);
    await next.stop();
    const ledger = await rig.ledger();
    ledger.assertAccounted(({ id }) => (id === '50' ? ['guest.trap'] : 'output'));
    ledger.assertOrdered();
  },
);
