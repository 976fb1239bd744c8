import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { watch } from 'chokidar';
import type { ChokidarOptions } from 'chokidar';
import type { StreamlineError } from '../base/error.ts';
import { isSpecFile } from '../spec/spec-directory.ts';
import { isSchemaFile } from './schema-files.ts';
import { SpecWatch } from './spec-watch.ts';
import type { TreeWatcher, WatchTimings } from './spec-watch.ts';

/** What the issue asks for: noticed within a second. */
const NOTICED_MS_MAX = 1000;
/** So that nothing but events can notice. */
const NEVER_MS = 3_600_000;

interface Watched {
  readonly root: string;
  readonly at: (path: string) => string;
  readonly calls: () => number;
  /** Waits until what was read at the last call is what is there now. */
  readonly noticed: (what: string) => Promise<void>;
  readonly troubles: StreamlineError[];
  readonly watch: SpecWatch;
}

interface Setting {
  readonly specs?: string;
  readonly timings?: Partial<WatchTimings>;
  readonly watchTree?: (directory: string, options: ChokidarOptions) => TreeWatcher;
  readonly prepare?: (at: (path: string) => string) => void;
}

/** A watch whose `changed` reads everything, as a sidecar does. */
async function watched(t: TestContext, setting: Setting = {}): Promise<Watched> {
  const root = mkdtempSync(join(tmpdir(), 'spec-watch-'));
  const at = (path: string): string => join(root, path);
  for (const name of ['specs', 'modules']) mkdirSync(at(name));
  setting.prepare?.(at);
  const [specs, modules] = [at(setting.specs ?? 'specs'), at('modules')];
  const read = (): string =>
    JSON.stringify([
      contentOf(specs, false),
      contentOf(specs, true, isSchemaFile),
      contentOf(modules, true, (name) => name.endsWith('.wasm')),
    ]);
  let seen = read();
  let calls = 0;
  const called = new EventEmitter();
  const troubles: StreamlineError[] = [];
  const specWatch = new SpecWatch({
    specsDirectory: specs,
    modulesDirectory: modules,
    changed: () => {
      calls++;
      seen = read();
      called.emit('called');
    },
    trouble: (error) => void troubles.push(error),
    timings: { lookMs: NEVER_MS, ...setting.timings },
    ...(setting.watchTree === undefined ? {} : { watchTree: setting.watchTree }),
  });
  t.after(async () => {
    await specWatch.close();
    rmSync(root, { recursive: true });
  });
  await specWatch.start();
  const noticed = async (what: string): Promise<void> => {
    const wanted = read();
    const bound = AbortSignal.timeout(NOTICED_MS_MAX);
    const begin = performance.now();
    while (seen !== wanted) {
      const call = new Promise<boolean>((resolve) => {
        called.once('called', () => resolve(true));
        bound.addEventListener('abort', () => resolve(false));
      });
      assert.ok(!bound.aborted && (await call), `${what} was not noticed within ${NOTICED_MS_MAX} ms`);
    }
    t.diagnostic(`${what}: ${(performance.now() - begin).toFixed(0)} ms`);
  };
  return { root, at, calls: () => calls, noticed, troubles, watch: specWatch };
}

/** Files and their text; of specs what loadSpecDirectory would read. */
function contentOf(directory: string, recursive: boolean, isRead = isSpecFile): unknown {
  let names: string[];
  try {
    names = readdirSync(directory, { recursive, encoding: 'utf8' }).toSorted();
  } catch {
    return 'none';
  }
  return names.flatMap((name) => {
    if (recursive ? !isRead(basename(name)) || name.startsWith('.') : !isRead(name)) return [];
    try {
      return [[name, readFileSync(join(directory, name), 'utf8')]];
    } catch {
      return [[name, 'unreadable']];
    }
  });
}

test('a new spec, a write in place, one by rename, a removal', async (t) => {
  const { at, noticed } = await watched(t);
  writeFileSync(at('specs/a.yaml'), 'one');
  await noticed('a new file');
  writeFileSync(at('specs/a.yaml'), 'two');
  await noticed('a write in place');
  appendFileSync(at('specs/a.yaml'), ' and more');
  await noticed('an append');
  writeFileSync(at('specs/.a.yaml.swp'), 'three');
  renameSync(at('specs/.a.yaml.swp'), at('specs/a.yaml'));
  await noticed('a rename over it');
  // vim with a backup: the file is moved away and written anew.
  renameSync(at('specs/a.yaml'), at('specs/a.yaml~'));
  writeFileSync(at('specs/a.yaml'), 'four');
  rmSync(at('specs/a.yaml~'));
  await noticed('an editor with a backup');
  renameSync(at('specs/a.yaml'), at('specs/b.yml'));
  await noticed('a rename');
  rmSync(at('specs/b.yml'));
  await noticed('a removal');
});

