// Pause, stop, resume, several workers, removal and the feature flag, told over the API to real sidecars while records flow.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clusterTest } from '../testcontainers.config.ts';
import { createTopic, eventually, groupIds } from './cluster/client.ts';
import { Api, type ApiStatus } from './harness/api.ts';
import { Flow } from './harness/flow.ts';
import { groupMembers } from './harness/group-members.ts';
import { Rig } from './harness/rig.ts';
import { Sidecar, sidecarHome } from './harness/sidecar.ts';
import { specText, uniqueName } from './harness/spec.ts';

const PARTITIONS = 4;
const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition);
const SPEC = {
  wasm_module: 'transforms/mask_pii.wasm',
  config: { fields_to_mask: ['email'] },
  output: { partition: 'input' },
};
const SETTINGS = {
  // After a kill the group waits for the dead member's session to end.
  kafka: { 'session.timeout.ms': 2000, 'heartbeat.interval.ms': 500 },
  limits: { drain_timeout_ms: 1500, requests_per_minute: 100_000 },
};
const PACE = { batch: 50, pauseMs: 10 };
const CATCH_UP_MS_MAX = 60_000;
/** Flows by before it is said that nothing was read. */
const UNREAD = 500;

const recordOf = (i: number) => ({
  partition: i % PARTITIONS,
  key: `k${i % 20}`,
  value: `{"email":"a${i}@example.org"}`,
});

function ascending(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}

async function flowsOn(flow: Flow, records: number): Promise<void> {
  const until = flow.produced + records;
  await eventually(() => {
    assert.equal(flow.failure, undefined);
    assert.ok(flow.produced >= until, `${flow.produced} of ${until} flowed`);
  }, CATCH_UP_MS_MAX);
}

async function received(sidecar: Sidecar, name: string): Promise<number> {
  return (await sidecar.metrics()).sum('streamline_transform_records_received_total', { transform: name });
}

/** Nothing comes while records flow; a poll that was under way may bring what it has, and that is settled. */
async function readsNothing(sidecar: Sidecar, rig: Rig, flow: Flow): Promise<void> {
  await eventually(async () => {
    const before = await received(sidecar, rig.name);
    await flowsOn(flow, UNREAD);
    assert.equal(await received(sidecar, rig.name), before);
  });
  await sidecar.settles(rig.name, 0);
}

/** Everything that flowed so far is committed, and there is an output of each. */
async function catchesUp(rig: Rig, flow: Flow): Promise<void> {
  const until = flow.produced;
  await eventually(async () => {
    const committed = [...(await rig.committed()).values()].reduce((sum, offset) => sum + offset, 0);
    assert.ok(committed >= until, `${committed} of ${until} are committed`);
  }, CATCH_UP_MS_MAX);
}

clusterTest(
  'PAUSED and STOPPED outlive SIGTERM and kill -9 while records flow: nothing is lost, one stays a member, the other leaves (I1, I2, I3)',
  async ({ bootstrap }, t) => {
    const rig = await Rig.create(t, bootstrap, { records: [], partitions: PARTITIONS, spec: SPEC, settings: SETTINGS });
    await rig.createTopics(PARTITIONS);
    const path = `/transforms/${rig.name}`;
    const members = () => groupMembers(bootstrap, rig.group);
    const flow = new Flow(t, bootstrap, rig.name, recordOf, PACE);
    const committedAtKill: Map<number, number>[] = [];
    let sidecar = await rig.start();
    const restart = async (how: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
      if (how === 'SIGTERM') await sidecar.stop();
      else {
        await sidecar.kill();
        committedAtKill.push(await rig.committed());
      }
      sidecar = await rig.start();
    };
    /** As the API, the metrics and the cluster see it. */
    const isPaused = async (): Promise<void> => {
      await sidecar.reaches('PAUSED', rig.name);
      // The dead one is a member until its session ends.
      await eventually(async () => {
        const status = await Api.of(sidecar).status(rig.name);
        assert.deepEqual([status.connector.state, status.target_state], ['PAUSED', 'PAUSED']);
        assert.deepEqual(ascending(status.partitions), ALL);
        assert.deepEqual(
          (await members()).map(({ partitions }) => partitions),
          [ALL],
        );
      });
      await readsNothing(sidecar, rig, flow);
    };
    const isStopped = async (): Promise<void> => {
      await sidecar.reaches('STOPPED', rig.name);
      assert.deepEqual(await members(), []);
      const status = await Api.of(sidecar).status(rig.name, true);
      assert.deepEqual([status.connector.state, status.target_state], ['STOPPED', 'STOPPED']);
      assert.deepEqual([status.partitions, status.group?.members], [[], []]);
      await readsNothing(sidecar, rig, flow);
    };

    await sidecar.settles(rig.name, 200);
    await Api.of(sidecar).ok(202, 'PUT', `${path}/pause`);
    await isPaused();
    await restart('SIGKILL');
    await isPaused();
    await restart('SIGTERM');
    await isPaused();
    await Api.of(sidecar).ok(202, 'PUT', `${path}/resume`);
    await catchesUp(rig, flow);

    // In the midst of records: what runs runs again.
    await restart('SIGKILL');
    await sidecar.reaches('RUNNING', rig.name);
    await catchesUp(rig, flow);
    assert.equal((await Api.of(sidecar).status(rig.name)).target_state, 'RUNNING');

    await Api.of(sidecar).ok(204, 'PUT', `${path}/stop`);
    await isStopped();
    await restart('SIGKILL');
    await isStopped();
    await restart('SIGTERM');
    await isStopped();
    // From STOPPED to PAUSED: in the group again, and still nothing is read.
    await Api.of(sidecar).ok(202, 'PUT', `${path}/pause`);
    await isPaused();
    await Api.of(sidecar).ok(202, 'PUT', `${path}/resume`);
    await sidecar.reaches('RUNNING', rig.name);
    await catchesUp(rig, flow);
    const produced = await flow.end();
    await catchesUp(rig, flow);
    await sidecar.stop();

    const ledger = await rig.ledger();
    assert.equal(ledger.entries.length, produced);
    // Nothing is repeated but what was not committed at a kill.
    const repeats = ({
      input: { partition, offset },
    }: {
      readonly input: { partition: number; offset: number };
    }): number => committedAtKill.filter((committed) => offset >= (committed.get(partition) ?? 0)).length;
    ledger.assertAccounted(() => 'output', repeats);
    ledger.assertOrdered(committedAtKill);
  },
  { timeoutMs: 240_000 },
);

