import assert from 'node:assert/strict';
import { clusterTest } from '../testcontainers.config.ts';
import { createTopic, groupIds, produceAll } from './cluster/client.ts';
import { DEPLOY_VERDICTS } from './guests/verdicts.ts';
import { specText, uniqueName } from './harness/spec.ts';
import { LivezWatch } from './harness/livez-watch.ts';
import { Neighbour } from './harness/neighbour.ts';
import { Sidecar, sidecarHome } from './harness/sidecar.ts';

/* Modules that must be refused (integration/guests/verdicts.ts), deployed to the real sidecar all at once. */

/** How long init may run: fuel and the wall clock count from it. */
const INIT_TIMEOUT_MS = 300;

clusterTest(
  'every bad module is refused with its code before its group is joined; the neighbour goes on (I7)',
  async ({ bootstrap }, t) => {
    const home = sidecarHome(t, bootstrap, { limits: { init_timeout_ms: INIT_TIMEOUT_MS } });
    const input = uniqueName('refused');
    await createTopic(bootstrap, input);
    await produceAll(bootstrap, input, [{ value: '{"id":1}' }]);
    const deploys = DEPLOY_VERDICTS.map(({ file, codes }) => ({
      ...{ file, codes },
      name: `${input}-${file.replace(/\W.*/, '').replaceAll('_', '-')}`,
    }));
    for (const { file, name } of deploys) {
      const spec = { name, input_topic: input, output_topic: `${name}.out`, wasm_module: `hostile/${file}` };
      home.writeSpec(`${name}.yaml`, specText({ ...spec, input: { start: 'earliest' } }));
    }
    const neighbour = await Neighbour.create(t, bootstrap, home);
    const sidecar = Sidecar.launch(home);
    await sidecar.listening();
    const livez = new LivezWatch(t, sidecar);
    await sidecar.ready();
    const answers = await livez.end();
    t.diagnostic(`/livez while they were refused: ${answers.describe()}`);
    answers.assertPrompt();

    await sidecar.reaches('RUNNING', neighbour.name);
    await sidecar.reaches('FAILED', ...deploys.map(({ name }) => name));
    for (const { file, name, codes } of deploys) {
      const failures = sidecar.logOf(name).filter(({ level }) => level === 'error');
      assert.equal(failures.length, 1, `${file}: ${JSON.stringify(failures)}`);
      const { code, message, ...rest } = failures[0]!;
      assert.ok(
        codes.some((one) => one === code),
        `${file}: ${code}, not ${codes.join()}: ${message}`,
      );
      assert.ok(typeof message === 'string' && message.length > 10, `${file} is told why`);
      assert.equal('stack' in rest, false);
    }
    const produced = await neighbour.end();
    await sidecar.settles(neighbour.name, produced);
    const groups = (await groupIds(bootstrap)).filter((group) => group.includes(input));
    assert.deepEqual(groups, [], 'no group of a refused transform exists');
    await sidecar.stop();
    await neighbour.assertUnharmed();
  },
  { timeoutMs: 180_000 },
);
