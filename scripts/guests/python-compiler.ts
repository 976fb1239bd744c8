import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Compiler } from './compilers.ts';

/** As sdk/python/template/requirements.txt pins it. */
const COMPONENTIZE = 'componentize-py==0.25.1';
const ENVIRONMENT = '.cache/componentize-py';
/** As sdk/python/sdk.json has it. */
const RETIRE_MB = '48';

function run(command: string, args: readonly string[], cwd: string): string {
  // Nothing is left beside the sources.
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
  const result = spawnSync(command, args, { encoding: 'utf8', cwd, env });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

/** '' when it is not installed. */
function componentizeVersion(bin: string): string {
  if (!existsSync(join(bin, 'componentize-py'))) return '';
  const version = /\d+\.\d+\.\d+/.exec(run(join(bin, 'componentize-py'), ['--version'], bin))?.[0];
  return version === undefined ? '' : `componentize-py==${version}`;
}

/** The component holds the interpreter's memory as it stood when app.py had been imported, in which no two builds are the same. */
export function pythonCompiler(): Compiler {
  const bin = join(dirname(dirname(import.meta.dirname)), ENVIRONMENT, 'bin');
  const version = componentizeVersion(bin);
  return {
    missing:
      version === COMPONENTIZE
        ? undefined
        : `needs "python3 -m venv ${ENVIRONMENT}" and "${ENVIRONMENT}/bin/pip install ${COMPONENTIZE}"`,
    version,
    reproducible: false,
    compile(root, guest) {
      const folder = mkdtempSync(join(tmpdir(), 'guest-'));
      try {
        // As it lies in a project, with nothing else beside it.
        const app = join(folder, 'app');
        for (const file of readdirSync(join(root, guest.source)).filter((name) => /^(?!test_).*\.py$/.test(name))) {
          cpSync(join(root, guest.source, file), join(app, file));
        }
        cpSync(join(root, 'sdk/python/lib/streamline'), join(app, 'streamline'), { recursive: true });
        const binary = join(folder, 'guest.wasm');
        const world = ['--wit-path', join(root, 'wit'), '--world', 'configured-transformer'];
        const flags = ['--python-path', app, '--output', binary];
        run(
          join(bin, 'componentize-py'),
          ['--quiet', ...world, 'componentize', 'streamline.component', ...flags],
          folder,
        );
        run(join(bin, 'python'), ['-m', 'streamline.finish', binary, RETIRE_MB], app);
        return readFileSync(binary);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  };
}
