/*
 * node component-new.ts TOOLS CORE WORLD OUT [ADAPTER]: makes a component of a core module. TOOLS is
 * @bytecodealliance/jco-transpile/wasm-tools of a folder where it is installed: nothing of it is needed to run or to test.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

interface Tools {
  readonly componentEmbed: (given: { binary: Uint8Array; witSource: string; world: string }) => Promise<Uint8Array>;
  readonly componentNew: (binary: Uint8Array, adapters: [string, Uint8Array][]) => Promise<Uint8Array>;
}

const [tools = '', core = '', world = '', out = '', adapter] = process.argv.slice(2);
const { componentEmbed, componentNew } = (await import(pathToFileURL(tools).href)) as Tools;
const witSource = readFileSync(new URL('../../../../wit/transform.wit', import.meta.url), 'utf8');
const binary = await componentEmbed({ binary: readFileSync(core), witSource, world });
const adapters: [string, Uint8Array][] =
  adapter === undefined ? [] : [['wasi_snapshot_preview1', readFileSync(adapter)]];
writeFileSync(out, await componentNew(binary, adapters));
