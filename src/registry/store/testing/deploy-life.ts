import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { AtomicOptions } from '../../../base/atomic-file.ts';
import { ModuleStore } from '../../../catalog/module-store.ts';
import { SpecStore } from '../spec-store.ts';
import { TargetStore } from '../target-store.ts';

/* One transform's life, as the API would write it: for the test that kills a process at each step of it. */

const NAME = 'mask-pii';
const encoder = new TextEncoder();
/** Larger than one write of the file system. */
const MODULES = ['one', 'two'].map((text) => encoder.encode(text.repeat(100_000)));
const DIGESTS = MODULES.map((bytes) => createHash('sha256').update(bytes).digest('hex'));
const SPECS = DIGESTS.map(
  (digest, i) => `# version ${i}
name: ${NAME}
input_topic: in
output_topic: out
wasm_module: uploaded/${NAME}/${digest}.wasm
config:
  filler: ${'x'.repeat(20_000)}
`,
);

/** What is on the disk. */
export interface LifeState {
  readonly spec: string | undefined;
  readonly modules: readonly string[];
  readonly target: string;
}

const [V1, V2] = [0, 1] as const;
const start: LifeState = { spec: undefined, modules: [], target: 'RUNNING' };

interface Operation {
  readonly name: string;
  readonly run: (stores: Stores) => Promise<unknown>;
  /** What it changes. */
  readonly after: Partial<LifeState>;
}

interface Stores {
  readonly specs: SpecStore;
  readonly modules: ModuleStore;
  readonly targets: TargetStore;
  readonly source: string;
}

const upload = (version: 0 | 1, modules: readonly string[]): Operation => ({
  name: `upload ${version}`,
  run: (stores) => stores.modules.upload(NAME, MODULES[version] ?? new Uint8Array()),
  after: { modules },
});
const write = (version: 0 | 1): Operation => ({
  name: `write ${version}`,
  run: ({ specs }) => specs.write(NAME, SPECS[version] ?? ''),
  after: { spec: SPECS[version] },
});
const target = (state: 'PAUSED' | 'STOPPED' | 'RUNNING'): Operation => ({
  name: state,
  run: ({ targets }) => targets.set(NAME, state),
  after: { target: state },
});

const [first = '', second = ''] = DIGESTS;

export const LIFE: readonly Operation[] = [
  upload(V1, [first]),
  write(V1),
  upload(V2, [first, second].toSorted()),
  write(V2),
  target('PAUSED'),
  target('STOPPED'),
  { name: 'undeploy', run: ({ specs, source }) => specs.remove(NAME, source), after: { spec: undefined } },
  target('RUNNING'),
  { name: 'remove', run: ({ modules }) => modules.remove(first, () => []), after: { modules: [second] } },
  { name: 'collect', run: ({ modules }) => modules.collectGarbage(new Set(), 0, -1), after: { modules: [] } },
];

/** The state after the first `count` operations. */
export function stateAfter(count: number): LifeState {
  return LIFE.slice(0, count).reduce<LifeState>((state, { after }) => ({ ...state, ...after }), start);
}

/** Does all of it in `root`; `done` after each operation. */
export async function live(root: string, options: AtomicOptions, done: (operation: string) => void): Promise<void> {
  const specs = new SpecStore(join(root, 'specs'), options);
  const modules = new ModuleStore(join(root, 'modules'), options);
  const targets = new TargetStore(join(root, 'modules', '.state'), { ...options, warn: () => undefined });
  await Promise.all([specs.sweep(), modules.sweep(), targets.load()]);
  for (const { name, run } of LIFE) {
    await run({ specs, modules, targets, source: join(root, 'specs', `${NAME}.yaml`) });
    done(name);
  }
}
