import type { Clock } from '../base/clock.ts';
import type { ErrorCode } from '../base/error-code.ts';
import { RefusedError, StreamlineError, toStreamlineError } from '../base/error.ts';
import type { Rng } from '../base/rng.ts';
import type { RecordFormats } from '../codec/record-formats.ts';
import { RegistryClient } from '../codec/registry/registry-client.ts';
import type { RequestStats } from '../codec/registry/request-stats.ts';
import { SchemaStore, type FileSchema, type StoreWish } from '../codec/registry/schema-store.ts';
import { SchemaSupply, type SchemaWaiting } from '../codec/registry/schema-supply.ts';
import type { SchemaAnswer, SchemaType } from '../codec/schema.ts';
import type { Logger } from '../observe/log.ts';
import { subjectPath } from '../spec/late-fault.ts';
import type { SidecarConfig } from '../spec/sidecar-config.ts';
import { placeOf } from '../spec/spec-place.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import { readSchemaFiles, type SchemaFiles } from './schema-files.ts';
import {
  notConfigured,
  placed,
  planFault,
  SUGGESTIONS,
  TYPE_NAMES,
  type SchemaPlan,
  type SchemaVerdict,
} from './schema-refusals.ts';
import { startFormats } from './start-formats.ts';
import { hasFormats, namedSchemas, rulesOf, type Named } from './subject-rules.ts';

/** What a transform's guests need of schemas. */
export interface TransformSchemas {
  readonly formats: RecordFormats;
  readonly supply: SchemaSupply | undefined;
}

/** The schemas of all transforms of a sidecar: what their specs say, in terms of the one registry there is. */
export class SchemaDesk {
  readonly #config: SidecarConfig;
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #client: RegistryClient | undefined;
  readonly #store: SchemaStore | undefined;

  constructor(config: SidecarConfig, clock: Clock, rng: Rng, log: Logger) {
    this.#config = config;
    this.#clock = clock;
    this.#rng = rng;
    const registry = config.schemaRegistry;
    if (registry === undefined) return;
    this.#client = new RegistryClient(registry, clock, rng);
    this.#store = new SchemaStore(this.#client, registry, clock, (message) => log.warn({}, message));
  }

  /** Of the schema registry; undefined: there is none. */
  get requests(): RequestStats | undefined {
    return this.#client?.requests;
  }

  close(): void {
    this.#client?.close();
  }

  /** What can be known without the registry. Rejects with registry.not_configured, schema.file_unreadable or schema.invalid. */
  async check(config: TransformationConfig): Promise<void> {
    this.#assertConfigured(config);
    await this.files(config);
  }

  /** The files a spec names, as they are now. Rejects with schema.file_unreadable or schema.invalid. */
  files(config: TransformationConfig): Promise<SchemaFiles | undefined> {
    const bytesMax = this.#config.schemaRegistry?.schemaBytesMax ?? SCHEMA_BYTES_MAX;
    return readSchemaFiles(config, this.#config.paths.specs, bytesMax);
  }

  /**
   * What the guests of a version are started with; undefined where all is bytes.
   * Rejects with schema.* when the registry has no such schema, with registry.* when it cannot be asked.
   * @param files as they were read for this version
   */
  async prepare(
    config: TransformationConfig,
    files: SchemaFiles | undefined,
    log: Logger,
  ): Promise<TransformSchemas | undefined> {
    if (!hasFormats(config)) return undefined;
    this.#assertConfigured(config);
    const file = outputFile(config, files);
    const { limits, schemaRegistry } = this.#config;
    const bounds = {
      schemasMax: Math.min(schemaRegistry?.cachedSchemas ?? SCHEMAS_MAX, THREAD_SCHEMAS_MAX),
      itemsMax: limits.avroItems,
    };
    const rules = rulesOf(config, file?.schema.text);
    const known = (named: Named): Promise<SchemaAnswer> => this.#known(config, named, file);
    const formats = await startFormats(config, rules, files?.input, bounds, known);
    return { formats, supply: this.#supply(file, log) };
  }

  /** The registry's verdicts on a spec that may be deployed: what would become of each subject, and why it would be refused. */
  async plan(config: TransformationConfig): Promise<SchemaVerdict> {
    const schemas: SchemaPlan[] = [];
    const faults: StreamlineError[] = [];
    if (!hasFormats(config)) return { schemas, faults };
    try {
      this.#assertConfigured(config);
      const file = outputFile(config, await this.files(config));
      for (const named of namedSchemas(config, rulesOf(config, file?.schema.text))) {
        try {
          const isFile = named.wish.by === 'file';
          const plan = isFile ? await this.#filePlan(named, file) : await this.#subjectPlan(config, named);
          schemas.push(plan);
          faults.push(...[planFault(config, plan)].filter((fault) => fault !== undefined));
        } catch (thrown) {
          // Of one subject there is nothing; the others are still asked for, unless nobody answers.
          const error = toStreamlineError(thrown);
          if (error.origin !== 'spec') throw error;
          faults.push(placed(config, named.path, error));
        }
      }
    } catch (thrown) {
      faults.push(toStreamlineError(thrown));
    }
    return { schemas, faults };
  }

  /** As `plan`, for a deploy: what the registry refuses is refused, and a registry that does not answer is no reason to wait. */
  async assertDeployable(config: TransformationConfig): Promise<void> {
    const { faults } = await this.plan(config);
    const [first, ...rest] = faults.filter(({ code }) => !isUnavailable(code));
    if (first !== undefined) throw rest.length === 0 ? first : new RefusedError([first, ...rest]);
  }

  async #subjectPlan(config: TransformationConfig, named: Named): Promise<SchemaPlan> {
    const answer = await this.#known(config, named, undefined);
    const { wish, part } = named;
    const { id, type } = schemaIn(answer);
    const version = wish.by === 'subject' ? wish.version : 'file';
    const nothing = { registers: false, compatible: undefined, level: undefined, messages: [] };
    return { part, subject: wish.subject, version, id, type, ...nothing };
  }

  async #filePlan({ wish, part }: Named, file: FileSchema | undefined): Promise<SchemaPlan> {
    const client = this.#client;
    if (client === undefined || file === undefined) throw notConfigured();
    const { subject } = wish;
    const { schema, autoRegister } = file;
    const known = await client.registered(subject, schema);
    const base = { part, subject, version: 'file', type: schema.type, id: known?.id } as const;
    if (known !== undefined) return { ...base, registers: false, compatible: true, level: undefined, messages: [] };
    const verdict = await client.compatibility(subject, schema);
    const level = await client.compatibilityLevel(subject);
    return {
      ...base,
      registers: autoRegister,
      compatible: verdict?.compatible,
      level,
      messages: verdict?.messages ?? [],
    };
  }

