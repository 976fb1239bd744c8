import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { parse } from 'yaml';
import { ERROR_CODES, type ErrorCode } from '../../base/error-code.ts';
import { parseSpec } from '../../spec/parse-spec.ts';
import {
  deployedSchema,
  infoSchema,
  metricsSchema,
  moduleSchema,
  offsetsSchema,
  planSchema,
  statusSchema,
  type ErrorShape,
  type Info,
  type LogLine,
  type Metrics,
  type Module,
  type Offsets,
  type Plan,
  type Status,
} from '../../api/rest-shapes.ts';

/** Changes to a status, metrics …: what a test sets. */
type Changes<T> = { -readonly [K in keyof T]?: T[K] };

export interface FakeTransform {
  text: string;
  status: Status;
  metrics: Metrics;
  offsets: Offsets;
  logs: LogLine[];
}

export interface FakeRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly type: string;
  readonly body: string;
}

class Refusal extends Error {
  readonly shape: ErrorShape;

  constructor(shape: ErrorShape) {
    super(shape.message);
    this.shape = shape;
  }
}

export function errorShape(code: ErrorCode, message: string, more: Partial<ErrorShape> = {}): ErrorShape {
  const { httpStatus, origin, retriable } = ERROR_CODES[code];
  return { error_code: httpStatus, code, message, origin, retriable, ...more };
}

