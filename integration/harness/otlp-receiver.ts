import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Scope } from './scope.ts';

/** A span as it came over the wire, its attributes by name. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: SpanKindName;
  readonly traceState: string;
  readonly beganNs: bigint;
  readonly endedNs: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[];
  readonly status: 'unset' | 'ok' | 'error';
  /** `service.name` of its resource. */
  readonly service: unknown;
}

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
type SpanKindName = (typeof KINDS)[number];
const STATUS = ['unset', 'ok', 'error'] as const;

/** OTLP in JSON (opentelemetry-proto, trace.proto): ids are hexadecimal, 64-bit numbers are text. */
interface WireAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
interface WireSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly WireAttribute[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly events?: readonly { readonly name: string; readonly attributes?: readonly WireAttribute[] }[];
  readonly status?: { readonly code?: number };
}
interface WireTraces {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly WireAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

/** What a collector is to a sidecar: takes OTLP over HTTP, in JSON, and keeps it. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** What each request said of itself. */
  readonly requests: { readonly path: string; readonly type: string }[] = [];
  /** What it answers. */
  status = 200;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      void textOf(request).then((text) => {
        this.requests.push({ path: request.url ?? '', type: request.headers['content-type'] ?? '' });
        if (this.status === 200) this.spans.push(...spansOf(text));
        response.writeHead(this.status, { 'content-type': 'application/json' }).end('{}');
      });
    });
  }

  static async start(scope: Scope): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    scope.after(() => {
      receiver.#server.closeAllConnections();
      receiver.#server.close();
    });
    return receiver;
  }

  /** For a sidecar that is to send its traces here, soon after they end. */
  get environment(): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo;
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '50',
    };
  }

  childrenOf({ traceId, spanId }: ReceivedSpan): ReceivedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId && span.parentSpanId === spanId);
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function spansOf(text: string): ReceivedSpan[] {
  const { resourceSpans } = JSON.parse(text) as WireTraces;
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = attributesOf(resource.attributes)['service.name'];
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => spanOf(span, service)));
  });
}

function spanOf(span: WireSpan, service: unknown): ReceivedSpan {
  const { traceId, spanId, parentSpanId = '', name, traceState = '' } = span;
  return {
    ...{ traceId, spanId, parentSpanId, name, traceState, service },
    kind: KINDS[span.kind] ?? 'unspecified',
    beganNs: BigInt(span.startTimeUnixNano),
    endedNs: BigInt(span.endTimeUnixNano),
    attributes: attributesOf(span.attributes),
    links: span.links ?? [],
    events: (span.events ?? []).map((event) => ({ name: event.name, attributes: attributesOf(event.attributes) })),
    status: STATUS[span.status?.code ?? 0] ?? 'unset',
  };
}

function attributesOf(attributes: readonly WireAttribute[] = []): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
