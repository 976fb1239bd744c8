import { StreamlineError, toStreamlineError } from '../base/error.ts';
import { Serial } from '../base/serial.ts';
import { isBuiltin, nameFault } from '../spec/spec-name.ts';
import type { ModuleView, UploadOutcome } from './control.ts';
import type { ManagedTransform } from './managed-transform.ts';
import type { SidecarTransformFactory } from './sidecar-transform-factory.ts';
import type { TransformationRegistry } from './transformation-registry.ts';

/** An upload is not taken for garbage before whoever made it could deploy a spec with it. */
const GRACE_MS = 3_600_000;

/** The modules of a sidecar and who uses them: uploads are checked first, and those nobody uses go after a while. */
export class ModuleKeeper {
  readonly #registry: TransformationRegistry;
  readonly #factory: SidecarTransformFactory;
  readonly #versionsMax: number;
  readonly #warn: (message: string, error: StreamlineError) => void;
  readonly #collections = new Serial();

  constructor(
    registry: TransformationRegistry,
    factory: SidecarTransformFactory,
    versionsMax: number,
    warn: (message: string, error: StreamlineError) => void,
  ) {
    this.#registry = registry;
    this.#factory = factory;
    this.#versionsMax = versionsMax;
    this.#warn = warn;
  }

  async list(): Promise<readonly ModuleView[]> {
    const users = this.#users();
    return this.#factory.modules.list((path) => users.get(path) ?? []);
  }

  async upload(name: string, bytes: Uint8Array): Promise<UploadOutcome> {
    const fault = nameFault(name);
    if (fault !== undefined) throw new StreamlineError(fault.code, fault.message, { suggestion: fault.suggestion });
    // Of memory that is nobody else's: it is handed to another thread.
    await this.#factory.inspect(new Uint8Array(bytes), `${name}.wasm`);
    const { module, created } = await this.#factory.modules.upload(name, bytes);
    void this.collectGarbage();
    return { module: { ...module, usedBy: this.#users().get(module.path) ?? [] }, created };
  }

  remove(sha256: string): Promise<void> {
    const users = this.#users();
    return this.#factory.modules.remove(sha256, (path) => users.get(path) ?? []);
  }

  /** Never rejects. */
  collectGarbage(): Promise<void> {
    return this.#collections.run(async () => {
      // A spec that cannot be read may name any module.
      if (this.#registry.specErrors.length > 0) return;
      try {
        const inUse = new Set(this.#users().keys());
        await this.#factory.modules.collectGarbage(inUse, this.#versionsMax, GRACE_MS);
      } catch (thrown) {
        this.#warn('unused modules were not removed', toStreamlineError(thrown));
      }
    });
  }

  #users(): ReadonlyMap<string, readonly string[]> {
    return modulesInUse(this.#registry.names().flatMap((name) => this.#registry.find(name) ?? []));
  }
}

/** Names of the transforms that need a module for one of their versions, by its path. */
function modulesInUse(transforms: readonly ManagedTransform[]): ReadonlyMap<string, readonly string[]> {
  const users = new Map<string, string[]>();
  for (const transform of transforms) {
    const { candidate, name } = transform.snapshot();
    const configs = [transform.config, transform.wantedConfig, ...(candidate === undefined ? [] : [candidate.config])];
    for (const path of new Set(configs.flatMap(({ stages }) => stages.map(({ wasmModule }) => wasmModule)))) {
      if (isBuiltin(path)) continue;
      users.set(path, [...(users.get(path) ?? []), name]);
    }
  }
  return users;
}
