import { after, type TestContext } from 'node:test';
import { clusterTest, startRegistry } from '../../testcontainers.config.ts';
import { ClusterUnavailable, type Cluster, type ClusterOptions } from '../cluster/cluster.ts';
import type { Registry } from '../cluster/registry.ts';

let shared: Promise<Registry> | undefined;

/** A test on a cluster and a schema registry, both shared by the tests of a file; skipped with the reason where one of them is missing. */
export function avroTest(
  name: string,
  body: (
    world: { readonly bootstrap: string; readonly registry: Registry; readonly cluster: Cluster },
    t: TestContext,
  ) => Promise<void>,
  options?: ClusterOptions & { readonly timeoutMs?: number },
): void {
  if (shared === undefined) {
    after(async () => {
      await (await shared?.catch(() => undefined))?.stop();
    });
  }
  clusterTest(
    name,
    async (cluster, t) => {
      shared ??= startRegistry();
      let registry: Registry;
      try {
        registry = await shared;
      } catch (thrown) {
        if (!(thrown instanceof ClusterUnavailable) || process.env['CI'] === 'true') throw thrown;
        t.skip(thrown.message);
        return;
      }
      await body({ bootstrap: cluster.bootstrap, registry, cluster }, t);
    },
    options,
  );
}

/** Registers a schema as anybody would. @returns its id */
export async function register(
  registry: Pick<Registry, 'url'>,
  subject: string,
  schema: unknown,
  schemaType: 'AVRO' | 'JSON' | 'PROTOBUF' = 'AVRO',
): Promise<number> {
  const text = typeof schema === 'string' ? schema : JSON.stringify(schema);
  const response = await fetch(`${registry.url}/subjects/${encodeURIComponent(subject)}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: text, schemaType }),
  });
  const body = (await response.json()) as { readonly id?: number };
  if (!response.ok || body.id === undefined)
    throw new Error(`the registry refused ${subject}: ${JSON.stringify(body)}`);
  return body.id;
}

/** As Confluent's serializers frame a value. */
export function framed(id: number, body: Buffer | string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(id, 1);
  return Buffer.concat([head, typeof body === 'string' ? Buffer.from(body) : body]);
}