test('a file written in pieces is read again when it is whole', async (t) => {
  const { at, noticed, calls } = await watched(t);
  const file = openSync(at('specs/a.yaml'), 'w');
  writeSync(file, 'name: ');
  await noticed('the first piece');
  const before = calls();
  writeSync(file, 'a\n');
  await noticed('the second piece');
  assert.ok(calls() > before);
  closeSync(file);
});

test('schema files beside specs, in folders below them too', async (t) => {
  const { at, noticed } = await watched(t, { prepare: (path) => mkdirSync(path('specs/schemas')) });
  writeFileSync(at('specs/log.avsc'), 'one');
  await noticed('a new schema file');
  writeFileSync(at('specs/log.avsc'), 'two');
  await noticed('a write in place');
  writeFileSync(at('specs/schemas/log.json'), 'three');
  await noticed('one in a folder');
  writeFileSync(at('specs/schemas/.log.json.swp'), 'four');
  renameSync(at('specs/schemas/.log.json.swp'), at('specs/schemas/log.json'));
  await noticed('a rename over it');
  mkdirSync(at('specs/more/deep'), { recursive: true });
  writeFileSync(at('specs/more/deep/x.avsc'), 'five');
  await noticed('one in a new folder');
  rmSync(at('specs/more'), { recursive: true });
  await noticed('a removed folder');
});

test('modules, in new folders too', async (t) => {
  const { at, noticed } = await watched(t, { prepare: (path) => mkdirSync(path('modules/transforms')) });
  writeFileSync(at('modules/transforms/a.wasm'), 'one');
  await noticed('a new module');
  writeFileSync(at('modules/transforms/a.wasm'), 'two');
  await noticed('a changed module');
  mkdirSync(at('modules/uploaded/mask-pii'), { recursive: true });
  writeFileSync(at('modules/uploaded/mask-pii/.x.aside'), 'three');
  renameSync(at('modules/uploaded/mask-pii/.x.aside'), at('modules/uploaded/mask-pii/x.wasm'));
  await noticed('an upload');
  rmSync(at('modules/uploaded'), { recursive: true });
  await noticed('a removed folder');
  mkdirSync(at('elsewhere'));
  writeFileSync(at('elsewhere/b.wasm'), 'five');
  renameSync(at('elsewhere'), at('modules/moved'));
  await noticed('a folder moved in');
  writeFileSync(at('modules/moved/b.wasm'), 'six');
  await noticed('a change in it');
});

function configMap(directory: string, version: string, files: Readonly<Record<string, string>>): void {
  const folder = `..${version}`;
  mkdirSync(join(directory, folder));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, folder, name), text);
  const before = readdirSync(directory).filter((name) => name.startsWith('..2') && name !== folder);
  symlinkSync(folder, join(directory, '..data_tmp'));
  renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
  for (const name of Object.keys(files)) {
    if (!readdirSync(directory).includes(name)) symlinkSync(`..data/${name}`, join(directory, name));
  }
  for (const name of readdirSync(directory)) {
    if (!name.startsWith('..') && files[name] === undefined) rmSync(join(directory, name));
  }
  for (const name of before) rmSync(join(directory, name), { recursive: true });
}

test('the swap of a ConfigMap, of specs and of modules', async (t) => {
  const { at, noticed } = await watched(t, {
    prepare: (path) => {
      configMap(path('specs'), '2026_1', { 'a.yaml': 'one', 'b.yaml': 'same' });
      configMap(path('modules'), '2026_1', { 'a.wasm': 'one' });
    },
  });
  configMap(at('specs'), '2026_2', { 'a.yaml': 'two', 'b.yaml': 'same' });
  await noticed('the first swap');
  // The same length, at the same time.
  configMap(at('specs'), '2026_3', { 'a.yaml': 'six', 'b.yaml': 'same' });
  await noticed('the second swap');
  configMap(at('specs'), '2026_4', { 'b.yaml': 'same', 'c.yaml': 'new' });
  await noticed('a swap with other files');
  configMap(at('modules'), '2026_2', { 'a.wasm': 'two' });
  await noticed('a swap of modules');
  configMap(at('specs'), '2026_5', { 'b.yaml': 'same', 'c.yaml': 'new', 'log.avsc': 'one' });
  await noticed('a schema file beside them');
  configMap(at('specs'), '2026_6', { 'b.yaml': 'same', 'c.yaml': 'new', 'log.avsc': 'two' });
  await noticed('a swap of the schema file');
});

