// Kinds that Kubernetes itself does not have, by the models of those that define them.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor';
import { parse } from 'yaml';
import { run } from './testing/validators.ts';

const ROOT = dirname(import.meta.dirname);
const OBJECTS = {
  ScaledObject: 'components/keda/scaled-object.yaml',
  PodMonitor: 'components/pod-monitor/pod-monitor.yaml',
} as const;
const MODULES = {
  ScaledObject: '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject',
  PodMonitor: '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor',
} as const;
type Kind = keyof typeof OBJECTS;
const KINDS: readonly Kind[] = ['ScaledObject', 'PodMonitor'];

function textOf(kind: Kind): string {
  return readFileSync(join(import.meta.dirname, 'kubernetes', OBJECTS[kind]), 'utf8');
}

/** Values and what is required. */
function fault(kind: Kind, text: string): string {
  try {
    if (kind === 'ScaledObject') new ScaledObject(parse(text) as never).validate();
    else new PodMonitor(parse(text) as never).validate();
    return '';
  } catch (thrown) {
    return String(thrown);
  }
}

/** The models take fields they do not know. A compiler does not, in a literal. */
function compile(texts: readonly (readonly [Kind, string])[]): string {
  mkdirSync(join(ROOT, '.tmp'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, '.tmp', 'custom-resources-'));
  try {
    const lines = texts.map(([kind, text], i) => {
      const { apiVersion: _version, kind: _kind, ...rest } = parse(text) as Record<string, unknown>;
      return `import type { I${kind} as T${i} } from '${MODULES[kind]}';\nexport const o${i}: Omit<T${i}, 'apiVersion' | 'kind'> = ${JSON.stringify(rest)};`;
    });
    writeFileSync(join(folder, 'objects.ts'), lines.join('\n'));
    const compilerOptions = { ...{ noEmit: true, strict: true, module: 'nodenext', types: [] }, skipLibCheck: true };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['objects.ts'] }));
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    return run(process.execPath, [tsc, '-p', folder, '--pretty', 'false']).output;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('each is what its kind says', () => {
  for (const kind of KINDS) {
    const { kind: said, apiVersion } = parse(textOf(kind)) as { readonly kind: string; readonly apiVersion: string };
    assert.equal(said, kind);
    assert.ok(MODULES[kind].includes(`/${apiVersion}/`), apiVersion);
    assert.equal(fault(kind, textOf(kind)), '', kind);
  }
  assert.notEqual(
    fault('ScaledObject', textOf('ScaledObject').replace('pollingInterval: 30', 'pollingInterval: x')),
    '',
  );
  assert.notEqual(fault('PodMonitor', textOf('PodMonitor').replace('selector:', 'select:')), '');
});

test('none has a field that its kind does not have', () => {
  assert.equal(compile(KINDS.map((kind) => [kind, textOf(kind)])), '');
  const mistakes = [
    ['ScaledObject', 'pollingInterval:', 'pollInterval:'],
    ['ScaledObject', 'currentReplicasIfHigher', 'currentReplicasIfLarger'],
    ['ScaledObject', 'stabilizationWindowSeconds: 600', 'stabilisationWindowSeconds: 600'],
    ['PodMonitor', 'relabelings:', 'relabeling:'],
    ['PodMonitor', 'credentials: { name:', 'credentials: { secret:'],
  ] as const;
  const errors = compile(mistakes.map(([kind, from, to]) => [kind, textOf(kind).replace(from, to)]));
  for (let i = 0; i < mistakes.length; i += 1)
    assert.match(errors, new RegExp(`objects\\.ts\\(${2 * i + 2},`), `${mistakes[i]?.[2]}\n${errors}`);
});
