import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { FakeSidecar } from './testing/fake-sidecar.ts';
import { InProcessRun, runInProcess } from './testing/run-in-process.ts';
import { until } from './testing/run-program.ts';

/* What is different on a terminal: questions, the screen of top. */

const sidecar = await FakeSidecar.start();
const env = { STREAMLINE_URL: sidecar.url };
after(() => sidecar.close());
beforeEach(() => {
  sidecar.transforms.clear();
  sidecar.add('mask-pii');
});

void test('undeploy asks on a terminal: y does it, anything else does nothing (1), --yes does not ask', async () => {
  const undeploy = ['transforms', 'undeploy', 'mask-pii'];
  const no = await runInProcess(undeploy, { env, typed: 'n\n' });
  assert.deepEqual([no.code, no.stdout], [1, '']);
  assert.match(no.stderr, /Undeploy mask-pii\? \[y\/N\] [\s\S]*Nothing was done\.\n$/);
  assert.equal(sidecar.transforms.size, 1);
  const yes = await runInProcess(undeploy, { env, typed: 'y\n' });
  assert.equal(yes.code, 0);
  assert.equal(sidecar.transforms.size, 0);
  for (const flag of ['--yes', '-y', '--no-confirm']) {
    sidecar.add('mask-pii');
    const quiet = await runInProcess([...undeploy, flag], { env, typed: '' });
    assert.deepEqual([quiet.code, quiet.stderr], [0, ''], flag);
  }
});

void test('offsets reset asks on a terminal', async () => {
  sidecar.add('mask-pii', { connector: { state: 'STOPPED', worker_id: 'w' } });
  const reset = ['transforms', 'offsets', 'reset', 'mask-pii', '--offset', '0=12'];
  const no = await runInProcess(reset, { env, typed: '\n' });
  assert.equal(no.code, 1);
  assert.match(no.stderr, /Set the offsets of mask-pii to 0=12\? \[y\/N\]/);
  const yes = await runInProcess(reset, { env, typed: 'yes\n' });
  assert.equal(yes.code, 0);
  assert.match(yes.stdout, /raw-events +0 +12 /);
});

void test('top takes the screen, fits it, and gives it back: q, Ctrl-C, a sidecar that goes away', async () => {
  for (let i = 0; i < 20; i += 1) sidecar.add(`t${i}`);
  const endings: readonly (readonly [string, (run: InProcessRun) => void])[] = [
    ['q', (run) => run.stdin.write('q')],
    ['Ctrl-C', (run) => run.stdin.write('\u0003')],
    ['SIGTERM', (run) => run.interrupt.abort()],
  ];
  for (const [what, end] of endings) {
    const run = new InProcessRun(['top', '--interval', '10ms'], { env, typed: '' });
    await until(() => run.stdout.text.includes('NAME'), 'a table');
    end(run);
    assert.equal(await run.ended, 0, what);
    const { text } = run.stdout;
    assert.ok(text.startsWith('\u001b[?1049h\u001b[?25l') && text.endsWith('\u001b[?25h\u001b[?1049l'), what);
    const screen = text.split('\u001b[2J')[1] ?? '';
    assert.equal(screen.split('\u001b[H')[0]?.split('\n').length, 10, 'nine lines and where the cursor stands');
    assert.deepEqual(run.stdin.rawModes, [true, false], what);
  }
  const other = await FakeSidecar.start();
  other.add('mask-pii');
  const run = new InProcessRun(['top', '--interval', '10ms', '--url', other.url], { typed: '' });
  await until(() => run.stdout.text.includes('NAME'), 'a table');
  await other.close();
  assert.equal(await run.ended, 3);
  assert.ok(run.stdout.text.endsWith('\u001b[?25h\u001b[?1049l'), 'the screen is given back');
  assert.match(run.stderr.text, /^cannot reach the sidecar/);
});
