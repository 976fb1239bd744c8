import type { ModuleFacts } from '../catalog/prepared-module.ts';
import { RefusedError, StreamlineError, toStreamlineError } from '../base/error.ts';
import { Serial } from '../base/serial.ts';
import type { Loggers } from '../observe/loggers.ts';
import type { LogTail } from '../observe/log-tail.ts';
import { parseSpec } from '../spec/parse-spec.ts';
import { ProblemList } from '../spec/problem-list.ts';
import type { SidecarConfig } from '../spec/sidecar-config.ts';
import { checkSpecs, type SpecFault } from '../spec/spec-set.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import { readYaml } from '../spec/yaml-tree.ts';
import { plainValue } from '../spec/yaml-value.ts';
import type * as view from './control.ts';
import { planOf, type PlanParts } from './deploy-plan.ts';
import { featureDisabled } from './feature-disabled.ts';
import { ModuleKeeper } from './module-keeper.ts';
import { OffsetControl } from './offset-control.ts';
import type { SidecarTransformFactory } from './sidecar-transform-factory.ts';
import type { SpecReload } from './spec-reload.ts';
import { metricsOf, statusOf } from './status-view.ts';
import type { SpecStore } from './store/spec-store.ts';
import { mergeSpec, toSpecYaml } from './store/spec-text.ts';
import type { TargetStore } from './store/target-store.ts';
import type { TransformationRegistry } from './transformation-registry.ts';

export interface ControlParts {
  readonly config: SidecarConfig;
  readonly version: string;
  readonly workerId: string;
  readonly registry: TransformationRegistry;
  readonly factory: SidecarTransformFactory;
  readonly reload: SpecReload;
  /** The specs, and what is kept of them, have been read for the first time: before that each would be taken for a new one. */
  readonly specsKnown: Promise<void>;
  readonly specs: SpecStore;
  readonly targets: TargetStore;
  readonly loggers: Loggers;
  readonly tail: LogTail;
}

/**
 * What a running sidecar can be asked and told. Specs are written into their directory and read back from there, so that a spec deployed
 * here and one put there by hand are the same thing.
 */
export class SidecarControl implements view.Control {
  readonly #parts: ControlParts;
  readonly #offsets: OffsetControl;
  readonly #modules: ModuleKeeper;
  /** Being deployed: written, and not known to the registry yet. */
  readonly #writing = new Set<TransformationConfig>();
  /** Of one name one after the other: each is laid on what the one before has written. */
  readonly #patches = new Map<string, Serial>();

