import { parser } from '@prometheus-io/lezer-promql';

type Node = ReturnType<typeof parser.parse>['topNode'];

/** `name{label="value"}` of a query, in a range or not. */
export interface Selector {
  /** '' = by labels only. */
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly value: string; readonly isPattern: boolean }[];
  /** The function that its range is given to. */
  readonly rangeFunction: string | undefined;
}

export interface Promql {
  readonly selectors: readonly Selector[];
  /** Labels of by, without, on, ignoring, group_left, group_right. */
  readonly groupings: readonly string[];
}

/** What a query asks for, by the grammar of Prometheus' own web page; throws where it is none. What it computes with, promtool checks. */
export function parsePromql(query: string): Promql {
  const selectors: Selector[] = [];
  const groupings: string[] = [];
  const text = ({ from, to }: Node): string => query.slice(from, to);
  const visit = (node: Node): void => {
    if (node.type.isError) throw new SyntaxError(`not PromQL at ${node.from}: ${query}`);
    if (node.name === 'GroupingLabels') groupings.push(...node.getChildren('LabelName').map(text));
    if (node.name === 'VectorSelector') {
      const metric = node.getChild('Identifier');
      selectors.push({
        metric: metric === null ? '' : text(metric),
        matchers: (node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map((matcher) => {
          const [label, value] = [matcher.getChild('LabelName'), matcher.getChild('StringLiteral')];
          if (label === null || value === null) throw new SyntaxError(`not a matcher: ${text(matcher)}`);
          const operator = matcher.getChild('MatchOp');
          const isPattern = operator !== null && text(operator).endsWith('~');
          return { label: text(label), value: text(value).slice(1, -1), isPattern };
        }),
        rangeFunction: node.parent?.name === 'MatrixSelector' ? functionAround(node.parent) : undefined,
      });
    }
    for (let child = node.firstChild; child !== null; child = child.nextSibling) visit(child);
  };
  const functionAround = (node: Node): string | undefined => {
    const name = node.parent?.parent?.getChild('FunctionIdentifier');
    return name === null || name === undefined ? undefined : text(name);
  };
  visit(parser.parse(query).topNode);
  return { selectors, groupings };
}
