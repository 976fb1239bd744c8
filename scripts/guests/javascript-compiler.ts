import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Compiler } from './compilers.ts';

/** As sdk/js/template/package.json pins it. Not a dependency of the repository: with what it needs it is 385 MB. */
const COMPONENTIZE = '@bytecodealliance/componentize-js@0.23.0';
/** It imports this and does not say so. */
const SHIM = '@bytecodealliance/preview2-shim@0.26.0';
const FOLDER = '.cache/componentize-js';
const BUILD = 'sdk/js/template/build.mjs';

/** The component holds the engine's memory as it stood when the module had been loaded, in which no two builds are the same. */
export function javascriptCompiler(): Compiler {
  const folder = join(dirname(dirname(import.meta.dirname)), FOLDER);
  const manifest = join(folder, 'node_modules/@bytecodealliance/componentize-js/package.json');
  const version = existsSync(manifest)
    ? `@bytecodealliance/componentize-js@${(JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version}`
    : '';
  return {
    missing:
      version === COMPONENTIZE
        ? undefined
        : `needs "npm install --ignore-scripts --no-save --prefix ${FOLDER} ${COMPONENTIZE} ${SHIM}"`,
    version,
    reproducible: false,
    compile(root, guest) {
      const out = mkdtempSync(join(tmpdir(), 'guest-'));
      try {
        // There it finds componentize-js; what it reads is relative to the repository.
        const script = join(folder, 'build.mjs');
        copyFileSync(join(root, BUILD), script);
        const binary = join(out, 'guest.wasm');
        const args = [script, `${guest.source}/component.js`, binary];
        const result = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: root });
        if (result.error !== undefined) throw result.error;
        if (result.status !== 0) throw new Error(`node ${args.join(' ')}\n${result.stderr}`);
        return readFileSync(binary);
      } finally {
        rmSync(out, { recursive: true });
      }
    },
  };
}
