import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { parseSpec } from '../spec/parse-spec.ts';
import { buildProject } from './build-project.ts';
import { makeProject, PROJECT_FILE } from './make-project.ts';
import { LANGUAGES, projectSchema, readSdk } from './sdk-manifest.ts';

const folder = mkdtempSync(join(tmpdir(), 'sdk-project-'));
after(() => rmSync(folder, { recursive: true }));
let made = 0;
const place = (): string => join(folder, `my-transform-${(made += 1)}`);
const quiet = { step: () => {}, line: () => {} };

const there = LANGUAGES.filter((language) => readSdk(language) !== undefined);

void test('there are SDKs', () => {
  assert.ok(there.includes('rust') || there.includes('c') || there.includes('go'), there.join());
});

for (const language of there) {
  void suite(`a project in ${language}`, () => {
    void test('has its name everywhere, a spec that is right, cases, and how it is built', async () => {
      const { directory, files, project } = await makeProject(place(), language, 'mask-mail');
      for (const file of files) {
        assert.ok(!file.includes('{{'), file);
        assert.doesNotMatch(readFileSync(join(directory, file), 'utf8'), /\{\{(?:name|snake)\}\}/, file);
      }
      for (const file of ['README.md', '.gitignore', 'specs/mask-mail.yaml', 'specs/mask-mail.test.yaml'])
        assert.ok(files.includes(file), file);
      const text = readFileSync(join(directory, 'specs/mask-mail.yaml'), 'utf8');
      const outcome = parseSpec(text, 'specs/mask-mail.yaml');
      assert.ok('config' in outcome, JSON.stringify(outcome));
      assert.equal(outcome.config.name, 'mask-mail');
      assert.equal(outcome.config.stages[0]?.wasmModule, 'transforms/mask_mail.wasm');
      const written: unknown = JSON.parse(readFileSync(join(directory, PROJECT_FILE), 'utf8'));
      assert.deepEqual(projectSchema.parse(written), project);
      assert.equal(project.module, 'modules/transforms/mask_mail.wasm');
      assert.ok(files.every((file) => !/(?:^|\/)(?:target|node_modules)\//.test(file)));
    });

    void test('every copied part of the SDK is there', async () => {
      const { directory } = await makeProject(place(), language);
      for (const { to } of readSdk(language)?.vendor ?? []) assert.ok(existsSync(join(directory, to)), to);
    });
  });
}

void suite('init', () => {
  const language = there[0] ?? 'c';

  void test('the name is made of the directory’s', async () => {
    const { project } = await makeProject(join(folder, 'Mask Mail2'), language);
    assert.equal(project.name, 'mask-mail2');
  });

  void test('a name that cannot be one is refused, and nothing is written', async () => {
    const directory = place();
    await assert.rejects(makeProject(directory, language, '../evil'), { code: 'spec.bad_name' });
    assert.ok(!existsSync(directory));
  });

  void test('a directory in use is left alone; an empty one is taken', async () => {
    const directory = place();
    mkdirSync(directory);
    await makeProject(directory, language);
    const before = readdirSync(directory);
    await assert.rejects(makeProject(directory, language), { code: 'build.directory_in_use' });
    assert.deepEqual(readdirSync(directory), before);
  });

  void test('nothing half made is left where it cannot be written', async () => {
    const file = place();
    writeFileSync(file, '');
    await assert.rejects(makeProject(join(file, 'below'), language), { code: 'build.directory_in_use' });
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.part')),
      [],
    );
  });
});

void suite('build', () => {
  /** A project that is built by Node itself. */
  function project(changes: Record<string, unknown> = {}): string {
    const directory = place();
    mkdirSync(directory);
    const step = "require('fs').writeFileSync('made.wasm', 'module')";
    const text = {
      ...{ name: 'p', language: 'c', module: 'modules/transforms/p.wasm', artefact: 'made.wasm' },
      ...{ needs: [{ command: ['node', '--version'], missing: 'Node' }], build: [['node', '-e', step]] },
      ...changes,
    };
    writeFileSync(join(directory, PROJECT_FILE), JSON.stringify(text));
    return directory;
  }

  void test('runs the steps and puts the module where the spec finds it, whole', async () => {
    const directory = project();
    const steps: string[] = [];
    const built = await buildProject(directory, { ...quiet, step: ([program]) => steps.push(program ?? '') });
    assert.equal(built.path, join(directory, 'modules/transforms/p.wasm'));
    assert.equal(readFileSync(built.path, 'utf8'), 'module');
    assert.deepEqual(steps, ['node']);
    const { ino } = statSync(built.path);
    await buildProject(directory, quiet);
    assert.notEqual(statSync(built.path).ino, ino, 'another file under the name, never one that is half written');
    assert.deepEqual(readdirSync(join(directory, 'modules/transforms')), ['p.wasm']);
  });

  void test('what is missing is said before anything is built', async () => {
    const missing = 'Install it: apt install it';
    const directory = project({ needs: [{ command: ['no-such-compiler', '--version'], missing }] });
    const refused = { code: 'build.toolchain_missing', suggestion: missing };
    await assert.rejects(buildProject(directory, quiet), refused);
    assert.ok(!existsSync(join(directory, 'made.wasm')));
  });

  void test('a step that fails ends it, with what it printed; the module before stays', async () => {
    const directory = project({
      build: [
        ['node', '-e', 'console.error("line 3: no"); process.exit(4)'],
        ['node', '-e', ''],
      ],
    });
    mkdirSync(join(directory, 'modules/transforms'), { recursive: true });
    writeFileSync(join(directory, 'modules/transforms/p.wasm'), 'before');
    let printed = '';
    await assert.rejects(
      buildProject(directory, { ...quiet, line: (line) => (printed += `${line}\n`) }),
      ({ code, message }: Error & { code: string }) => code === 'build.failed' && /ended with 4/.test(message),
    );
    assert.match(printed, /line 3: no/);
    assert.equal(readFileSync(join(directory, 'modules/transforms/p.wasm'), 'utf8'), 'before');
  });

  void test('a build that makes nothing says where it was looked for', async () => {
    const directory = project({ artefact: 'elsewhere.wasm' });
    await assert.rejects(buildProject(directory, quiet), {
      code: 'build.failed',
      place: join(directory, 'elsewhere.wasm'),
    });
  });

  void test('no project, and one that somebody broke', async () => {
    const directory = place();
    await assert.rejects(buildProject(directory, quiet), { code: 'build.no_project' });
    for (const text of ['{', '{}', '{"name": "p", "build": "make"}']) {
      const broken = project();
      writeFileSync(join(broken, PROJECT_FILE), text);
      await assert.rejects(buildProject(broken, quiet), { code: 'build.no_project' }, text);
    }
  });

  void test('an interrupt ends the toolchain', async () => {
    const directory = project({ build: [['node', '-e', 'setInterval(() => {}, 1000)']] });
    const interrupt = new AbortController();
    const building = buildProject(directory, { ...quiet, step: () => interrupt.abort() }, interrupt.signal);
    await assert.rejects(building, { code: 'build.failed' });
  });
});
