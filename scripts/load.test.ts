import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { openCluster } from './demo/cluster.ts';
import { TopicReader } from './demo/topic-reader.ts';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function load(args: readonly string[], onStart: (kill: () => void) => void = () => undefined): Promise<Ended> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'load.ts'), ...args]);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  onStart(() => child.kill('SIGTERM'));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

test('as many events as were asked for are on the cluster, of now', async () => {
  const cluster = await openCluster(undefined);
  const reader = new TopicReader(cluster.bootstrap, 'load-test', (_topic, value) => value.toString('utf8'));
  try {
    await reader.connect();
    const topics = ['raw-events', 'orders'];
    await reader.followFromEnd(new Map(topics.map((topic) => [topic, 4])));
    const sinceMs = Date.now();
    const args = [
      '--bootstrap',
      cluster.bootstrap,
      '--topics',
      topics.join(),
      '--per-second',
      '40',
      '--seconds',
      '0.5',
    ];
    assert.deepEqual(await load(args), { code: 0, stdout: 'load: 40 events\n', stderr: '' });
    const records = await reader.readToEnd(10_000);
    for (const topic of topics) assert.equal(records.filter((record) => record.topic === topic).length, 20, topic);
    for (const { timestampMs } of records) assert.ok(timestampMs >= sinceMs && timestampMs <= Date.now());
  } finally {
    await reader.close();
    await cluster.close();
  }
});

test('SIGTERM ends it when all is acknowledged', async () => {
  const cluster = await openCluster(undefined);
  try {
    const started = performance.now();
    const { code, stdout } = await load(['--bootstrap', cluster.bootstrap, '--per-second', '200'], (kill) => {
      // At a counted event: something is on the cluster.
      void (async () => {
        const reader = new TopicReader(cluster.bootstrap, 'load-test', (_topic, value) => value.toString('utf8'));
        await reader.connect();
        await reader.followFromEnd(new Map([['orders', 4]]));
        while ((await reader.read()).length === 0 && performance.now() - started < 30_000);
        await reader.close();
        kill();
      })();
    });
    assert.equal(code, 0);
    assert.match(stdout, /^load: [1-9]\d* events\n$/);
  } finally {
    await cluster.close();
  }
});

test('what cannot be meant is refused', async () => {
  for (const args of [['--topics', 'none'], ['--per-second', '0'], ['--seconds', 'x'], ['--nonsense']]) {
    const { code, stderr } = await load(args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, /^load: .*\n\nusage: /s);
  }
});
