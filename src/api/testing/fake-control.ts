import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { RefusedError, StreamlineError } from '../../base/error.ts';
import type {
  Control,
  DeployOutcome,
  DeployPlan,
  GroupView,
  LoggerView,
  LogLevel,
  LogLine,
  LogQuery,
  ModuleView,
  UploadOutcome,
  OffsetTarget,
  PartitionOffsets,
  SidecarView,
  SpecText,
  TargetState,
  TransformMetrics,
  TransformStatus,
  ValidationReport,
} from '../../registry/control.ts';
import { parseSpec } from '../../spec/parse-spec.ts';
import { ProblemList } from '../../spec/problem-list.ts';
import type { SpecFault } from '../../spec/spec-set.ts';
import { readYaml } from '../../spec/yaml-tree.ts';
import { jsonText } from '../../spec/yaml-value.ts';

export const WORKER = 'host:7';
export const NOW_MS = Date.parse('2026-01-31T12:00:00Z');

/** A module that is uploaded, in use by mask-pii; the example in the schemas. */
export const USED_SHA256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
export const FREE_SHA256 = 'a'.repeat(64);
export const BY_HAND_SHA256 = 'b'.repeat(64);

export const MASK_PII = `# masks what must not be seen
name: mask-pii
input_topic: raw-events
output_topic: clean-events
wasm_module: transforms/mask_pii.wasm
config: { id: 12345678901234567890, price: 5285.90 }
`;

const refused = new StreamlineError('guest.init_rejected', 'init() returned 0', { suggestion: 'See its log.' });

interface Known {
  text: string;
  target: TargetState;
}

