import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueColorMode,
  BigValueGraphMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkType,
  DatasourceVariableBuilder,
  MappingType,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  VariableSort,
  type Dashboard,
  type DashboardLink,
  type Panel,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as GraphBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** Grafana's own names of units: https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts */
export type Unit = 'short' | 'recps' | 's' | 'bytes' | 'Bps' | 'percentunit' | 'cps' | 'reqps' | 'dtdurations' | 'none';

/** PromQL → what its series are called in the legend, `{{label}}` standing for a label's value. */
export type Queries = Readonly<Record<string, string>>;

export interface View {
  readonly title: string;
  /** What it shows, and what to think of it: for someone who is woken up by an alert. */
  readonly description: string;
  readonly unit: Unit;
  readonly queries: Queries;
  /** Of 24; what a row of the dashboard holds. */
  readonly width: number;
}

export interface GraphView extends View {
  /** The series are parts of one whole. */
  readonly stacked?: boolean;
}

export interface StatView extends View {
  /** From which value on it is of concern. */
  readonly warnFrom?: number;
  readonly alarmFrom?: number;
  /** Number → word and colour. */
  readonly words?: Words;
}

export type Words = Readonly<Record<string, readonly [text: string, color: string]>>;

export interface Column {
  /** undefined: the values say nothing, the labels do. */
  readonly title?: string;
  readonly unit?: Unit;
  readonly words?: Words;
}

export interface TableView {
  readonly title: string;
  readonly description: string;
  readonly width: number;
  readonly height: number;
  /** The label that the rows are of. */
  readonly rows: string;
  /** PromQL by the column its values fill. */
  readonly columns: readonly (Column & { readonly query: string })[];
  /** Dashboard that a row leads to, told the row's label. */
  readonly link?: string;
}

export interface BoardOptions {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** Which transforms it shows: any number of them, one, or it is not about transforms. */
  readonly transforms: 'several' | 'one' | 'none';
}

const STAT_HEIGHT = 4;
const GRAPH_HEIGHT = 8;
/** Whichever is chosen above. */
const SOURCE = { type: 'prometheus', uid: '${datasource}' };
/** Not by Grafana's builder, whose links are hidden in a menu. */
const TO_THE_OTHERS: DashboardLink = {
  title: 'Streamline',
  type: DashboardLinkType.Dashboards,
  icon: '',
  tooltip: 'The other dashboards of Streamline',
  tags: ['streamline'],
  asDropdown: false,
  targetBlank: false,
  includeVars: true,
  keepTime: true,
};
const ALL = { selected: true, text: 'All', value: '$__all' };
const LINE_WIDTH = 1;
const FILL_PERCENT = 10;
const STACKED_FILL_PERCENT = 40;

/** A dashboard in the making: panels are placed from left to right, and numbered. */
export class Board {
  readonly #builder: DashboardBuilder;
  #panels = 0;

  constructor({ uid, title, description, transforms }: BoardOptions) {
    this.#builder = new DashboardBuilder(title)
      .uid(uid)
      .description(description)
      .tags(['streamline'])
      // Found as they are in the repository: changes are made there.
      .readonly()
      .tooltip(DashboardCursorSync.Crosshair)
      .refresh('30s')
      .time({ from: 'now-1h', to: 'now' })
      .link({ build: () => TO_THE_OTHERS })
      .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'))
      .withVariable(several(labelVariable('instance', 'Sidecar', 'label_values(streamline_sidecar_info, instance)')));
    if (transforms === 'none') return;
    const variable = labelVariable(
      'transform',
      'Transform',
      'label_values(streamline_transform_state{instance=~"$instance"}, transform)',
    );
    this.#builder.withVariable(transforms === 'one' ? variable : several(variable));
  }

  build(): Dashboard {
    return this.#builder.build();
  }

  row(title: string): this {
    this.#builder.withRow(new RowBuilder(title).id(this.#nextId()));
    return this;
  }

  /** What changes over time. */
  graph(view: GraphView): this {
    const panel = this.#placed(new GraphBuilder(), view, GRAPH_HEIGHT)
      .min(0)
      .lineWidth(LINE_WIDTH)
      .fillOpacity(view.stacked === true ? STACKED_FILL_PERCENT : FILL_PERCENT)
      .showPoints(VisibilityMode.Never)
      .legend(
        new VizLegendOptionsBuilder()
          .displayMode(LegendDisplayMode.List)
          .placement(LegendPlacement.Bottom)
          .showLegend(true),
      )
      .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
    if (view.stacked === true) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'));
    return this.#add(panel.targets(rangeQueries(view.queries)));
  }

