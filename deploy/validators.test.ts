// The files of a deployment, each checked by somebody else's idea of its format; and each check shown to refuse a mistake.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { run, Validators } from './testing/validators.ts';

const ROOT = dirname(import.meta.dirname);

const validators = Validators.get();
/** In CI they must be there. */
const needed = typeof validators === 'string' && process.env['CI'] !== 'true' ? { skip: validators } : { skip: false };

function tools(): Validators {
  if (typeof validators === 'string') throw new Error(validators);
  return validators;
}

function copyOf(t: TestContext, file: string, change: (text: string) => string): string {
  const folder = mkdtempSync(join(tmpdir(), 'streamline-deploy-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const text = readFileSync(join(ROOT, file), 'utf8');
  const changed = change(text);
  assert.notEqual(changed, text);
  const copy = join(folder, file.replace(/^.*\//, ''));
  writeFileSync(copy, changed);
  return copy;
}

test('the Dockerfile, by hadolint', needed, (t) => {
  const config = ['--config', join(ROOT, '.hadolint.yaml')];
  const { ok, output } = tools().hadolint(...config, join(ROOT, 'Dockerfile'));
  assert.ok(ok, output);
  const shell = copyOf(t, 'Dockerfile', (text) => text.replace('CMD ["run",', 'CMD run '));
  assert.match(tools().hadolint(...config, shell).output, /DL3025/);
  const unpinned = copyOf(t, 'Dockerfile', (text) => text.replace(/FROM node:\S+/, 'FROM node'));
  assert.match(tools().hadolint(...config, unpinned).output, /DL3006/);
});

/** The text, then the same with one mistake each. */
function withMistakes(text: string, mistakes: readonly (readonly [string, string])[]): string[] {
  const wrong = mistakes.map(([from, to]) => {
    assert.ok(text.includes(from), from);
    return text.replace(from, to);
  });
  return [text, ...wrong];
}

function assertOnlyFirstIsRight(problems: readonly string[]): void {
  const [first, ...others] = problems;
  assert.equal(first, '');
  for (const [i, problem] of others.entries()) assert.notEqual(problem, '', `mistake ${i + 1}`);
}

test('docker-compose.yml, by the Compose Specification', needed, () => {
  const texts = withMistakes(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), [
    ['read_only: true', 'readonly: true'],
    ['condition: service_completed_successfully', 'condition: service_completed'],
    ['stop_grace_period: 30s', 'stop_grace_period: long'],
    ['127.0.0.1:8084:8084', '127.0.0.1:8084:http'],
  ]);
  assertOnlyFirstIsRight(tools().compose(texts));
});

test('the Kubernetes manifests, built by Kustomize, by the schemas of Kubernetes', needed, () => {
  const [base, overlay] = ['base', 'overlays/example'].map((folder) => {
    const { ok, stdout, output } = tools().kustomize(join(ROOT, 'deploy/kubernetes', folder));
    assert.ok(ok, output);
    return stdout;
  });
  const texts = withMistakes(overlay ?? '', [
    ['readOnlyRootFilesystem: true', 'readOnlyRootFileSystem: true'],
    ['terminationGracePeriodSeconds: 30', 'terminationGracePeriodSeconds: 30s'],
    ['maxUnavailable: 1', 'maxUnavailble: 1'],
    ['policyTypes:', 'types:'],
  ]);
  const [ofBase, ...others] = tools().kubernetes([base ?? '', ...texts]);
  assert.equal(ofBase, '');
  assertOnlyFirstIsRight(others);
});

test('the systemd unit, by systemd', (t) => {
  const unit = 'deploy/systemd/streamline-sidecar.service';
  // The program itself need not be here.
  const verify = (change: (text: string) => string): ReturnType<typeof run> =>
    run('systemd-analyze', [
      'verify',
      copyOf(t, unit, (text) => change(text.replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`))),
    ]);
  const { ok, output } = verify((text) => text);
  if (/ENOENT/.test(output)) return t.skip('systemd-analyze is not installed');
  // A field it does not know is a warning to it.
  assert.deepEqual([ok, output], [true, '']);
  assert.match(verify((text) => text.replace('ProtectHome=', 'ProtectHomes=')).output, /ProtectHomes/);
  const security = run('systemd-analyze', ['security', '--offline=true', '--threshold=20', join(ROOT, unit)]);
  if (/unrecognized option/.test(security.output)) return t.skip('this systemd-analyze is too old');
  assert.ok(security.ok, security.output);
});
