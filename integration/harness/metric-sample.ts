/** One moment of `/metrics`. */
export class MetricSample {
  /** `name{label="value",…}`, labels as the sidecar wrote them → number. */
  readonly #series: readonly { name: string; labels: ReadonlyMap<string, string>; value: number }[];

  constructor(text: string) {
    this.#series = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map(parseLine);
  }

  /** Sum of the series of this name that have these labels; 0 when there are none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.#series
      .filter((series) => series.name === name)
      .filter((series) => Object.entries(labels).every(([label, value]) => series.labels.get(label) === value))
      .reduce((total, { value }) => total + value, 0);
  }

  /** The state a transform is in; undefined when it is not listed. */
  state(transform: string): string | undefined {
    const own = this.#series.find(
      ({ name, labels, value }) =>
        name === 'streamline_transform_state' && labels.get('transform') === transform && value === 1,
    );
    return own?.labels.get('state');
  }

  /** Settled records of a transform: output, dead_lettered, filtered, skipped, returned. */
  settled(transform: string, outcome: string): number {
    return this.sum('streamline_transform_records_total', { transform, outcome });
  }
}

function parseLine(line: string): { name: string; labels: Map<string, string>; value: number } {
  const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (match === null) throw new Error(`not a metric: ${line}`);
  const labels = [...(match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
  return {
    name: match[1] ?? '',
    labels: new Map(labels.map(([, label = '', value = '']) => [label, value])),
    value: Number(match[3]),
  };
}