  async #known(config: TransformationConfig, named: Named, file: FileSchema | undefined): Promise<SchemaAnswer> {
    const store = this.#store;
    if (store === undefined) throw notConfigured();
    const { wish, wanted, path } = named;
    const at = { place: placeOf(config, path), configPath: path };
    const asked: StoreWish | undefined = wish.by !== 'file' ? wish : file === undefined ? undefined : { ...wish, file };
    if (asked === undefined) throw notConfigured();
    // A person may have registered it, or another one, since: what was the answer a moment ago is none.
    const answer = await store.renew(asked);
    if ('fault' in answer) {
      const { code, message } = answer.fault;
      throw new StreamlineError(code, message, { ...at, suggestion: SUGGESTIONS[code] });
    }
    const { type } = answer.schema;
    if (type === wanted) return answer;
    throw new StreamlineError(
      'schema.unsupported',
      `the schema of subject ${wish.subject} is ${TYPE_NAMES[type]}, not ${TYPE_NAMES[wanted]}`,
      {
        ...at,
        suggestion:
          type === 'PROTOBUF'
            ? 'Protobuf is not supported yet: use format: bytes.'
            : `Write format: ${type === 'JSON' ? 'json' : 'avro'}.`,
      },
    );
  }

  #supply(file: FileSchema | undefined, log: Logger): SchemaSupply | undefined {
    if (this.#store === undefined) return undefined;
    return new SchemaSupply({
      store: this.#store,
      clock: this.#clock,
      rng: this.#rng,
      ...(file === undefined ? {} : { file }),
      onWaiting: (waiting: SchemaWaiting | undefined) => {
        if (waiting === undefined) log.info({}, 'the schema registry answers again');
        else log.warn({ ...waiting.error.toJSON() }, 'waits for the schema registry; nothing is lost meanwhile');
      },
    });
  }

  #assertConfigured(config: TransformationConfig): void {
    if (this.#store !== undefined) return;
    const { input, output } = config;
    const fields: readonly (readonly [string, boolean])[] = [
      ['/input/format', input.format === 'avro'],
      ['/input/key_format', input.keyFormat === 'avro'],
      [
        output.subject === undefined ? '/output/format' : subjectPath(config),
        output.format === 'avro' || output.subject !== undefined,
      ],
      ['/output/key_format', output.keyFormat === 'avro' || output.keySubject !== undefined],
    ];
    const path = fields.find(([, needs]) => needs)?.[0];
    if (path !== undefined) throw notConfigured(placeOf(config, path), path);
  }
}

const SCHEMAS_MAX = 2000;
/** Compiled ones take memory in each thread; their texts are kept here, and asked for again without the registry. */
const THREAD_SCHEMAS_MAX = 1000;
const SCHEMA_BYTES_MAX = 1024 * 1024;

function outputFile(config: TransformationConfig, files: SchemaFiles | undefined): FileSchema | undefined {
  if (files?.output === undefined) return undefined;
  return { schema: { type: 'AVRO', text: files.output }, autoRegister: config.output.autoRegister };
}

function isUnavailable(code: ErrorCode): boolean {
  return code === 'registry.unreachable' || code === 'registry.unauthorized' || code === 'registry.failed';
}

function schemaIn(answer: SchemaAnswer): { readonly id: number; readonly type: SchemaType } {
  if ('fault' in answer) throw new StreamlineError(answer.fault.code, answer.fault.message);
  return answer.schema;
}
