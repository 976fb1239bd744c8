import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isBridgeSettled } from './bridge.mjs';
import { findNode } from './node.mjs';

const COMPILER = process.env['CXX'] ?? 'c++';
const node = await findNode(tmpdir());
const canBuild =
  process.platform === 'linux' && node?.headers !== undefined && spawnSync(COMPILER, ['--version']).status === 0;
const skip = canBuild ? false : `needs Linux, ${COMPILER} and Node's headers`;

/** A stand-in for native/src that compiles in a second. */
const SOURCE = `#include <node_api.h>
static napi_value none(napi_env, napi_callback_info) { return nullptr; }
NAPI_MODULE_INIT() {
  napi_value consumer;
  napi_create_function(env, "Consumer", NAPI_AUTO_LENGTH, none, nullptr, &consumer);
  napi_set_named_property(env, exports, "Consumer", consumer);
  return exports;
}
`;

class Clone {
  readonly root: string;
  readonly cache: string;
  readonly source: string;
  readonly addon: string;

  constructor(t: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), 'streamline-bridge-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    this.root = join(folder, 'clone with a blank');
    this.cache = join(folder, 'cache');
    this.source = join(this.root, 'native', 'src', 'addon.cc');
    this.addon = join(this.root, 'native', 'build', 'streamline_kafka.node');
    const client = join(this.root, 'node_modules', '@confluentinc', 'kafka-javascript');
    const deps = join(client, 'build', 'deps');
    for (const made of [join(this.root, 'native', 'src'), join(deps, 'include')]) mkdirSync(made, { recursive: true });
    writeFileSync(this.source, SOURCE);
    writeFileSync(join(client, 'package.json'), '{ "librdkafka": "2.0.0" }');
    const library = ['-shared', '-Wl,-soname,librdkafka.so.1', '-x', 'c++', '/dev/null'];
    const built = spawnSync(COMPILER, [...library, '-o', join(deps, 'librdkafka.so.1')], { encoding: 'utf8' });
    assert.equal(built.status, 0, built.stderr);
  }

  settled(): boolean {
    return isBridgeSettled(this.root, node!);
  }

  /** What the set-up printed. */
  install(): string[] {
    const script = `
      const { findNode } = await import(${JSON.stringify(join(import.meta.dirname, 'node.mjs'))});
      const { installBridge } = await import(${JSON.stringify(join(import.meta.dirname, 'bridge.mjs'))});
      const [root, cache] = process.argv.slice(1);
      await installBridge(root, await findNode(cache), cache, cache + '/log');`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script, this.root, this.cache], {
      encoding: 'utf8',
    });
    assert.equal(child.status, 0, child.stderr);
    return child.stderr.trimEnd().split('\n');
  }
}

test('the bridge is built once, restored from the cache, and built anew when its sources change', { skip }, (t) => {
  const clone = new Clone(t);
  assert.equal(clone.settled(), false);
  assert.match(clone.install().join('\n'), /building the native Kafka bridge/);
  assert.equal(existsSync(clone.addon), true);
  assert.equal(clone.settled(), true);

  rmSync(join(clone.root, 'native', 'build'), { recursive: true });
  assert.equal(clone.settled(), false);
  assert.match(clone.install().join('\n'), /restored from the cache/);
  assert.equal(existsSync(clone.addon), true);

  appendFileSync(clone.source, '// changed\n');
  assert.equal(clone.settled(), false);
  assert.match(clone.install().join('\n'), /building/);
  assert.equal(clone.settled(), true);
});

test('a damaged addon in the cache is not used', { skip }, (t) => {
  const clone = new Clone(t);
  clone.install();
  const [cached] = globSync(join(clone.cache, 'bridge', '*', 'streamline_kafka.node'));
  appendFileSync(cached!, '!');
  rmSync(join(clone.root, 'native', 'build'), { recursive: true });
  assert.match(clone.install().join('\n'), /building/);
  assert.equal(existsSync(clone.addon), true);
});

test('where it can not be built the set-up says why, goes on, and does not try each time', { skip }, (t) => {
  const clone = new Clone(t);
  appendFileSync(clone.source, 'this is no C++\n');
  const lines = clone.install();
  assert.equal(lines.filter((line) => line.includes('no native Kafka bridge')).length, 1);
  assert.equal(existsSync(clone.addon), false);
  assert.equal(clone.settled(), true);
  rmSync(join(clone.root, 'native', 'build'), { recursive: true });
  assert.equal(clone.settled(), false);
});