/** A sidecar without a cluster: what it is told it keeps, and it answers as one that runs. */
export class FakeControl implements Control {
  readonly calls: (readonly [method: string, ...rest: unknown[]])[] = [];
  readonly specs = new Map<string, Known>([['mask-pii', { text: MASK_PII, target: 'RUNNING' }]]);
  /** Of mask-pii: what status shows beside the usual. */
  statusMore: Partial<TransformStatus> = {};
  enabled = true;
  readOnly: string | undefined;
  /** What a follower gets after the tail, one a pull; ends when it does. */
  following: (query: LogQuery) => AsyncIterable<LogLine> = ({ signal }) => untilAborted(signal);
  readonly #modules = new Map<string, ModuleView>(
    [
      { name: 'mask-pii', sha256: USED_SHA256, usedBy: ['mask-pii'], uploaded: true },
      { name: 'old', sha256: FREE_SHA256, usedBy: [], uploaded: true },
      { name: 'by-hand', sha256: BY_HAND_SHA256, usedBy: [], uploaded: false },
    ].map((module) => [module.sha256, moduleView(module)]),
  );
  readonly #levels = new Map<string, LogLevel>([['root', 'info']]);

  about(): Promise<SidecarView> {
    return Promise.resolve({
      version: '1.2.3',
      workerId: WORKER,
      transport: 'bridge',
      wasmTransforms: this.enabled,
      specsDirectory: '/etc/streamline/specs',
      specsReadOnly: this.readOnly,
    });
  }

  names(): readonly string[] {
    return [...this.specs.keys()].toSorted();
  }

  specErrors(): readonly SpecFault[] {
    const error = new StreamlineError('spec.unknown_field', 'unknown field "outptu"', {
      place: 'specs/b.yaml:3:1',
      configPath: '/outptu',
    });
    return [{ source: 'specs/b.yaml', error }];
  }

  status(name: string): TransformStatus {
    const { target } = this.#known(name);
    return {
      name,
      state: target as TransformStatus['state'],
      target,
      type: 'map',
      workerId: WORKER,
      groupId: `streamline.${name}`,
      partitions: target === 'RUNNING' ? [0, 2] : [],
      error: undefined,
      waiting: undefined,
      version: {
        number: 1,
        module: 'transforms/mask_pii.wasm',
        moduleSha256: USED_SHA256,
        configSha256: 'c'.repeat(64),
        sinceMs: NOW_MS,
        records: 17,
      },
      candidate: undefined,
      specErrors: [],
      instances: { busy: 1, idle: 0 },
      restarts: 0,
      ...(name === 'mask-pii' ? this.statusMore : {}),
    };
  }

  async group(name: string): Promise<GroupView> {
    this.#known(name);
    const member = (memberId: string, partitions: readonly number[], self: boolean) => ({
      memberId,
      clientId: 'streamline',
      host: '/10.0.0.7',
      partitions,
      self,
    });
    return {
      groupId: `streamline.${name}`,
      state: 'Stable',
      members: [member('a', [0, 2], true), member('b', [1], false)],
    };
  }

  metrics(name: string): TransformMetrics {
    this.#known(name);
    return {
      received: 100,
      output: 80,
      deadLettered: 3,
      filtered: 10,
      skipped: 2,
      returned: 0,
      inFlight: 5,
      retries: 1,
      errors: new Map([['guest.trap', 3]]),
      deadLetters: new Map([['guest.trap', 2]]),
      latencyNs: { mean: 1500, p50: 1000, p99: 9000 },
      endToEndNs: { mean: 4_000_000, p50: 3_000_000, p99: 20_000_000 },
      inputBytes: 3000,
      outputBytes: 2500,
      fuelUsed: 12_345,
      inFlightBytes: 4096,
      instances: { busy: 1, idle: 0 },
      instanceRestarts: 3,
      stuckThreads: 0,
      logLinesDropped: 0,
      lag: [
        { partition: 0, lag: 7 },
        { partition: 2, lag: 5 },
      ],
      lastCommitMs: NOW_MS,
    };
  }

  async spec(name: string): Promise<SpecText> {
    const { text } = this.#known(name);
    return { name, source: `specs/${name}.yaml`, text, config: dataOf(text) };
  }

  topics(name: string): readonly string[] {
    this.#known(name);
    return ['raw-events', 'clean-events', `${name}.dlq`];
  }

  async *logs(name: string, query: LogQuery): AsyncGenerator<LogLine> {
    this.calls.push(['logs', name, { tail: query.tail, sinceMs: query.sinceMs, follow: query.follow }]);
    for (let i = 0; i < Math.min(3, query.tail); i++) yield logLine(`line ${i}`);
    if (query.follow) yield* this.following(query);
  }

  async deploy(
    text: string,
    options: { readonly name?: string; readonly createOnly: boolean },
  ): Promise<DeployOutcome> {
    this.calls.push(['deploy', text, options]);
    this.#refuseWrites();
    const name = nameOf(text);
    const before = this.specs.get(name);
    if (before !== undefined && options.createOnly) {
      throw new StreamlineError('transform.exists', `${name} is there already`, { suggestion: 'Change it with PUT.' });
    }
    this.specs.set(name, { text, target: before?.target ?? 'RUNNING' });
    return {
      name,
      created: before === undefined,
      changed: before?.text !== text,
      configSha256: 'd'.repeat(64),
      source: `specs/${name}.yaml`,
    };
  }

  async patch(name: string, patchText: string): Promise<DeployOutcome> {
    this.calls.push(['patch', name, patchText]);
    const patch = JSON.parse(patchText) as Record<string, unknown>;
    const { text } = this.#known(name);
    const merged = Object.entries({ ...dataOf(text), ...patch }).filter(([, value]) => value !== null);
    return this.deploy(JSON.stringify(Object.fromEntries(merged)), { name, createOnly: false });
  }

  async undeploy(name: string): Promise<void> {
    this.calls.push(['undeploy', name]);
    this.#known(name);
    this.#refuseWrites();
    this.specs.delete(name);
  }

  async validate(text: string): Promise<ValidationReport> {
    this.calls.push(['validate', text]);
    const outcome = parseSpec(text, 'spec');
    if ('errors' in outcome)
      return { ok: false, name: undefined, type: undefined, module: undefined, errors: outcome.errors };
    return { ok: true, name: outcome.config.name, type: 'map', module: summary, errors: [] };
  }

  async plan(text: string): Promise<DeployPlan> {
    this.calls.push(['plan', text]);
    const name = nameOf(text);
    return {
      name,
      action: 'in_place',
      changes: [
        { field: '/timeout_ms', before: 10, after: 20 },
        { field: '/type', before: undefined, after: 'map' },
      ],
      module: { ...summary, before: FREE_SHA256 },
      group: { groupId: `streamline.${name}`, state: 'Stable', members: 2, lag: 12, start: 'at the committed offsets' },
      topics: [
        { role: 'input', topic: 'raw-events', partitions: 3, creates: false },
        { role: 'output', topic: undefined, partitions: undefined, creates: false },
        { role: 'dead_letter', topic: `${name}.dlq`, partitions: undefined, creates: true },
      ],
      schemas: [
        { part: 'value', subject: 's', version: 'file', id: undefined, type: 'AVRO', ...NEW_SCHEMA },
        { part: 'key', subject: 'k', version: 'latest', id: 7, type: 'AVRO', ...KNOWN_SCHEMA },
      ],
      effects: ['Order is kept.'],
      errors: [refused],
    };
  }

  async setTarget(name: string, target: TargetState): Promise<void> {
    this.calls.push(['setTarget', name, target]);
    if (!this.enabled && target === 'RUNNING') throw disabled();
    this.#known(name).target = target;
  }

  async restart(name: string, options: { readonly onlyFailed: boolean }): Promise<void> {
    this.calls.push(['restart', name, options]);
    if (!this.enabled) throw disabled();
    this.#known(name);
  }

  async offsets(name: string): Promise<readonly PartitionOffsets[]> {
    this.#known(name);
    const partition = { topic: 'raw-events', earliest: 5, latest: 100 };
    const switched = { offset: 42, moduleSha256: USED_SHA256, configSha256: 'c'.repeat(64), version: 2 };
    return [
      { ...partition, partition: 0, committed: 93, lag: 7, switched },
      { ...partition, partition: 1, committed: undefined, lag: undefined, switched: undefined },
    ];
  }

  async resetOffsets(name: string, target: OffsetTarget): Promise<readonly PartitionOffsets[]> {
    this.calls.push(['resetOffsets', name, target]);
    this.#stopped(name);
    return this.offsets(name);
  }

  async deleteOffsets(name: string): Promise<void> {
    this.calls.push(['deleteOffsets', name]);
    this.#stopped(name);
  }

  async modules(): Promise<readonly ModuleView[]> {
    return [...this.#modules.values()];
  }

  async uploadModule(name: string, bytes: Uint8Array): Promise<UploadOutcome> {
    this.calls.push(['uploadModule', name, bytes.length]);
    if (bytes[0] !== 0 || bytes[1] !== 0x61) {
      const first = new StreamlineError('module.invalid', 'not a WebAssembly module');
      throw new RefusedError([first, new StreamlineError('module.missing_export', 'transform is not exported')]);
    }
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const known = this.#modules.get(sha256);
    const module = known ?? moduleView({ name, sha256, usedBy: [], uploaded: true });
    this.#modules.set(sha256, module);
    return { module, created: known === undefined };
  }

  async deleteModule(sha256: string): Promise<void> {
    this.calls.push(['deleteModule', sha256]);
    const module = this.#modules.get(sha256);
    if (module === undefined) throw new StreamlineError('module.not_found', 'there is no such module');
    if (!module.uploaded) throw new StreamlineError('module.read_only', 'it was put there by hand');
    if (module.usedBy.length > 0) throw new StreamlineError('module.in_use', `${module.usedBy.join(', ')} use it`);
    this.#modules.delete(sha256);
  }

  loggers(): readonly LoggerView[] {
    return ['root', ...this.names()].map((name) => ({
      name,
      level: this.#levels.get(name) ?? 'info',
      lastModifiedMs: name === 'root' ? undefined : NOW_MS,
    }));
  }

  setLogLevel(name: string, level: LogLevel): readonly string[] {
    this.calls.push(['setLogLevel', name, level]);
    if (name !== 'root') this.#known(name);
    this.#levels.set(name, level);
    return [name];
  }

  #known(name: string): Known {
    const known = this.specs.get(name);
    if (known !== undefined) return known;
    throw new StreamlineError('transform.not_found', `there is no transform ${name}`, {
      suggestion: 'Did you mean mask-pii?',
    });
  }

  #stopped(name: string): void {
    if (this.#known(name).target === 'STOPPED') return;
    throw new StreamlineError('transform.not_stopped', `${name} is not STOPPED`, { suggestion: 'Stop it first.' });
  }

  #refuseWrites(): void {
    if (!this.enabled) throw disabled();
    if (this.readOnly !== undefined) throw new StreamlineError('spec.read_only', this.readOnly);
  }
}

