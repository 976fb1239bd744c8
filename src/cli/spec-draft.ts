import { text as readAll } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { isMap, parseDocument } from 'yaml';
import { StreamlineError } from '../base/error.ts';
import { parseSpec } from '../spec/parse-spec.ts';
import { isBuiltin } from '../spec/spec-name.ts';
import { readFailure, readTextFile } from '../spec/text-file.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import { YAML_BYTES_MAX } from '../spec/yaml-tree.ts';
import { errorOf, usageError } from './command-error.ts';
import { readLocalModule, type LocalModule } from './local-module.ts';
import { ofFlag, refuseBesideSpec, specOfFlags, type SpecFlags } from './spec-flags.ts';

/** A spec that is sound as far as can be seen from here, and the module that goes with it. */
export interface SpecDraft {
  readonly config: TransformationConfig;
  /** Where it was read from: a file, `stdin`; undefined for flags. */
  readonly source: string | undefined;
  /** To be uploaded first. */
  readonly module: LocalModule | undefined;
  /** Where the module would go, were it uploaded by this sidecar's rule; what the spec names when there is none. */
  readonly modulePath: string;
  /** The spec's text with its module at a path; as written, byte for byte, when no module is uploaded. */
  textWith(modulePath: string): string;
}

/** Reads spec and module, and tells every fault that can be told without a sidecar. */
export async function readSpecDraft(
  given: SpecFlags & { readonly file?: string },
  stdin: Readable,
): Promise<SpecDraft> {
  const flags = given.file === undefined ? given : { wasm: given.file, ...given };
  return flags.spec === undefined ? draftOfFlags(flags) : draftOfFile(flags, flags.spec, stdin);
}

async function draftOfFlags(flags: SpecFlags): Promise<SpecDraft> {
  const { wasm } = flags;
  if (wasm === undefined)
    throw usageError('--wasm is missing', 'Add --wasm ./mask_pii.wasm. Or give a spec with --spec.');
  const textWith = (path: string): string => specOfFlags(flags, path);
  // What is wrong with the flags is told before a file is read.
  refuseFaults(textWith('builtin:pass-through'), 'flags', (error) => error.code !== 'spec.no_output', ofFlag);
  const module = isBuiltin(wasm) ? undefined : await readLocalModule(wasm);
  const modulePath = module === undefined ? wasm : uploadPath(flags.name ?? '', module);
  const config = soundSpec(textWith(modulePath), 'flags', ofFlag);
  return { config, source: undefined, module, modulePath, textWith };
}

async function draftOfFile({ wasm, ...flags }: SpecFlags, file: string, stdin: Readable): Promise<SpecDraft> {
  refuseBesideSpec(flags);
  const source = file === '-' ? 'stdin' : file;
  const text = file === '-' ? await readAll(stdin) : await readSpecFile(file);
  if (wasm === undefined) {
    const config = soundSpec(text, source);
    return { config, source, module: undefined, modulePath: config.stages[0].wasmModule, textWith: () => text };
  }
  // The places told are those of the file, not of what it becomes.
  refuseFaults(text, source, (error) => !(error.configPath ?? '').endsWith('/wasm_module'));
  const module = isBuiltin(wasm) ? undefined : await readLocalModule(wasm);
  const textWith = (path: string): string => withModule(text, path);
  const modulePath = module === undefined ? wasm : uploadPath(nameIn(text), module);
  return { config: soundSpec(textWith(modulePath), source), source, module, modulePath, textWith };
}

type Told = (error: StreamlineError) => StreamlineError;

function soundSpec(text: string, source: string, told: Told = (error) => error): TransformationConfig {
  const outcome = parseSpec(text, source);
  if ('config' in outcome) return outcome.config;
  const [first, ...rest] = outcome.errors;
  throw errorOf([told(first), ...rest.map(told)], source);
}

/** Throws what is wrong with a spec that is not whole yet. */
function refuseFaults(
  text: string,
  source: string,
  counts: (error: StreamlineError) => boolean,
  told: Told = (error) => error,
): void {
  const outcome = parseSpec(text, source);
  const [first, ...rest] = 'errors' in outcome ? outcome.errors.filter(counts).map(told) : [];
  if (first !== undefined) throw errorOf([first, ...rest], source);
}

export async function readSpecFile(file: string): Promise<string> {
  let text: string | undefined;
  try {
    text = await readTextFile(file, YAML_BYTES_MAX);
  } catch (thrown) {
    throw new StreamlineError('spec.unreadable', `it cannot be read: ${readFailure(thrown)}`, {
      place: file,
      suggestion: 'Give the path of a YAML file.',
      cause: thrown,
    });
  }
  if (text !== undefined) return text;
  throw new StreamlineError('spec.too_large', `it has more than ${YAML_BYTES_MAX} bytes`, { place: file });
}

/** Comments and everything else stay. */
function withModule(text: string, path: string): string {
  const document = parseDocument(text, { intAsBigInt: true });
  const inChain = isMap(document.contents) && document.contents.has('transforms');
  document.setIn(inChain ? ['transforms', 0, 'wasm_module'] : ['wasm_module'], path);
  return document.toString({ lineWidth: 0 });
}

function nameIn(text: string): string {
  return String(parseDocument(text).get('name'));
}

/** Where a sidecar keeps uploads; it answers with the path it really took. */
function uploadPath(name: string, { description }: LocalModule): string {
  return `uploaded/${name}/${description.sha256}.wasm`;
}