clusterTest(
  'two sidecars with the same spec share its partitions, and each says that it is one of two',
  async ({ bootstrap }, t) => {
    const rig = await Rig.create(t, bootstrap, { records: [], partitions: PARTITIONS, spec: SPEC, settings: SETTINGS });
    await rig.createTopics(PARTITIONS);
    const flow = new Flow(t, bootstrap, rig.name, recordOf, PACE);
    const first = await rig.start();
    await first.settles(rig.name, 100);
    const alone = await Api.of(first).status(rig.name, true);
    assert.deepEqual([alone.group?.one_of, alone.group?.members.map(({ self }) => self)], [1, [true]]);
    const second = await Sidecar.start(rig.twin(t));
    const sidecars = [first, second];

    const shares = async (): Promise<void> => {
      await eventually(async () => {
        const statuses = await Promise.all(sidecars.map((sidecar) => Api.of(sidecar).status(rig.name, true)));
        for (const { connector, group, partitions } of statuses) {
          assert.ok(group !== undefined);
          assert.deepEqual(
            [connector.state, group.state, group.one_of, group.members.length],
            ['RUNNING', 'Stable', 2, 2],
          );
          const own = group.members.filter(({ self }) => self);
          assert.equal(own.length, 1, 'one of them is itself');
          assert.deepEqual(ascending(own[0]?.partitions ?? []), ascending(partitions));
          assert.ok(partitions.length > 0);
        }
        // Each its own, and together all of them; the cluster says the same.
        assert.deepEqual(ascending(statuses.flatMap(({ partitions }) => partitions)), ALL);
        const members = await groupMembers(bootstrap, rig.group);
        const byCluster = members.map(({ partitions }) => partitions.join()).toSorted();
        assert.deepEqual(byCluster, statuses.map(({ partitions }) => ascending(partitions).join()).toSorted());
      }, CATCH_UP_MS_MAX);
    };
    const has = async (sidecar: Sidecar, check: (status: ApiStatus) => void): Promise<void> => {
      await eventually(async () => check(await Api.of(sidecar).status(rig.name, true)), CATCH_UP_MS_MAX);
    };
    await shares();
    for (const sidecar of sidecars) await sidecar.settles(rig.name, (await received(sidecar, rig.name)) + 100);

    // A stop is of one worker: the other has it all.
    await Api.of(first).ok(204, 'PUT', `/transforms/${rig.name}/stop`);
    await has(second, ({ group, partitions }) => assert.deepEqual([group?.one_of, ascending(partitions)], [1, ALL]));
    await has(first, ({ group, partitions, connector }) => {
      assert.deepEqual([connector.state, partitions, group?.members.map(({ self }) => self)], ['STOPPED', [], [false]]);
    });
    await Api.of(first).ok(202, 'PUT', `/transforms/${rig.name}/resume`);
    await shares();
    const produced = await flow.end();
    await catchesUp(rig, flow);
    for (const sidecar of sidecars) await sidecar.stop();

    const ledger = await rig.ledger();
    assert.equal(ledger.entries.length, produced);
    ledger.assertAccounted(() => 'output');
    ledger.assertOrdered();
  },
  { timeoutMs: 180_000 },
);