test('the directory itself replaced, gone, and back', async (t) => {
  const { at, noticed } = await watched(t, { prepare: (path) => writeFileSync(path('specs/a.yaml'), 'one') });
  mkdirSync(at('next'));
  writeFileSync(at('next/a.yaml'), 'two');
  renameSync(at('specs'), at('last'));
  renameSync(at('next'), at('specs'));
  await noticed('another directory under the name');
  writeFileSync(at('specs/a.yaml'), 'three');
  await noticed('a change in it');
  rmSync(at('specs'), { recursive: true });
  await noticed('a directory that is gone');
  mkdirSync(at('specs'));
  writeFileSync(at('specs/b.yaml'), 'four');
  await noticed('a directory that is back');
  writeFileSync(at('specs/b.yaml'), 'five');
  await noticed('a change in that');
  rmSync(at('specs'), { recursive: true });
  mkdirSync(at('specs'));
  writeFileSync(at('specs/b.yaml'), 'six');
  await noticed('one made anew at once');
  writeFileSync(at('specs/b.yaml'), 'seven');
  await noticed('a change in that one');
});

test('a directory that is not there yet', async (t) => {
  const { at, noticed } = await watched(t, { specs: 'later/specs' });
  mkdirSync(at('later/specs'), { recursive: true });
  writeFileSync(at('later/specs/a.yaml'), 'one');
  await noticed('the directory and a file');
  writeFileSync(at('later/specs/a.yaml'), 'two');
  await noticed('a change');
});

test('a link above the directory swapped, as git-sync does', async (t) => {
  const { at, noticed } = await watched(t, {
    specs: 'current/specs',
    prepare: (path) => {
      for (const version of ['v1', 'v2']) {
        mkdirSync(path(`${version}/specs`), { recursive: true });
        writeFileSync(path(`${version}/specs/a.yaml`), version);
      }
      symlinkSync('v1', path('current'));
    },
  });
  symlinkSync('v2', at('next'));
  renameSync(at('next'), at('current'));
  await noticed('the swap');
  writeFileSync(at('current/specs/a.yaml'), 'more');
  await noticed('a change behind it');
});

test('a spec that is a link to a file elsewhere', async (t) => {
  const { at, noticed } = await watched(t, {
    prepare: (path) => {
      mkdirSync(path('elsewhere'));
      writeFileSync(path('elsewhere/x.yaml'), 'one');
      symlinkSync('../elsewhere/x.yaml', path('specs/a.yaml'));
    },
  });
  writeFileSync(at('elsewhere/x.yaml'), 'two');
  await noticed('a write in place');
  writeFileSync(at('elsewhere/x.tmp'), 'three');
  renameSync(at('elsewhere/x.tmp'), at('elsewhere/x.yaml'));
  await noticed('a rename over it');
});

test('a burst of 200 files is a handful of calls', async (t) => {
  const { at, noticed, calls } = await watched(t);
  for (let i = 0; i < 200; i++) writeFileSync(at(`specs/s-${i}.yaml`), `name: s-${i}\n`);
  await noticed('the burst');
  assert.ok(calls() <= 5, String(calls()));
  for (let i = 0; i < 200; i++) rmSync(at(`specs/s-${i}.yaml`));
  await noticed('the removal of all');
  assert.ok(calls() <= 10, String(calls()));
});

test('a directory that is never quiet is read all the same', async (t) => {
  const { at, noticed } = await watched(t);
  writeFileSync(at('specs/a.yaml'), 'one');
  const busy = setInterval(() => writeFileSync(at('specs/notes.txt'), String(performance.now())), 20);
  try {
    await noticed('a file beside a busy one');
  } finally {
    clearInterval(busy);
  }
});

