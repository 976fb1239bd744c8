import { dirname, resolve } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { StreamlineError } from '../base/error.ts';
import { RegistryClient } from '../codec/registry/registry-client.ts';
import { ModuleCatalog } from '../catalog/module-catalog.ts';
import { FUEL_PER_MS, type PreparedModule } from '../catalog/prepared-module.ts';
import type { GuestSource } from '../guest/batch-runner.ts';
import { guestSourceOf } from '../guest/guest-source.ts';
import type { GuestLogLine } from '../guest/host-functions/log-buffer.ts';
import { poolLimits, ThreadedExecutor } from '../guest/threaded-executor.ts';
import { packBatch, type PlainRecord } from '../pipeline/packed-batch.ts';
import { readSchemaFiles } from '../registry/schema-files.ts';
import { checkRoutes } from '../spec/late-fault.ts';
import type { RegistryConfig } from '../spec/registry-config.ts';
import type { SidecarLimits } from '../spec/sidecar-config.ts';
import { isBuiltin } from '../spec/spec-name.ts';
import { placeOf } from '../spec/spec-place.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import { AvroLens } from './avro-lens.ts';
import { labFormats } from './lab-formats.ts';
import { LocalSchemas } from './local-schemas.ts';
import { moduleFolder } from './module-folder.ts';
import { outcomeOf, type RecordOutcome } from './outcome.ts';

export interface LabOptions {
  /** undefined: looked for, see moduleFolder. */
  readonly modules: string | undefined;
  /** Subjects that stand in for a registry's. */
  readonly schemas: readonly { readonly subject: string; readonly text: string; readonly place: string }[];
  readonly limits: SidecarLimits;
  /** Read where no file was given; undefined: there are files only. */
  readonly registry?: RegistryConfig | undefined;
}

/** A record's outcome and what the guest logged meanwhile. */
export interface LabOutcome extends RecordOutcome {
  readonly log: readonly GuestLogLine[];
}

/** What a spec's modules export, of all stages together. */
export interface LabExports {
  readonly filter: boolean;
  readonly route: boolean;
  readonly init: boolean;
}

const SCHEMA_BYTES_MAX = 1024 * 1024;

/**
 * The transform of one spec without a cluster: the module metered and capped, the guest in a thread with its fuel and its watchdog, as in a
 * sidecar. In a thread, because not every spin is one that fuel sees, and a test tool must end.
 */
export class LabTransform {
  readonly config: TransformationConfig;
  readonly exports: LabExports;
  readonly schemas: LocalSchemas;
  readonly lens: AvroLens | undefined;
  /** Lets go of the registry, if there is one. */
  readonly close: () => void;
  readonly #source: GuestSource;

  private constructor(
    config: TransformationConfig,
    source: GuestSource,
    exports: LabExports,
    schemas: LocalSchemas,
    lens: AvroLens | undefined,
    close: () => void,
  ) {
    this.config = config;
    this.exports = exports;
    this.schemas = schemas;
    this.lens = lens;
    this.#source = source;
    this.close = close;
  }

  /** Rejects with what is wrong with the spec, its module or its schemas: spec.*, module.*, schema.*. */
  static async prepare(config: TransformationConfig, options: LabOptions): Promise<LabTransform> {
    const { limits } = options;
    const files = await readSchemaFiles(config, dirname(config.source), SCHEMA_BYTES_MAX);
    const registry = options.registry === undefined ? undefined : new RegistryClient(options.registry);
    const schemas = new LocalSchemas(registry);
    for (const { subject, text, place } of options.schemas) schemas.add(subject, text, place);
    // Under its subject too, unless that one has another: values of cases are written with it.
    const inputSubject = subjectOfInput(config, 'value');
    if (files?.input !== undefined && schemas.find(inputSubject) === undefined) {
      schemas.add(inputSubject, files.input, placeOf(config, '/input/schema_file'));
    }
    const close = (): void => registry?.close();
    try {
      const specSchemas = { input: files?.input, output: files?.output };
      const formats = await labFormats(config, specSchemas, schemas, limits.avroItems);
      const modules = await preparedModules(config, options);
      const exports = exportsOf(modules);
      checkRoutes(config, modules);
      const lens = formats === undefined ? undefined : new AvroLens(formats, schemas);
      return new LabTransform(config, guestSourceOf(config, modules, limits, formats), exports, schemas, lens, close);
    } catch (thrown) {
      close();
      throw thrown;
    }
  }