clusterTest(
  'a spec that is removed drains and leaves, one that is undeployed too; put back it goes on where it was (I1, I2, I3)',
  async ({ bootstrap }, t) => {
    const rig = await Rig.create(t, bootstrap, { records: [], partitions: PARTITIONS, spec: SPEC, settings: SETTINGS });
    await rig.createTopics(PARTITIONS);
    const flow = new Flow(t, bootstrap, rig.name, recordOf, PACE);
    const sidecar = await rig.start();
    const api = Api.of(sidecar);
    const isGone = async (): Promise<void> => {
      await api.refused(404, 'transform.not_found', 'GET', `/transforms/${rig.name}/status`);
      assert.deepEqual(await groupMembers(bootstrap, rig.group), []);
    };
    await sidecar.settles(rig.name, 200);
    rig.home.removeSpec('spec.yaml');
    await eventually(async () => assert.deepEqual(await api.get('/transforms'), []));
    await isGone();
    // It has gone in the midst of records.
    assert.ok([...(await rig.committed()).values()].reduce((sum, offset) => sum + offset, 0) > 0);
    await flowsOn(flow, UNREAD);

    rig.deploy(SPEC);
    await sidecar.reaches('RUNNING', rig.name);
    await catchesUp(rig, flow);
    // By the API it is over when it is answered.
    await api.ok(204, 'DELETE', `/transforms/${rig.name}`);
    await isGone();
    assert.equal(existsSync(join(rig.home.specs, 'spec.yaml')), false);
    await flowsOn(flow, UNREAD);
    rig.deploy(SPEC);
    await sidecar.reaches('RUNNING', rig.name);
    const produced = await flow.end();
    await catchesUp(rig, flow);
    await sidecar.stop();

    const ledger = await rig.ledger();
    assert.equal(ledger.entries.length, produced);
    ledger.assertAccounted(() => 'output');
    ledger.assertOrdered();
  },
  { timeoutMs: 180_000 },
);

clusterTest('a new transform runs, whatever was kept of another of its name', async ({ bootstrap }, t) => {
  const name = uniqueName('again');
  await createTopic(bootstrap, name);
  const home = sidecarHome(t, bootstrap);
  // Of a sidecar that was killed between the removal of the spec and of this.
  const state = join(home.modules, '.state');
  mkdirSync(state);
  writeFileSync(join(state, `${name}.json`), JSON.stringify({ target: 'STOPPED', since: '2026-01-31T00:00:00.000Z' }));
  const sidecar = await Sidecar.start(home);
  const api = Api.of(sidecar);
  const spec = specText({ name, input_topic: name, output_topic: `${name}.out`, wasm_module: 'builtin:pass-through' });
  await api.ok(201, 'POST', '/transforms', spec);
  await sidecar.reaches('RUNNING', name);
  await api.ok(202, 'PUT', `/transforms/${name}/pause`);
  await sidecar.reaches('PAUSED', name);
  await api.ok(204, 'DELETE', `/transforms/${name}`);
  await api.ok(201, 'POST', '/transforms', spec);
  await sidecar.reaches('RUNNING', name);
  assert.equal((await api.status(name)).target_state, 'RUNNING');
  await sidecar.stop();
});

clusterTest(
  'with the feature off nothing starts and nothing is deployed, what is there is STOPPED and can be removed',
  async ({ bootstrap }, t) => {
    const name = uniqueName('off');
    await createTopic(bootstrap, name);
    const spec = specText({
      name,
      input_topic: name,
      output_topic: `${name}.out`,
      wasm_module: 'builtin:pass-through',
    });
    const path = `/transforms/${name}`;
    for (const [features, env] of [
      [{ wasm_transforms: false }, {}],
      [{}, { STREAMLINE_WASM_TRANSFORMS: 'off' }],
    ] as const) {
      const home = sidecarHome(t, bootstrap, { features });
      home.writeSpec('by-hand.yaml', spec);
      const sidecar = await Sidecar.start(home, env);
      const api = Api.of(sidecar);
      const { features: shown } = await api.get<{ readonly features: unknown }>('/');
      assert.deepEqual(shown, { wasm_transforms: false });
      const status = await api.status(name);
      assert.deepEqual([status.connector.state, status.error?.code], ['STOPPED', 'transform.disabled']);
      assert.match(status.error?.suggestion ?? '', /features\.wasm_transforms: true/);
      assert.deepEqual(status.partitions, []);
      const refused = [
        ['POST', '/transforms', spec.replaceAll(name, uniqueName('new'))],
        ['PUT', `${path}/config`, spec.replace('pass-through', 'logging')],
        ['PATCH', `${path}/config`, { timeout_ms: 20 }],
        ['PUT', `${path}/resume`, undefined],
        ['PUT', `${path}/pause`, undefined],
        ['POST', `${path}/restart`, undefined],
      ] as const;
      for (const [method, at, body] of refused) {
        const error = await api.refused(409, 'transform.disabled', method, at, body);
        assert.match(error.suggestion ?? '', /start the sidecar again/, `${method} ${at}`);
      }
      assert.deepEqual(await api.get('/transforms'), [name]);
      const { ok } = JSON.parse(await api.ok(200, 'PUT', '/transforms/validate', spec)) as { readonly ok: boolean };
      assert.equal(ok, true);
      assert.ok(!(await groupIds(bootstrap)).includes(`streamline.${name}`), 'it was in its group');
      await api.ok(204, 'DELETE', path);
      assert.equal(existsSync(join(home.specs, 'by-hand.yaml')), false);
      assert.deepEqual(await api.get('/transforms'), []);
      await sidecar.stop();
    }
  },
);
