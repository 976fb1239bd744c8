import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from '../log.ts';
import { quietLogger } from './diagnostics.ts';
import { SidecarTracing } from './sidecar-tracing.ts';

const ASKED = { OTEL_TRACES_EXPORTER: 'otlp' };

function logged(): { readonly log: ReturnType<typeof createLog>; readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  return { log: createLog({ level: 'debug', destination }), lines };
}

void test('nothing is loaded that nobody asked for', async () => {
  const { log, lines } = logged();
  const load = () => assert.fail('loaded');
  assert.equal(await SidecarTracing.start({}, '1', 1000, log, load), undefined);
  assert.deepEqual(lines, []);
});

void test('one that is asked for and not installed is one line, which says what to install', async () => {
  const { log, lines } = logged();
  const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
  assert.equal(await SidecarTracing.start(ASKED, '1', 1000, log, () => Promise.reject(missing)), undefined);
  assert.equal(lines.length, 1);
  assert.deepEqual([lines[0]?.['level'], lines[0]?.['suggestion']], ['error', 'npm install @opentelemetry/sdk-node']);
});

void test('one that does not start is one line, and no reason to end', async () => {
  const { log, lines } = logged();
  assert.equal(await SidecarTracing.start(ASKED, '1', 1000, log, () => Promise.reject(new Error('odd'))), undefined);
  assert.deepEqual(
    lines.map(({ level, err }) => [level, err]),
    [['error', 'Error: odd']],
  );
});

void test('trouble that goes on is one line a minute', () => {
  const { log, lines } = logged();
  let nowMs = 0;
  const quiet = quietLogger(log, () => nowMs);
  for (let i = 0; i < 100; i += 1) quiet.error(`down ${i} ${'x'.repeat(10_000)}`);
  nowMs = 60_000;
  quiet.warn('down still');
  assert.deepEqual(
    lines.map(({ level, omitted }) => [level, omitted]),
    [
      ['warn', 0],
      ['warn', 99],
    ],
  );
  assert.ok(String(lines[0]?.['sdk']).length < 1000);
});