  /** One figure, as it is now. */
  stat(view: StatView): this {
    const { warnFrom, alarmFrom, words } = view;
    const steps = [
      { value: null, color: 'green' },
      ...(warnFrom === undefined ? [] : [{ value: warnFrom, color: 'orange' }]),
      ...(alarmFrom === undefined ? [] : [{ value: alarmFrom, color: 'red' }]),
    ];
    const panel = this.#placed(new StatBuilder(), view, STAT_HEIGHT)
      .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps))
      .colorMode(steps.length > 1 || words !== undefined ? BigValueColorMode.Background : BigValueColorMode.None)
      .graphMode(words === undefined ? BigValueGraphMode.Area : BigValueGraphMode.None)
      .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('').values(false));
    if (words !== undefined) panel.mappings([mapping(words)]);
    return this.#add(panel.targets(rangeQueries(view.queries)));
  }

  /** Which of some words held when. */
  timeline(view: View & { readonly words: Words }): this {
    const panel = this.#placed(new TimelineBuilder(), view, GRAPH_HEIGHT)
      .mappings([mapping(view.words)])
      .fillOpacity(70)
      .legend(new VizLegendOptionsBuilder().showLegend(false).displayMode(LegendDisplayMode.List))
      .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Single));
    return this.#add(panel.targets(rangeQueries(view.queries)));
  }

  /** A row a value of a label, a column a query, all as they are now. */
  table({ rows, columns, link, ...view }: TableView): this {
    const times = ['Time', ...columns.map((_column, i) => `Time ${i + 1}`)];
    // What Grafana calls the values of a query: by its letter, unless it is the only one.
    const fields = (title: string | undefined): string[] =>
      columns.flatMap((column, i) =>
        column.title === title ? [columns.length === 1 ? 'Value' : `Value #${letter(i)}`] : [],
      );
    const panel = this.#placed(new TableBuilder(), { ...view, unit: 'short' }, view.height)
      .targets(columns.map(({ query }, i) => tableQuery(query, letter(i))))
      // One table of the queries' tables. Their times are all now.
      .transformations([
        ...(columns.length === 1 ? [] : [{ id: 'joinByField', options: { byField: rows, mode: 'outer' } }]),
        {
          id: 'organize',
          options: {
            excludeByName: Object.fromEntries([...times, ...fields(undefined)].map((field) => [field, true])),
            renameByName: Object.fromEntries(
              columns.flatMap(({ title }) => fields(title).map((field) => [field, title])),
            ),
          },
        },
      ]);
    for (const { title, unit, words } of columns) {
      if (title === undefined) continue;
      panel.overrideByName(title, [
        ...(unit === undefined ? [] : [{ id: 'unit', value: unit }]),
        ...(words === undefined ? [] : [{ id: 'mappings', value: [mapping(words)] }]),
      ]);
    }
    if (link !== undefined) {
      const url = `/d/${link}?var-${rows}=\${__value.text}&\${datasource:queryparam}&\${instance:queryparam}&\${__url_time_range}`;
      panel.overrideByName(rows, [
        { id: 'links', value: [{ title: 'Show ${__value.text}', url, targetBlank: false }] },
      ]);
    }
    return this.#add(panel);
  }

  #placed<T extends PlacedBuilder<T>>(panel: T, view: Omit<View, 'queries'>, height: number): T {
    return panel
      .id(this.#nextId())
      .title(view.title)
      .description(view.description)
      .datasource(SOURCE)
      .unit(view.unit)
      .height(height)
      .span(view.width);
  }

  #add(panel: Builder<Panel>): this {
    this.#builder.withPanel(panel);
    return this;
  }

  #nextId(): number {
    this.#panels += 1;
    return this.#panels;
  }
}

/** What Grafana's builders of panels have in common. */
interface PlacedBuilder<T> extends Builder<Panel> {
  id(id: number): T;
  title(title: string): T;
  description(description: string): T;
  datasource(source: typeof SOURCE): T;
  unit(unit: string): T;
  height(units: number): T;
  span(units: number): T;
}

function labelVariable(name: string, label: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(SOURCE)
    .query({ query, refId: `${name}-values` })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
}

/** Any number of them, all to begin with. */
function several(variable: QueryVariableBuilder): QueryVariableBuilder {
  return variable.multi(true).includeAll(true).allValue('.*').current(ALL);
}

function rangeQueries(queries: Queries): Builder<Dataquery>[] {
  return Object.entries(queries).map(([expression, legend], i) =>
    new DataqueryBuilder().datasource(SOURCE).refId(letter(i)).expr(expression).legendFormat(legend).range(),
  );
}

function tableQuery(expression: string, refId: string): Builder<Dataquery> {
  return new DataqueryBuilder()
    .datasource(SOURCE)
    .refId(refId)
    .expr(expression)
    .format(PromQueryFormat.Table)
    .instant();
}

function letter(i: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + i);
}

function mapping(words: Words): ValueMapping {
  const options = Object.entries(words).map(
    ([value, [text, color]], index) => [value, { text, color, index }] as const,
  );
  return { type: MappingType.ValueToText, options: Object.fromEntries(options) };
}
