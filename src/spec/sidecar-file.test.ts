import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadSidecarConfig } from './sidecar-file.ts';

test('the commented example is valid and says the defaults', async () => {
  const outcome = await loadSidecarConfig(join(import.meta.dirname, '../../examples/sidecar.yaml'), {});
  const defaults = await loadSidecarConfig(undefined, {});
  assert.ok('config' in outcome && 'config' in defaults);
  assert.deepEqual(
    { ...outcome.config, paths: undefined, kafka: undefined, schemaRegistry: undefined },
    { ...defaults.config, paths: undefined, kafka: undefined },
  );
  // Beside the broker of docker-compose.yml; by default there is none.
  assert.equal(outcome.config.schemaRegistry?.url, 'http://localhost:8081');
  assert.deepEqual(outcome.config.kafka.reveal(), defaults.config.kafka.reveal());
  assert.equal(outcome.config.paths.specs, join(import.meta.dirname, '../../specs'));
  assert.equal(defaults.config.paths.specs, 'specs');
});

test('secrets come from the environment and from files, without the final line break', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sidecar-'));
  try {
    const [file, secret] = [join(directory, 'sidecar.yaml'), join(directory, 'secret')];
    writeFileSync(secret, 'p w\n');
    writeFileSync(file, `kafka: {sasl.username: "\${env:WHO}", sasl.password: "\${file:${secret}}"}`);
    const outcome = await loadSidecarConfig(file, { WHO: 'ann', STREAMLINE_WASM_TRANSFORMS: 'off' });
    assert.ok('config' in outcome);
    assert.equal(outcome.config.kafka.reveal()['sasl.username'], 'ann');
    assert.equal(outcome.config.kafka.reveal()['sasl.password'], 'p w');
    assert.equal(outcome.config.features.wasmTransforms, false);
    const without = await loadSidecarConfig(file, {});
    assert.ok('errors' in without);
    assert.equal(without.errors[0].code, 'config.secret_missing');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a configuration that cannot be read is an error, never the defaults', async () => {
  for (const path of ['/nowhere/sidecar.yaml', '/dev/zero', '/']) {
    const outcome = await loadSidecarConfig(path, {});
    assert.ok('errors' in outcome, path);
    assert.deepEqual([outcome.errors[0].code, outcome.errors[0].place], ['config.unreadable', path]);
  }
});