  constructor(parts: ControlParts) {
    this.#parts = parts;
    const { registry, factory, loggers, config } = parts;
    this.#offsets = new OffsetControl(registry, factory);
    this.#modules = new ModuleKeeper(registry, factory, config.limits.moduleVersions, (message, error) =>
      loggers.root.warn({ code: error.code, err: error.message }, message),
    );
  }

  async about(): Promise<view.SidecarView> {
    const { config, version, workerId, factory, specs } = this.#parts;
    return {
      version,
      workerId,
      transport: factory.transport.name,
      wasmTransforms: config.features.wasmTransforms,
      specsDirectory: config.paths.specs,
      specsReadOnly: await specs.readOnlyReason(),
    };
  }

  // ---- reading -------------------------------------------------------------------------------------------------

  names(): readonly string[] {
    return this.#parts.registry.names();
  }

  specErrors(): readonly SpecFault[] {
    return this.#parts.registry.specErrors;
  }

  status(name: string): view.TransformStatus {
    const { registry, workerId } = this.#parts;
    const transform = registry.get(name);
    const faults = registry.specErrors.filter(({ source }) => source === transform.wantedConfig.source);
    return statusOf(transform.snapshot(), workerId, this.#enabled, faults);
  }

  group(name: string): Promise<view.GroupView> {
    return this.#offsets.group(name);
  }

  metrics(name: string): view.TransformMetrics {
    return metricsOf(this.#parts.registry.get(name).snapshot());
  }

  async spec(name: string): Promise<view.SpecText> {
    const { source } = this.#parts.registry.get(name).wantedConfig;
    const text = await this.#parts.specs.read(source);
    // Never throws: by now the file may be anything.
    const tree = readYaml(text, new ProblemList(source, 'spec'));
    return { name, source, text, config: tree?.kind === 'map' ? (plainValue(tree) as Record<string, unknown>) : {} };
  }

  topics(name: string): readonly string[] {
    const transform = this.#parts.registry.get(name);
    const { inputTopic, outputTopic, errors } = transform.config;
    const topics = new Set<string>([inputTopic, ...(outputTopic === undefined ? [] : [outputTopic])]);
    if (errors.onFailure === 'dead_letter') topics.add(errors.deadLetterTopic);
    for (const topic of transform.routedTopics) topics.add(topic);
    return [...topics];
  }

  logs(name: string, query: view.LogQuery): AsyncIterable<view.LogLine> {
    this.#parts.registry.get(name);
    return this.#parts.tail.query(name, query);
  }

  // ---- specs ---------------------------------------------------------------------------------------------------

  async deploy(
    text: string,
    { name, createOnly }: { readonly name?: string; readonly createOnly: boolean },
  ): Promise<view.DeployOutcome> {
    const { factory, specsKnown } = this.#parts;
    this.#assertEnabled();
    await specsKnown;
    const tidy = toSpecYaml(text);
    const config = this.#parsed(tidy, name);
    this.#checkFree(config, createOnly);
    await factory.module(config);
    await factory.schemas.assertDeployable(config);
    // Somebody else may have been quicker. From here on those who come later are told of this one.
    this.#checkFree(config, createOnly);
    this.#writing.add(config);
    try {
      return await this.#write(tidy, config);
    } finally {
      this.#writing.delete(config);
    }
  }

  async #write(tidy: string, config: TransformationConfig): Promise<view.DeployOutcome> {
    const { registry, specs, reload, targets } = this.#parts;
    const existing = registry.find(config.name);
    const existingSource = existing?.wantedConfig.source;
    const before = existingSource === undefined ? undefined : await specs.read(existingSource).catch(() => undefined);
    const changed = before !== tidy;
    // A new one runs: of one of its name that went a moment ago, or in a sidecar that was killed meanwhile, a pause may still be kept. A file
    // that cannot be read may be the spec of whatever is kept.
    if (existing === undefined && registry.specErrors.length === 0) await targets.forget(config.name);
    const source = changed ? await specs.write(config.name, tidy, { existingSource }) : (existingSource ?? '');
    if (changed) {
      await reload.run();
      await registry.noted(config.name);
      void this.#modules.collectGarbage();
    }
    return { name: config.name, created: existing === undefined, changed, configSha256: config.sha256, source };
  }

  async patch(name: string, patch: string): Promise<view.DeployOutcome> {
    this.#parts.registry.get(name);
    const patches = this.#patches.get(name) ?? new Serial();
    this.#patches.set(name, patches);
    return patches.run(async () => {
      const { text, source } = await this.spec(name);
      return this.deploy(mergeSpec(text, patch, source), { name, createOnly: false });
    });
  }

  async undeploy(name: string): Promise<void> {
    const { registry, specs, reload } = this.#parts;
    await specs.remove(name, registry.get(name).wantedConfig.source);
    await reload.run();
    await registry.noted(name);
    void this.#modules.collectGarbage();
  }

  async validate(text: string): Promise<view.ValidationReport> {
    const nothing = { name: undefined, type: undefined, module: undefined };
    let config: TransformationConfig;
    try {
      config = this.#parsed(toSpecYaml(text), undefined);
    } catch (thrown) {
      return { ok: false, ...nothing, errors: reasonsOf(thrown) };
    }
    try {
      this.#checkAmongOthers(config);
      const module = await this.#parts.factory.module(config);
      const type = config.type ?? module?.facts.type ?? 'map';
      const summary = module === undefined ? undefined : summaryOf(config.stages[0].wasmModule, module.facts);
      return { ok: true, name: config.name, type, module: summary, errors: [] };
    } catch (thrown) {
      return { ok: false, ...nothing, name: config.name, errors: reasonsOf(thrown) };
    }
  }

  async plan(text: string): Promise<view.DeployPlan> {
    const { registry, factory, config: sidecar } = this.#parts;
    const config = this.#parsed(toSpecYaml(text), undefined);
    const errors: StreamlineError[] = [];
    // What is wrong with a schema file, the check of the module and the plan of the schemas both tell.
    const add = (...more: readonly StreamlineError[]): void => {
      const told = new Set(errors.map((error) => error.describe()));
      errors.push(...more.filter((error) => !told.has(error.describe())));
    };
    const attempt = async <T>(work: () => Promise<T> | T): Promise<T | undefined> => {
      try {
        return await work();
      } catch (thrown) {
        add(...reasonsOf(thrown));
        return undefined;
      }
    };
    if (!this.#enabled) errors.push(disabled());
    await attempt(() => this.#checkAmongOthers(config));
    const prepared = await attempt(() => factory.module(config));
    const snapshot = registry.find(config.name)?.snapshot();
    const { schemas, faults } = await factory.schemas.plan(config);
    add(...faults);
    const before = snapshot?.version ?? (snapshot && (await factory.digest(snapshot.config)));
    const parts: PlanParts = {
      config,
      before: snapshot?.config,
      module: prepared === undefined ? undefined : summaryOf(config.stages[0].wasmModule, prepared.facts),
      moduleBefore: before?.moduleSha256,
      schemas,
      isSchemaFileChanged: differ(before?.schemasSha256, (await factory.digest(config)).schemasSha256),
      topicsCreated: sidecar.topics.create,
      cluster: await attempt(() => this.#offsets.survey(config)),
      errors,
    };
    return planOf(parts);
  }

  // ---- life ----------------------------------------------------------------------------------------------------

  async setTarget(name: string, target: view.TargetState): Promise<void> {
    const { registry, targets } = this.#parts;
    const transform = registry.get(name);
    if (target !== 'STOPPED') this.#assertEnabled();
    await targets.set(name, target);
    const done = transform.setTarget(target);
    // A stop is over when it is drained and has left; what comes up is seen in its state.
    if (target === 'STOPPED') await done;
  }

  async restart(name: string, { onlyFailed }: { readonly onlyFailed: boolean }): Promise<void> {
    const transform = this.#parts.registry.get(name);
    this.#assertEnabled();
    if (onlyFailed && transform.snapshot().state !== 'FAILED') return;
    void transform.restart();
  }

  // ---- offsets -------------------------------------------------------------------------------------------------

  offsets(name: string): Promise<readonly view.PartitionOffsets[]> {
    return this.#offsets.read(name);
  }

  resetOffsets(name: string, target: view.OffsetTarget): Promise<readonly view.PartitionOffsets[]> {
    return this.#offsets.move(name, target);
  }

  deleteOffsets(name: string): Promise<void> {
    return this.#offsets.remove(name);
  }

  // ---- modules -------------------------------------------------------------------------------------------------

  modules(): Promise<readonly view.ModuleView[]> {
    return this.#modules.list();
  }

  uploadModule(name: string, bytes: Uint8Array): Promise<view.UploadOutcome> {
    return this.#modules.upload(name, bytes);
  }

  deleteModule(sha256: string): Promise<void> {
    return this.#modules.remove(sha256);
  }

  // ---- logging -------------------------------------------------------------------------------------------------

  loggers(): readonly view.LoggerView[] {
    return this.#parts.loggers.list();
  }

  setLogLevel(name: string, level: view.LogLevel): readonly string[] {
    return this.#parts.loggers.setLevel(name, level);
  }

  // ---- rules ---------------------------------------------------------------------------------------------------

  get #enabled(): boolean {
    return this.#parts.config.features.wasmTransforms;
  }

  #assertEnabled(): void {
    if (!this.#enabled) throw disabled();
  }

  /** Throws every error there is. */
  #parsed(text: string, name: string | undefined): TransformationConfig {
    const outcome = parseSpec(text, 'spec');
    if ('errors' in outcome) throw new RefusedError(outcome.errors);
    const { config } = outcome;
    if (name !== undefined && config.name !== name) {
      throw new StreamlineError('spec.bad_name', `the spec's name is ${config.name}, not ${name}`, {
        configPath: '/name',
        suggestion: 'A transform is not renamed: deploy it under its new name and remove the old one.',
      });
    }
    return config;
  }

  #checkFree(config: TransformationConfig, createOnly: boolean): void {
    const isTaken =
      this.#parts.registry.find(config.name) !== undefined ||
      [...this.#writing].some(({ name }) => name === config.name);
    if (createOnly && isTaken) throw exists(config.name);
    this.#checkAmongOthers(config);
  }

  /** Two of one group, a cycle: what the directory would refuse once it is written. */
  #checkAmongOthers(config: TransformationConfig): void {
    const { registry } = this.#parts;
    const running = registry.names().flatMap((name) => registry.find(name)?.wantedConfig ?? []);
    const known = new Map([...running, ...this.#writing].map((other) => [other.name, other]));
    known.delete(config.name);
    const faults = checkSpecs([...known.values(), config]).errors.filter(({ source }) => source === config.source);
    const [first, ...rest] = faults.map(({ error }) => error);
    if (first !== undefined) throw new RefusedError([first, ...rest]);
  }
}

function summaryOf(
  path: string,
  facts: Pick<ModuleFacts, 'abi' | 'sha256' | 'imports' | 'exports'>,
): view.ModuleSummary {
  const optional = Object.entries(facts.exports).flatMap(([name, has]: [string, boolean]) =>
    has ? [name === 'initialize' ? '_initialize' : name] : [],
  );
  const required = facts.abi === 'component' ? ['transform'] : ['memory', 'transform'];
  return { path, sha256: facts.sha256, exports: [...required, ...optional], imports: facts.imports };
}

/** Where there are two. */
function differ(before: string | undefined, after: string | undefined): boolean {
  return before !== undefined && after !== undefined && before !== after;
}

function reasonsOf(thrown: unknown): readonly StreamlineError[] {
  return thrown instanceof RefusedError ? thrown.reasons : [toStreamlineError(thrown)];
}

function disabled(): StreamlineError {
  return featureDisabled(': nothing can be deployed or started');
}

function exists(name: string): StreamlineError {
  return new StreamlineError('transform.exists', `there is a transform ${name} already`, {
    configPath: '/name',
    suggestion: `Change it with PUT /transforms/${name}/config, or choose another name.`,
  });
}
