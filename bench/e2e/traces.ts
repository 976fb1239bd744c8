import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { say, type Row } from '../rows.ts';
import { sidecarContestant, type Contestant } from './contestant.ts';
import { copyRounds, rateRows, ratioRow } from './copies.ts';
import { MASK_CONFIG } from './input.ts';
import type { BenchContext } from './on-cluster.ts';

/** A collector that takes all it is sent and looks at none of it, in this process: what it costs is not the sidecar's. */
async function withCollector<T>(use: (endpoint: string) => Promise<T>): Promise<T> {
  let bytes = 0;
  const server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => (bytes += chunk.length)).on('end', () => response.writeHead(200).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const result = await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    say(`  the collector was sent ${Math.round(bytes / 1024)} KiB`);
    return result;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** Masking without traces, and with one batch in a hundred traced. */
export function traceFigures(context: BenchContext): Promise<Row[]> {
  return withCollector(async (OTEL_EXPORTER_OTLP_ENDPOINT) => {
    const spec = { module: 'mask_pii.wasm', config: MASK_CONFIG };
    const sampler = { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.01' };
    const contestants: readonly Contestant[] = [
      sidecarContestant('off', spec),
      sidecarContestant('sampled_1pct', spec, {}, { OTEL_EXPORTER_OTLP_ENDPOINT, ...sampler }),
    ];
    const rates = await copyRounds(context, contestants, { together: true });
    const [to, cpu] = (['to', 'cpu_to'] as const).map((figure) =>
      ratioRow('trace', rates, 'sampled_1pct', 'off', figure),
    );
    return [...rateRows('trace', rates), ...(to ?? []), ...(cpu ?? [])];
  });
}
