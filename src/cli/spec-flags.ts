import { Option, type Command } from 'commander';
import { Document, isMap, parseDocument } from 'yaml';
import { StreamlineError } from '../base/error.ts';
import { usageError } from './command-error.ts';
import { onlyOnce, repeated } from './repeated.ts';

/** What deploy and plan take: a spec, or what to make one of. */
export interface SpecFlags {
  readonly spec?: string;
  readonly wasm?: string;
  readonly name?: string;
  readonly input?: string;
  readonly output?: string;
  readonly route?: true;
  readonly config?: string;
  readonly var?: readonly string[];
  readonly fromOffset?: string;
  readonly instances?: string;
  readonly timeoutMs?: string;
  readonly memoryMb?: string;
}

export function addSpecOptions(command: Command): Command {
  return command
    .option('--spec <file>', 'a spec, YAML; - reads it from stdin')
    .option('--wasm <file>', 'the module, which is uploaded; or builtin:NAME')
    .addOption(new Option('--file <file>', 'the same').hideHelp())
    .option('--name <name>', 'name of the transform')
    .option('-i, --input <topic>', 'topic to read')
    .option('-o, --output <topic>', 'topic to write', onlyOnce)
    .option('--route', 'the module\u2019s route() names the topic of each record')
    .option('--config <json>', 'what init() gets, a JSON object')
    .option('--var <K=V>', 'one field of the config, as text; may be repeated', repeated)
    .option('--from-offset <start>', 'where a new group begins: earliest, latest, @T, +N or -N (default latest)')
    .option('--instances <n>', 'instances of the module at most')
    .option('--timeout-ms <n>', 'budget of one record')
    .option('--memory-mb <n>', 'memory of one instance');
}

/** Fields of the spec and the flags that give them. */
const FLAG_OF: Readonly<Record<string, string>> = {
  '/name': '--name',
  '/input_topic': '--input',
  '/output_topic': '--output',
  '/wasm_module': '--wasm',
  '/config': '--config',
  '/input/start': '--from-offset',
  '/instances': '--instances',
  '/timeout_ms': '--timeout-ms',
  '/max_memory_mb': '--memory-mb',
};

/** An error of a spec made of flags, told of the flag. */
export function ofFlag(error: StreamlineError): StreamlineError {
  const path = error.configPath ?? '';
  const field = Object.keys(FLAG_OF).find((known) => path === known || path.startsWith(`${known}/`));
  const { code, message, suggestion } = error;
  return new StreamlineError(code, message, { place: field === undefined ? undefined : FLAG_OF[field], suggestion });
}

const BESIDE_SPEC: readonly (keyof SpecFlags)[] = ['spec', 'wasm'];

/** Flags that cannot stand beside --spec: two truths. */
export function refuseBesideSpec(flags: SpecFlags): void {
  const given = Object.keys(flags) as (keyof SpecFlags)[];
  const known = [
    'name',
    'input',
    'output',
    'route',
    'config',
    'var',
    'fromOffset',
    'instances',
    'timeoutMs',
    'memoryMb',
  ];
  const extra = given.find((flag) => known.includes(flag) && !BESIDE_SPEC.includes(flag));
  if (extra === undefined) return;
  const flag = `--${extra.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  throw usageError(`${flag} cannot stand beside --spec`, 'Write it into the spec.');
}

/** The spec the flags stand for, as YAML that parseSpec has the last word on. */
export function specOfFlags(flags: SpecFlags, wasmModule: string): string {
  const { name, input, output, route } = flags;
  if (name === undefined) throw missing('--name', '--name mask-pii');
  if (input === undefined) throw missing('--input', '--input raw-events');
  if (output === undefined && route !== true)
    throw missing('--output', '--output clean-events, or --route when the module has route()');
  if (output !== undefined && output !== '' && route === true)
    throw usageError('--route and --output cannot stand together', 'Leave one of them away.');
  const config = configOf(flags);
  const document = new Document({
    name,
    input_topic: input,
    output_topic: output ?? '',
    wasm_module: wasmModule,
    ...(flags.instances === undefined ? {} : { instances: numberOrText(flags.instances) }),
    ...(flags.timeoutMs === undefined ? {} : { timeout_ms: numberOrText(flags.timeoutMs) }),
    ...(flags.memoryMb === undefined ? {} : { max_memory_mb: numberOrText(flags.memoryMb) }),
    ...(flags.fromOffset === undefined ? {} : { input: { start: startOf(flags.fromOffset) } }),
  });
  if (config !== undefined) document.set('config', config);
  return document.toString({ lineWidth: 0 });
}

function missing(flag: string, example: string): StreamlineError {
  return usageError(`${flag} is missing`, `Add ${example}. Or give a spec with --spec.`);
}

/** Its nodes, not its values: 20-digit numbers and 5285.90 stay what they are. */
function configOf({ config, var: pairs = [] }: SpecFlags): unknown {
  if (config === undefined && pairs.length === 0) return undefined;
  const text = config ?? '{}';
  try {
    JSON.parse(text);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw usageError(
      `--config is not JSON: ${reason}`,
      `Write an object in single quotes: --config '{"field": "email"}'`,
    );
  }
  const document = parseDocument(text, { intAsBigInt: true });
  const fault = document.errors[0];
  if (fault !== undefined) throw usageError(`--config: ${fault.message.split('\n')[0]}`);
  if (!isMap(document.contents)) throw usageError('--config is no JSON object', `Write --config '{"field": "email"}'`);
  for (const pair of pairs) {
    const { name, value } = parseVariable(pair);
    document.set(name, value);
  }
  return document.contents;
}

/** `K=V`; V may contain more of them, and be empty. */
export function parseVariable(pair: string): { readonly name: string; readonly value: string } {
  const at = pair.indexOf('=');
  if (at <= 0) throw usageError(`--var cannot be ${pair}`, 'Write --var NAME=VALUE.');
  return { name: pair.slice(0, at), value: pair.slice(at + 1) };
}

function numberOrText(text: string): number | string {
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}

/** rpk says start and end. */
export function startOf(text: string): string {
  return text === 'start' ? 'earliest' : text === 'end' ? 'latest' : text;
}