/** A sidecar without a cluster: docs/rest-api.md on node:http, in memory. What it answers is checked by the API's own schemas. */
export class FakeSidecar {
  readonly transforms = new Map<string, FakeTransform>();
  readonly modules: Module[] = [];
  readonly loggers: Record<string, { level: string; last_modified: number | null }> = {
    root: { level: 'INFO', last_modified: null },
  };
  readonly requests: FakeRequest[] = [];
  /** Of GET /: files that are wrong. */
  readonly specErrors: ErrorShape[] = [];
  token: string | undefined;
  plan: Changes<Plan> = {};
  /** Called when a spec was put: makes of its transform what the test wants. */
  onDeploy: (transform: FakeTransform, configSha256: string) => void = () => {};
  /** Called with each look at a status: lets time pass. */
  onStatus: (transform: FakeTransform) => void = () => {};
  readonly #server: Server;
  readonly #followers = new Set<ServerResponse>();

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<FakeSidecar> {
    const sidecar = new FakeSidecar();
    await new Promise<void>((resolve) => sidecar.#server.listen(0, '127.0.0.1', resolve));
    return sidecar;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** It goes away, in the middle of whatever it does. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Ends the logs that are followed as a proxy would: cleanly. */
  endFollowers(): void {
    for (const follower of this.#followers) follower.end();
  }

  get followers(): number {
    return this.#followers.size;
  }

  follow(line: LogLine): void {
    for (const follower of this.#followers) follower.write(`${JSON.stringify(line)}\n`);
  }

  requestsOf(method: string): FakeRequest[] {
    return this.requests.filter((request) => request.method === method);
  }

  /** A transform that runs. */
  add(name: string, status: Changes<Status> = {}, metrics: Changes<Metrics> = {}): FakeTransform {
    const text = `# ${name}, by hand\nname: ${name}\ninput_topic: raw-events\noutput_topic: clean-events\nwasm_module: transforms/mask_pii.wasm\n`;
    const transform: FakeTransform = {
      text,
      status: { ...statusOf(name, configSha256(text)), ...status },
      metrics: { ...METRICS, ...metrics },
      offsets: { offsets: [0, 1].map(partitionOffset) },
      logs: [],
    };
    this.transforms.set(name, transform);
    return transform;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const { method = 'GET', url = '/' } = request;
    const type = request.headers['content-type'] ?? '';
    const shown = type === 'application/wasm' ? createHash('sha256').update(body).digest('hex') : body.toString();
    this.requests.push({ method, path: url, type, body: shown });
    try {
      if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`)
        throw refusal('request.unauthorized', 'a token is needed');
      const { pathname, searchParams } = new URL(url, this.url);
      const parts = pathname.split('/').slice(1).map(decodeURIComponent);
      if (parts[0] === 'transforms' && parts[2] === 'logs') {
        this.#logs(this.#known(parts[1]), searchParams, response);
        return;
      }
      if (parts[0] === 'transforms' && parts[2] === 'config' && request.headers.accept === 'application/yaml') {
        response.setHeader('content-type', 'application/yaml').end(this.#known(parts[1]).text);
        return;
      }
      const [status, json] = this.#route(`${method} ${parts[0] ?? ''}`, parts.slice(1), searchParams, body, type);
      response.statusCode = status;
      if (json === undefined) response.end();
      else response.setHeader('content-type', 'application/json').end(JSON.stringify(json));
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      response.statusCode = thrown.shape.error_code;
      response.setHeader('content-type', 'application/json').end(JSON.stringify(thrown.shape));
    }
  }

  #route(
    what: string,
    parts: readonly string[],
    query: URLSearchParams,
    body: Buffer,
    type: string,
  ): [number, unknown?] {
    const [name, action] = parts;
    switch (what) {
      case 'GET ':
        return [200, this.#about()];
      case 'GET transforms':
        if (name !== undefined) return [200, this.#read(name, action)];
        return [200, query.has('expand') ? this.#expanded(query.getAll('expand')) : [...this.transforms.keys()]];
      case 'POST transforms':
        return name === undefined ? this.#deploy(body, type, true) : this.#restart(name, query);
      case 'PUT transforms':
        if (name === 'plan') return [200, planSchema.parse({ ...planOf(body.toString()), ...this.plan })];
        return action === 'config' ? this.#deploy(body, type, false) : this.#aim(name, action);
      case 'PATCH transforms':
        return this.#resetOffsets(name, JSON.parse(body.toString()));
      case 'DELETE transforms':
        this.#known(name);
        if (action === 'offsets') this.#stopped(name);
        else this.transforms.delete(name ?? '');
        return [204];
      case 'GET modules':
        return [200, this.modules.map((module) => moduleSchema.parse(module))];
      case 'POST modules':
        return this.#upload(query.get('name') ?? '', body, type);
      case 'DELETE modules':
        return this.#deleteModule(name ?? '');
      case 'GET admin':
        if (action === undefined) return [200, this.loggers];
        return [200, this.loggers[action] ?? this.#known(action)];
      case 'PUT admin':
        return this.#setLevel(action ?? '', JSON.parse(body.toString()));
      default:
        throw refusal('request.not_found', `there is no ${what}`);
    }
  }

  #known(name = ''): FakeTransform {
    const transform = this.transforms.get(name);
    if (transform === undefined) throw refusal('transform.not_found', `there is no transform ${name}`);
    return transform;
  }

  #stopped(name = ''): FakeTransform {
    const transform = this.#known(name);
    if (transform.status.connector.state === 'STOPPED') return transform;
    throw refusal('transform.not_stopped', `${name} is ${transform.status.connector.state}`, {
      suggestion: 'Stop it first.',
    });
  }

  #about(): unknown {
    return {
      name: 'streamline-sidecar',
      version: '0.1.0',
      worker_id: WORKER,
      transport: 'bridge',
      features: { wasm_transforms: true },
      specs: { directory: 'specs', writable: true, errors: this.specErrors },
    };
  }

  #read(name: string, action: string | undefined): unknown {
    const transform = this.#known(name);
    switch (action) {
      case undefined:
        return infoOf(name, transform.text);
      case 'status':
        this.onStatus(transform);
        return statusSchema.parse(transform.status);
      case 'metrics':
        return metricsSchema.parse(transform.metrics);
      case 'offsets':
        return offsetsSchema.parse(transform.offsets);
      case 'config':
        return parse(transform.text);
      default:
        throw refusal('request.not_found', `there is no ${action}`);
    }
  }

  #expanded(expand: readonly string[]): unknown {
    return Object.fromEntries(
      [...this.transforms].map(([name, { status, text }]) => [
        name,
        {
          ...(expand.includes('status') ? { status: statusSchema.parse(status) } : {}),
          ...(expand.includes('info') ? { info: infoOf(name, text) } : {}),
        },
      ]),
    );
  }

  #deploy(body: Buffer, type: string, createOnly: boolean): [number, unknown] {
    if (type !== 'application/yaml') throw refusal('request.media_type', `not ${type}`);
    const text = body.toString();
    const outcome = parseSpec(text, 'request');
    if ('errors' in outcome) {
      const [error] = outcome.errors;
      throw refusal(error.code, error.message, { configPath: error.configPath });
    }
    const { name, sha256, stages } = outcome.config;
    const [{ wasmModule }] = stages;
    if (wasmModule.startsWith('missing/'))
      throw refusal('spec.module_missing', `there is no module ${wasmModule}`, { configPath: '/wasm_module' });
    const before = this.transforms.get(name);
    if (before !== undefined && createOnly) throw refusal('transform.exists', `there is a transform ${name}`);
    const transform = before ?? this.add(name);
    const changed = transform.text !== text;
    transform.text = text;
    if (before === undefined) transform.status = statusOf(name, sha256);
    this.onDeploy(transform, sha256);
    const created = before === undefined;
    const deployed = { ...infoOf(name, text), created, changed: created || changed, config_sha256: sha256 };
    return [created ? 201 : 200, deployedSchema.parse(deployed)];
  }

  #aim(name: string | undefined, action: string | undefined): [number] {
    const { status } = this.#known(name);
    const state = ({ pause: 'PAUSED', resume: 'RUNNING', stop: 'STOPPED' } as const)[action ?? ''];
    if (state === undefined) throw refusal('request.not_found', `there is no ${action}`);
    this.#known(name).status = { ...status, target_state: state, connector: { state, worker_id: WORKER } };
    return [action === 'stop' ? 204 : 202];
  }

  #restart(name: string, query: URLSearchParams): [number, unknown?] {
    const { status } = this.#known(name);
    return query.get('includeTasks') === 'true' ? [202, status] : [204];
  }

  #resetOffsets(name: string | undefined, body: unknown): [number, unknown] {
    const transform = this.#stopped(name);
    const { to, offsets = [] } = body as {
      readonly to?: string;
      readonly offsets?: readonly { partition: { kafka_partition: number }; offset: { kafka_offset: number } }[];
    };
    transform.offsets = {
      offsets: transform.offsets.offsets.map((one) => {
        const own = offsets.find(({ partition }) => partition.kafka_partition === one.partition.kafka_partition);
        const at = to === 'earliest' ? one.earliest : to === 'latest' ? one.latest : own?.offset.kafka_offset;
        return at === undefined ? one : { ...one, offset: { kafka_offset: at }, lag: one.latest - at };
      }),
    };
    return [200, transform.offsets];
  }

  #upload(name: string, body: Buffer, type: string): [number, unknown] {
    if (type !== 'application/wasm') throw refusal('request.media_type', `not ${type}`);
    const sha256 = createHash('sha256').update(body).digest('hex');
    const there = this.modules.find((module) => module.sha256 === sha256 && module.name === name);
    const module = there ?? moduleOf(name, sha256, body.length);
    if (there === undefined) this.modules.push(module);
    return [there === undefined ? 201 : 200, moduleSchema.parse(module)];
  }

  #deleteModule(sha256: string): [number] {
    const at = this.modules.findIndex((module) => module.sha256 === sha256);
    const module = this.modules[at];
    if (module === undefined) throw refusal('module.not_found', `there is no module ${sha256}`);
    if (module.used_by.length > 0)
      throw refusal('module.in_use', `${module.path} is used by ${module.used_by.join(', ')}`);
    this.modules.splice(at, 1);
    return [204];
  }

  #setLevel(name: string, body: unknown): [number, unknown] {
    const { level } = body as { readonly level: string };
    if (this.loggers[name] === undefined) this.#known(name);
    if (!['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].includes(level))
      throw refusal('request.invalid', `there is no level ${level}`, { configPath: '/level' });
    this.loggers[name] = { level, last_modified: 1_767_225_600_000 };
    return [200, [name]];
  }

  #logs({ logs }: FakeTransform, query: URLSearchParams, response: ServerResponse): void {
    response.setHeader('content-type', 'application/x-ndjson');
    response.flushHeaders();
    const since = Number(query.get('since') ?? 0);
    const kept = logs.filter(({ time }) => Date.parse(time) >= since);
    const tail = Number(query.get('tail') ?? 100);
    for (const line of tail === 0 ? [] : kept.slice(-tail)) response.write(`${JSON.stringify(line)}\n`);
    if (query.get('follow') !== 'true') {
      response.end();
      return;
    }
    this.#followers.add(response);
    response.on('close', () => this.#followers.delete(response));
  }
}

export const WORKER = '127.0.0.1:8084';
const MODULE_SHA256 = 'a'.repeat(64);
export const SINCE = '2026-01-01T00:00:00.000Z';

const METRICS: Metrics = {
  records: {
    received: 1_234_567,
    output: 1_200_000,
    dead_lettered: 67,
    filtered: 34_500,
    skipped: 0,
    returned: 0,
    in_flight: 0,
    unaccounted: 0,
  },
  retries: 3,
  errors: { 'guest.trap': 63, 'guest.out_of_fuel': 7 },
  dead_letters: { 'guest.trap': 60, 'guest.out_of_fuel': 7 },
  latency_us: { mean: 12.34, p50: 11, p99: 250 },
  end_to_end_us: { mean: 4200, p50: 3900, p99: 15_000 },
  input_bytes: 320_987_420,
  output_bytes: 308_641_750,
  fuel_units: 98_765_432,
  in_flight_bytes: 0,
  instances: { busy: 1, idle: 0 },
  instance_restarts: 67,
  stuck_threads: 0,
  log_lines_dropped: 0,
  lag: { total: 42, partitions: [0, 1].map((partition) => ({ partition, lag: 21 })) },
  last_commit: SINCE,
};

function statusOf(name: string, sha256: string): Status {
  const task = (id: number) => ({ id, state: 'RUNNING', worker_id: WORKER }) as const;
  return {
    name,
    type: 'map',
    connector: { state: 'RUNNING', worker_id: WORKER },
    tasks: [task(0), task(1)],
    target_state: 'RUNNING',
    group_id: `streamline.${name}`,
    partitions: [0, 1],
    worker_id: WORKER,
    restarts: 0,
    instances: { busy: 1, idle: 0 },
    version: {
      number: 1,
      module: 'transforms/mask_pii.wasm',
      module_sha256: MODULE_SHA256,
      config_sha256: sha256,
      since: SINCE,
      records: 5,
    },
    spec_errors: [],
  };
}

function infoOf(name: string, text: string): Info {
  const config = parse(text) as Record<string, unknown>;
  const tasks = [0, 1].map((task) => ({ transform: name, task }));
  return infoSchema.parse({ name, config, tasks, type: 'map', source: `specs/${name}.yaml` });
}

function partitionOffset(partition: number): Offsets['offsets'][number] {
  return {
    partition: { kafka_topic: 'raw-events', kafka_partition: partition },
    offset: { kafka_offset: 1000 + partition },
    earliest: 10,
    latest: 1021 + partition,
    lag: 21,
  };
}

function planOf(text: string): Plan {
  const { name = '', input_topic: input = '' } = parse(text) as {
    readonly name?: string;
    readonly input_topic?: string;
  };
  return {
    name,
    action: 'in_place',
    changes: [{ field: 'timeout_ms', before: 10, after: 20 }],
    group: { group_id: `streamline.${name}`, state: 'Stable', members: 1, lag: 42, start: 'at the committed offsets' },
    topics: [
      { role: 'input', topic: input, partitions: 2, creates: false },
      { role: 'output', creates: false },
      { role: 'dead_letter', topic: `${name}.dlq`, creates: true },
    ],
    schemas: [],
    effects: ['Order is kept.'],
    errors: [],
  };
}

function moduleOf(name: string, sha256: string, size: number): Module {
  const path = `uploaded/${name}/${sha256}.wasm`;
  return { path, name, sha256, size_bytes: size, uploaded: true, modified: SINCE, used_by: [] };
}

function configSha256(text: string): string {
  const outcome = parseSpec(text, 'fake');
  if ('errors' in outcome) throw outcome.errors[0];
  return outcome.config.sha256;
}

function refusal(code: ErrorCode, message: string, more: Partial<ErrorShape> = {}): Refusal {
  return new Refusal(errorShape(code, message, more));
}