export function logLine(message: string): LogLine {
  return { timeMs: NOW_MS, level: 'warn', from: 'guest', message, fields: { partition: 2 } };
}

/** No line any more, until the follower goes. */
async function* untilAborted(signal: AbortSignal): AsyncGenerator<LogLine> {
  if (!signal.aborted) await once(signal, 'abort');
  yield* [];
}

const NEW_SCHEMA = { registers: true, compatible: false, level: 'BACKWARD', messages: ['name: changed'] };
const KNOWN_SCHEMA = { registers: false, compatible: undefined, level: undefined, messages: [] };

const summary = {
  path: 'transforms/mask_pii.wasm',
  sha256: USED_SHA256,
  exports: ['memory', 'transform'],
  imports: [],
};

function moduleView(module: Pick<ModuleView, 'name' | 'sha256' | 'usedBy' | 'uploaded'>): ModuleView {
  const path = module.uploaded ? `uploaded/${module.name}/${module.sha256}.wasm` : `${module.name}.wasm`;
  return { ...module, path, sizeBytes: 1234, modifiedMs: NOW_MS };
}

function disabled(): StreamlineError {
  return new StreamlineError('transform.disabled', 'features.wasm_transforms is off', { suggestion: 'Switch it on.' });
}

function nameOf(text: string): string {
  const outcome = parseSpec(text, 'specs/new.yaml');
  if ('config' in outcome) return outcome.config.name;
  throw new RefusedError(outcome.errors);
}

function dataOf(text: string): Record<string, unknown> {
  const problems = new ProblemList('spec', 'spec');
  const root = readYaml(text, problems);
  return root === undefined ? {} : (JSON.parse(jsonText(root, [], problems)) as Record<string, unknown>);
}
