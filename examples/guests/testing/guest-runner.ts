import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const MODULES = join(import.meta.dirname, '../../../modules/transforms');
const NULL_KEY = 0xffffffff;
const FAILED = 0xffffffff;

type Call = (...args: number[]) => number;

/** What transform made of a record: `unchanged` and `failed` as the ABI says, else the output. */
export type Answer = 'unchanged' | 'failed' | { readonly key: string | null; readonly value: string };

/** A guest in plain WebAssembly, without the sidecar: the ABI as README.md tells it, and nothing more. */
export class GuestRunner {
  readonly #exports: Readonly<Record<string, unknown>>;
  readonly #memory: WebAssembly.Memory;
  readonly #input: number;
  readonly #output: number;
  readonly #capacity: number;

  constructor(name: string, config: unknown, capacity = 1 << 18) {
    const module = new WebAssembly.Module(readFileSync(join(MODULES, `${name}.wasm`)));
    const instance = new WebAssembly.Instance(module, {});
    this.#exports = instance.exports;
    this.#memory = instance.exports['memory'] as WebAssembly.Memory;
    this.#capacity = capacity;
    this.#call('_initialize');
    this.accepted = this.#init(config);
    this.#input = this.#allocate(capacity);
    this.#output = this.#allocate(capacity);
  }

  /** Whether init() took the config. */
  readonly accepted: boolean;

  #call(name: string, ...args: number[]): number | undefined {
    const exported = this.#exports[name];
    return typeof exported === 'function' ? ((exported as Call)(...args) ?? 0) >>> 0 : undefined;
  }

  /** Without alloc the host grows the memory, as the sidecar does. */
  #allocate(length: number): number {
    return this.#call('alloc', length) ?? this.#memory.grow(Math.ceil(length / 65536)) * 65536;
  }

  #init(config: unknown): boolean {
    const bytes = Buffer.from(JSON.stringify(config), 'utf8');
    const at = this.#allocate(bytes.length);
    this.#bytes().set(bytes, at);
    return this.#call('init', at, bytes.length) !== 0;
  }

  #bytes(): Uint8Array {
    return new Uint8Array(this.#memory.buffer);
  }

  #put(bytes: Uint8Array): number {
    if (bytes.length > this.#capacity) throw new RangeError('record larger than the test buffer');
    this.#bytes().set(bytes, this.#input);
    return bytes.length;
  }

  /** Calls transform with bytes as they are; answers its return value. */
  rawTransform(bytes: Uint8Array): number {
    return this.#call('transform', this.#input, this.#put(bytes), this.#output) ?? 0;
  }

  transform(value: string | Uint8Array, key: string | null = 'k'): Answer {
    const written = this.rawTransform(framed(key, value));
    if (written === 0) return 'unchanged';
    if (written === FAILED) return 'failed';
    const out = Buffer.from(this.#bytes().slice(this.#output, this.#output + written));
    const keyLength = out.readUInt32LE(0);
    const valueAt = 4 + (keyLength === NULL_KEY ? 0 : keyLength);
    return {
      key: keyLength === NULL_KEY ? null : out.toString('utf8', 4, valueAt),
      value: out.toString('utf8', valueAt),
    };
  }

  /** The value as it leaves: the input when unchanged. Throws when the record failed. */
  output(value: string): string {
    const answer = this.transform(value);
    if (answer === 'failed') throw new Error(`transform failed: ${value}`);
    return answer === 'unchanged' ? value : answer.value;
  }

  /** The seed's ABI, payload: value. Answers the value as it leaves. */
  transformValue(value: string): string {
    const written = this.rawTransform(Buffer.from(value, 'utf8'));
    if (written === 0) return value;
    return Buffer.from(this.#bytes().slice(this.#output, this.#output + written)).toString('utf8');
  }

  filter(value: string): boolean {
    return this.#call('filter', this.#input, this.#put(framed('k', value))) !== 0;
  }

  route(value: string): string {
    const length = this.#call('route', this.#input, this.#put(framed('k', value)), this.#output) ?? 0;
    return Buffer.from(this.#bytes().slice(this.#output, this.#output + length)).toString('utf8');
  }
}

export function framed(key: string | null, value: string | Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  const keyBytes = Buffer.from(key ?? '', 'utf8');
  head.writeUInt32LE(key === null ? NULL_KEY : keyBytes.length);
  return Buffer.concat([head, keyBytes, typeof value === 'string' ? Buffer.from(value, 'utf8') : value]);
}
