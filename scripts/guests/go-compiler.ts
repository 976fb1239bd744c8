import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Compiler } from './compilers.ts';

// As sdk/go/sdk.json has it, and without the build id: it would be all that differs between two machines.
const BUILD = ['build', '-buildmode=c-shared', '-trimpath', '-buildvcs=false', '-ldflags=-s -w -buildid='];

/** go.mod says 1.24: the first that exports functions of a reactor. */
const OLDEST_MINOR = 24;

/** The compiler's version alone: the host it runs on leaves no trace in the module. '' when there is none that is new enough. */
function goVersion(): string {
  const result = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8', env: environment() });
  const version = result.status === 0 ? result.stdout.trim() : '';
  const minor = Number(/^go1\.(\d+)/.exec(version)?.[1] ?? 0);
  return minor >= OLDEST_MINOR ? version : '';
}

/** No setting of the machine's own may change the bytes, and no other toolchain is downloaded. */
function environment(): NodeJS.ProcessEnv {
  const settings = { GOFLAGS: '', GOTOOLCHAIN: 'local', GOWORK: 'off', GOEXPERIMENT: '', GOWASM: '', CGO_ENABLED: '0' };
  return { ...process.env, ...settings, GOENV: 'off', GOOS: 'wasip1', GOARCH: 'wasm' };
}

export function goCompiler(): Compiler {
  const version = goVersion();
  return {
    missing: version === '' ? 'needs Go 1.24 or later' : undefined,
    version,
    compile(root, guest) {
      const folder = mkdtempSync(join(tmpdir(), 'guest-'));
      try {
        const binary = join(folder, 'guest.wasm');
        const args = [...BUILD, '-o', binary, '.'];
        const options = { encoding: 'utf8', env: environment(), cwd: join(root, guest.source) } as const;
        const result = spawnSync('go', args, options);
        if (result.error !== undefined) throw result.error;
        if (result.status !== 0) throw new Error(`go ${args.join(' ')}\n${result.stderr}`);
        return readFileSync(binary);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  };
}
