import { test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseSidecarConfig } from '../spec/sidecar-config.ts';
import { checkSpecs } from './check-specs.ts';

const MODULES = join(import.meta.dirname, '..', '..', 'modules');

test('a fault of the module is told with the file, line and field of the spec', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'streamline-check-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const specs = join(folder, 'specs');
  mkdirSync(specs);
  const spec = (name: string, ...lines: string[]): void => {
    const text = [`name: ${name}`, `input_topic: ${name}-in`, `output_topic: ${name}-out`, ...lines].join('\n');
    writeFileSync(join(specs, `${name}.yaml`), `${text}\n`);
  };
  spec('gone', 'wasm_module: transforms/no_such.wasm');
  spec('in-chain', 'transforms:', '  - wasm_module: transforms/no_such.wasm');
  spec('good', 'wasm_module: transforms/mask_pii.wasm', 'config: { fields_to_mask: [email] }');
  spec('said', 'wasm_module: transforms/mask_pii.wasm', 'config: { fields_to_mask: [email] }', 'type: enrich');
  spec('routes', 'wasm_module: transforms/region_router.wasm');
  spec('builtin', 'wasm_module: builtin:pass-through');
  spec('avro-in', 'wasm_module: builtin:pass-through', 'input: { format: avro }');
  spec('seed', 'wasm_module: builtin:pass-through', 'config:', '  schema_registry_subject: s');
  spec('plain-json', 'wasm_module: builtin:pass-through', 'input: { format: json }');
  const outcome = parseSidecarConfig('', join(folder, 'sidecar.yaml'), {
    resolveSecret: () => undefined,
    paths: { specs, modules: MODULES, cache: join(folder, 'cache') },
  });
  assert.ok('config' in outcome);
  const report = await checkSpecs(outcome.config);
  const types = Object.fromEntries(report.specs.map(({ name, type }) => [name, type]));
  assert.deepEqual(types, { builtin: 'map', good: 'map', 'plain-json': 'map', routes: 'route', said: 'enrich' });
  const told = report.errors.map(({ code, place, configPath }) => [code, place, configPath]);
  assert.deepEqual(
    told.toSorted((a, b) => String(a).localeCompare(String(b))),
    [
      ['registry.not_configured', `${join(specs, 'avro-in.yaml')}:5:18`, '/input/format'],
      ['registry.not_configured', `${join(specs, 'seed.yaml')}:6:28`, '/config/schema_registry_subject'],
      ['spec.module_missing', `${join(specs, 'gone.yaml')}:4:14`, '/wasm_module'],
      ['spec.module_missing', `${join(specs, 'in-chain.yaml')}:5:18`, '/transforms/0/wasm_module'],
    ],
  );
});

test('with a registry that is not there every spec is fine but one whose schema file is missing: nobody is asked', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'streamline-check-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const spec = (name: string, file: string): void =>
    writeFileSync(
      join(folder, `${name}.yaml`),
      `name: ${name}\ninput_topic: ${name}-in\noutput_topic: ${name}-out\nwasm_module: builtin:pass-through\n` +
        `output:\n  format: avro\n  schema_file: ${file}\n`,
    );
  spec('there', 'schemas/there.avsc');
  spec('gone', 'schemas/gone.avsc');
  mkdirSync(join(folder, 'schemas'));
  writeFileSync(join(folder, 'schemas/there.avsc'), '"string"');
  const outcome = parseSidecarConfig('schema_registry: { url: "http://127.0.0.1:1" }', join(folder, 'sidecar.yaml'), {
    resolveSecret: () => undefined,
    paths: { specs: folder, modules: MODULES, cache: join(folder, 'cache') },
  });
  assert.ok('config' in outcome);
  const { specs, errors } = await checkSpecs(outcome.config);
  assert.deepEqual(
    [specs.map(({ name }) => name), errors.map(({ code, place, configPath }) => [code, place, configPath])],
    [['there'], [['schema.file_unreadable', `${join(folder, 'gone.yaml')}:7:16`, '/output/schema_file']]],
  );
});
