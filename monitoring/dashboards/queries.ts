import type { Dashboard, Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard';

export interface PanelQuery {
  /** Title of the panel, and the letter of the query in it. */
  readonly place: string;
  readonly expression: string;
  readonly legend: string | undefined;
}

/** What stands for the variables of a dashboard in its queries. */
export interface Chosen {
  readonly transform: string;
  readonly instance: string;
  /** Of `$__rate_interval` and `$__range`. */
  readonly rangeSeconds: number;
}

/** The fields of a target that a Prometheus source reads. */
interface PrometheusTarget {
  readonly refId?: string;
  readonly expr?: string;
  readonly legendFormat?: string;
}

export function panelsOf(dashboard: Dashboard): Panel[] {
  return (dashboard.panels ?? []).filter((panel): panel is Panel => !isRow(panel));
}

function isRow(panel: Panel | RowPanel): panel is RowPanel {
  return panel.type === 'row';
}

export function queriesOf(dashboard: Dashboard): PanelQuery[] {
  return panelsOf(dashboard).flatMap(({ title = '', targets = [] }) =>
    targets.map((target) => {
      const { refId = '', expr = '', legendFormat } = target as PrometheusTarget;
      return { place: `${title} ${refId}`, expression: expr, legend: legendFormat };
    }),
  );
}

/** A query as Grafana sends it; throws when a variable is left. */
export function filledIn(expression: string, { transform, instance, rangeSeconds }: Chosen): string {
  const filled = expression
    .replaceAll('$transform', transform)
    .replaceAll('$instance', instance)
    .replaceAll('$__rate_interval', `${rangeSeconds}s`)
    .replaceAll('$__range', `${rangeSeconds}s`);
  if (filled.includes('$')) throw new Error(`a variable that no dashboard has: ${filled}`);
  return filled;
}