  /** Of one record: each stage has as much. */
  get fuelBudget(): number {
    return this.config.stages.reduce((sum, { timeoutMs }) => sum + timeoutMs * FUEL_PER_MS, 0);
  }

  /**
   * Puts records through one fresh guest, one after the other in the order given, whatever their partitions and offsets.
   * Rejects with guest.init_failed, guest.init_rejected or guest.stuck.
   */
  async *run(records: Iterable<PlainRecord> | AsyncIterable<PlainRecord>): AsyncGenerator<LabOutcome> {
    let lines: GuestLogLine[] = [];
    const takeLog = (): GuestLogLine[] => {
      const taken = lines;
      lines = [];
      return taken;
    };
    const executor = new ThreadedExecutor(
      this.#source,
      poolLimits(this.#source, 1),
      systemClock,
      (log) => void lines.push(...log.lines),
      undefined,
      this.schemas,
    );
    try {
      await executor.start();
      for await (const record of records) {
        // One a batch: what is logged meanwhile is this record's, and records keep their order across partitions.
        const batch = packBatch([record]);
        const result = await executor.execute(batch);
        const outcome = outcomeOf(batch, result, this.config);
        executor.release(result);
        yield { ...outcome, log: takeLog() };
      }
    } finally {
      await executor.close();
    }
  }
}

/** Whose schema values, or keys, of the input are written with. */
export function subjectOfInput({ input, inputTopic }: TransformationConfig, part: 'key' | 'value'): string {
  return part === 'value' && input.reader !== undefined ? input.reader.subject : `${inputTopic}-${part}`;
}

async function preparedModules(
  config: TransformationConfig,
  { modules, limits }: LabOptions,
): Promise<readonly (PreparedModule | undefined)[]> {
  const folder = moduleFolder(config, modules);
  if (folder === undefined) return config.stages.map(() => undefined);
  const catalog = new ModuleCatalog({ modulesDir: folder, warn: () => {}, moduleBytesMax: limits.moduleBytes });
  try {
    const prepared: (PreparedModule | undefined)[] = [];
    for (const { wasmModule: modulePath, maxMemoryMb } of config.stages) {
      const request = { modulePath, maxMemoryMb, initTimeoutMs: limits.initTimeoutMs };
      prepared.push(isBuiltin(modulePath) ? undefined : await catalog.prepare(request));
    }
    return prepared;
  } catch (thrown) {
    throw placed(config, folder, thrown);
  } finally {
    await catalog.close();
  }
}

/** With the file that is at fault, as a person can find it. */
function placed(config: TransformationConfig, folder: string, thrown: unknown): unknown {
  if (!(thrown instanceof StreamlineError)) return thrown;
  const stage = config.stages.find(({ wasmModule }) => wasmModule === thrown.place);
  if (thrown.place !== undefined && stage === undefined) return thrown;
  const { code, message, configPath, suggestion } = thrown;
  const place = stage === undefined ? config.source : resolve(folder, stage.wasmModule);
  return new StreamlineError(code, message, { place, configPath, suggestion, cause: thrown });
}

function exportsOf(modules: readonly (PreparedModule | undefined)[]): LabExports {
  const some = (name: 'filter' | 'route' | 'init'): boolean =>
    modules.some((module) => module?.facts.exports[name] === true);
  return { filter: some('filter'), route: some('route'), init: some('init') };
}