test('what the sidecar itself keeps there is no event', async (t) => {
  const events: string[] = [];
  const { at, noticed } = await watched(t, {
    prepare: (path) => {
      for (const folder of ['.cache', '.state', 'uploaded']) mkdirSync(path(`modules/${folder}`));
    },
    watchTree: (directory, options) => watch(directory, options).on('all', (_, path) => void events.push(path)),
  });
  writeFileSync(at('modules/.cache/x.wasm'), 'x');
  writeFileSync(at('modules/.state/a.json'), 'x');
  writeFileSync(at('modules/uploaded/.x.aside'), 'x');
  writeFileSync(at('specs/.probe.00.aside'), 'x');
  rmSync(at('specs/.probe.00.aside'));
  writeFileSync(at('modules/z.wasm'), 'last');
  writeFileSync(at('specs/z.yaml'), 'last');
  await noticed('what came after it');
  assert.deepEqual([...new Set(events)].toSorted(), [at('modules/z.wasm'), at('specs/z.yaml')]);
});

class Silent extends EventEmitter implements TreeWatcher {
  closed = 0;

  constructor() {
    super();
    setImmediate(() => this.emit('ready'));
  }

  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }
}

test('where the file system tells nothing, the slow look notices', async (t) => {
  const setting = { watchTree: () => new Silent(), timings: { lookMs: 100 } };
  const { at, noticed, calls } = await watched(t, {
    ...setting,
    prepare: (path) => writeFileSync(path('modules/a.wasm'), 'one'),
  });
  writeFileSync(at('specs/a.yaml'), 'one');
  await noticed('a new spec');
  utimesSync(at('modules/a.wasm'), 1, 1);
  writeFileSync(at('modules/a.wasm'), 'two');
  await noticed('a changed module');
  rmSync(at('specs/a.yaml'));
  await noticed('a removal');
  assert.ok(calls() <= 4, String(calls()));
});

test('a watcher that fails is told of once, and the look gets faster', async (t) => {
  const watchers: Silent[] = [];
  const {
    at,
    noticed,
    troubles,
    watch: closing,
  } = await watched(t, {
    timings: { troubledLookMs: 100 },
    watchTree: () => {
      watchers.push(new Silent());
      return watchers.at(-1)!;
    },
  });
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  for (const watcher of watchers) watcher.emit('error', full);
  assert.deepEqual(
    troubles.map(({ code, suggestion }) => [code, /max_user_watches/.test(suggestion ?? '')]),
    [['spec.unreadable', true]],
  );
  writeFileSync(at('specs/a.yaml'), 'one');
  await noticed('a new spec');
  writeFileSync(at('specs/a.yaml'), 'two');
  await noticed('a changed spec');
  await closing.close();
  assert.deepEqual(
    watchers.map(({ closed }) => closed),
    [1, 1, 1],
  );
});

test('a watcher that cannot be made at all', async (t) => {
  const { at, noticed, troubles } = await watched(t, {
    timings: { troubledLookMs: 100 },
    watchTree: () => {
      throw Object.assign(new Error('too many'), { code: 'EMFILE' });
    },
  });
  assert.equal(troubles.length, 1);
  writeFileSync(at('specs/a.yaml'), 'one');
  await noticed('a new spec');
});

test('nothing is called after close', async (t) => {
  const { at, calls, watch: closed } = await watched(t);
  writeFileSync(at('specs/a.yaml'), 'one');
  await closed.close();
  await closed.close();
  const called = Promise.withResolvers<void>();
  const trouble = (): void => assert.fail('trouble');
  const directories = { specsDirectory: at('specs'), modulesDirectory: at('modules') };
  const open = new SpecWatch({ ...directories, changed: () => called.resolve(), trouble });
  t.after(() => open.close());
  await open.start();
  writeFileSync(at('specs/b.yaml'), 'one');
  await called.promise;
  assert.equal(calls(), 0);
});

test('close does not wait for a watcher that never gets ready', async (t) => {
  const { at } = await watched(t);
  const unready = new SpecWatch({
    specsDirectory: at('specs'),
    modulesDirectory: at('modules'),
    changed: () => assert.fail('called'),
    trouble: () => assert.fail('trouble'),
    watchTree: () => Object.assign(new EventEmitter(), { close: () => Promise.resolve() }),
  });
  const started = unready.start();
  await new Promise(setImmediate);
  await unready.close();
  await started;
});
