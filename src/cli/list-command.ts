import type { Command } from 'commander';
import type { CliContext, Session } from './cli-context.ts';
import { errorOfShape } from './command-error.ts';
import { withExample } from './help-example.ts';
import { ranges, shortDigest } from './quantity.ts';
import type { About, Expanded, Info, Metrics, Status } from '../api/rest-shapes.ts';
import { restPath, type SidecarClient } from './sidecar-client.ts';
import { styledState, waitingText } from './state-style.ts';
import { table, type Cell } from './table.ts';
import type { Terminal } from './terminal.ts';

interface Entry {
  readonly status: Status;
  readonly info: Info;
  readonly metrics?: Metrics;
}

/** `transforms list`: every transform, a line each. */
export function addListCommand(parent: Command, context: CliContext): Command {
  const command = parent
    .command('list')
    .alias('ls')
    .description('every transform with its state and topics')
    .option('-d, --detailed', 'with version, lag and counts')
    .action(
      context.action(async (session: Session, flags: { readonly detailed?: true }) => {
        const { client, terminal } = session;
        const detailed = flags.detailed === true;
        const [transforms, about] = await Promise.all([
          read(client, detailed),
          terminal.json ? undefined : client.get<About>('/'),
        ]);
        terminal.print(transforms, () => lines(terminal, transforms, detailed));
        for (const error of about?.specs.errors ?? []) terminal.note(errorOfShape(error).describe());
      }),
    );
  return withExample(command, 'transforms list', 'transforms ls --detailed');
}

async function read(client: SidecarClient, detailed: boolean): Promise<Record<string, Entry>> {
  const expanded = await client.get<Expanded>('/transforms?expand=status&expand=info');
  const entries = Object.entries(expanded).flatMap(([name, { status, info }]) =>
    // Both were asked for.
    status === undefined || info === undefined ? [] : [[name, { status, info }] as const],
  );
  if (!detailed) return Object.fromEntries(entries);
  return Object.fromEntries(
    await Promise.all(
      entries.map(async ([name, entry]) => {
        const metrics = await client.get<Metrics>(restPath('transforms', name, 'metrics'));
        return [name, { ...entry, metrics }] as const;
      }),
    ),
  );
}

function lines(terminal: Terminal, transforms: Record<string, Entry>, detailed: boolean): string[] {
  const entries = Object.entries(transforms).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) return ['There are no transforms. Deploy one with: streamline-cli transforms deploy'];
  const headings = ['NAME', 'STATE', 'TYPE', 'INPUT', 'OUTPUT', 'MODULE', 'PARTITIONS'];
  const more = ['VERSION', 'DIGEST', 'LAG', 'IN', 'OUT', 'FILTERED', 'DEAD-LETTERED', 'INSTANCES', 'RESTARTS'];
  return table(
    detailed ? [...headings, ...more] : headings,
    entries.map(([name, { status, info, metrics }]): Cell[] => [
      name,
      styledState(terminal, status.connector.state) + waitingText(terminal, status.waiting),
      status.type,
      text(info.config['input_topic']),
      text(info.config['output_topic']) || '(route)',
      status.version?.module ?? moduleOf(info),
      ranges(status.partitions),
      ...(detailed ? details(status, metrics) : []),
    ]),
  );
}

function details({ version, instances, restarts }: Status, metrics: Metrics | undefined): Cell[] {
  const records = metrics?.records;
  return [
    version?.number,
    version === undefined ? undefined : shortDigest(version.module_sha256),
    metrics?.lag.total,
    records?.received,
    records?.output,
    records?.filtered,
    records?.dead_lettered,
    `${instances.busy} busy, ${instances.idle} idle`,
    restarts,
  ];
}

function moduleOf({ config }: Info): string {
  const chain = Array.isArray(config['transforms']) ? (config['transforms'] as readonly unknown[]) : [];
  const stages = chain as readonly { readonly wasm_module?: unknown }[];
  return text(config['wasm_module'] ?? stages.map(({ wasm_module: module }) => text(module)).join(' → '));
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
