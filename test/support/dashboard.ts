/** What a Grafana dashboard asks of Prometheus. */
export interface DashboardQuery {
  readonly panel: string;
  readonly expr: string;
  /** Metrics with the labels that the query, or its legend, names. */
  readonly metrics: readonly string[];
  readonly labels: readonly string[];
}

interface Target {
  readonly expr: string;
  readonly legendFormat?: string;
}

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly Target[] }[];
  readonly templating: { readonly list: readonly { readonly type: string; readonly query: string }[] };
}

/** Labels that Prometheus itself adds. */
const SCRAPED = new Set(['instance', 'job']);

export function queriesOf(json: string): DashboardQuery[] {
  const { panels, templating } = JSON.parse(json) as Dashboard;
  const variables = templating.list
    .filter(({ type }) => type === 'query')
    .map(({ query }) => ({ panel: 'a variable', expr: query, legend: '' }));
  const asked = panels.flatMap(({ title, targets }) =>
    targets.map(({ expr, legendFormat = '' }) => ({ panel: title, expr, legend: legendFormat })),
  );
  return [...variables, ...asked].map(({ panel, expr, legend }) => ({
    panel,
    expr,
    metrics: [...expr.matchAll(/\b(?:pi_gateway|process|nodejs)_\w+/g)].map(([name]) => name),
    labels: [
      ...[...expr.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => label),
      ...[...expr.matchAll(/\b(?:by|without)\s*\(([^)]*)\)/g)].flatMap(([, all = '']) =>
        all.split(/\s*,\s*/),
      ),
      ...[...legend.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map(([, label = '']) => label),
    ].filter((label) => !SCRAPED.has(label)),
  }));
}
