import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { builtProgram } from '../../scripts/built.ts';
import { Subject } from './subject.ts';

const root = join(import.meta.dirname, '..', '..');

export interface BenchSpec {
  readonly name: string;
  readonly module: string;
  readonly config?: Readonly<Record<string, unknown>>;
  /** So many of the module one after the other, as a chain. */
  readonly stages?: number;
  readonly payload?: 'value';
  readonly delivery?: 'exactly_once';
  readonly output: string;
}

/** What stands under `kafka:` besides the cluster's address. */
export type KafkaSettings = Readonly<Record<string, string | number>>;

export interface SidecarSetUp {
  readonly bootstrap: string;
  readonly input: string;
  readonly specs: readonly BenchSpec[];
  /** Different for each run, so that each reads the input from its beginning. */
  readonly run: string;
  /** Where this run's files go. */
  readonly folder: string;
  readonly profileDir: string | undefined;
  readonly kafka: KafkaSettings;
  /** Besides this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Any that is free unless given. */
  readonly httpPort?: number;
}

let built: readonly string[] | undefined;

/** Built once: every round of a run is to measure the same program. */
function sidecarProgram(): readonly string[] {
  built ??= builtProgram('streamline-sidecar');
  return built;
}

/** The real sidecar, as it is shipped, on specs of its own. */
export function startSidecar(setUp: SidecarSetUp): Subject {
  const specs = join(setUp.folder, setUp.run, 'specs');
  mkdirSync(specs, { recursive: true });
  for (const { name, module, config, stages, output, ...more } of setUp.specs) {
    const stage = { wasm_module: `transforms/${module}`, ...(config && { config }) };
    const spec = {
      name: `${name}-${setUp.run}`,
      input_topic: setUp.input,
      output_topic: output,
      ...(stages === undefined ? stage : { transforms: Array.from({ length: stages }, () => stage) }),
      ...more,
      input: { start: 'earliest' },
    };
    writeFileSync(join(specs, `${name}.yaml`), stringify(spec));
  }
  const sidecar = {
    kafka: { 'bootstrap.servers': setUp.bootstrap, ...setUp.kafka },
    topics: { create: true },
    paths: { specs, modules: join(root, 'modules'), cache: join(setUp.folder, 'cache') },
    http: { port: setUp.httpPort ?? 0 },
    log_level: 'warn',
  };
  const file = join(setUp.folder, setUp.run, 'sidecar.yaml');
  writeFileSync(file, stringify(sidecar));
  const profile =
    setUp.profileDir === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', setUp.profileDir, '--cpu-prof-interval=500'];
  const args = [...profile, ...sidecarProgram(), 'run', '--config', file, '--specs', specs];
  return new Subject(process.execPath, args, { ...process.env, ...setUp.env });
}
