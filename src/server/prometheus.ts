/**
 * The Prometheus side of the metrics. A file of its own with a plain import: a bundled CommonJS package has no named
 * exports when it is imported dynamically.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Histogram as Measured } from '../base/histogram.ts';
import type { ServerCounters } from './metric-tables.ts';
import {
  COUNTERS,
  GAUGES,
  HISTOGRAMS,
  type Measures,
  type MetricSnapshot,
  SERVER_COUNTERS,
} from './metric-tables.ts';

export interface MetricSources {
  counted(key: string): Iterable<{ readonly labels: readonly string[]; readonly count: number }>;
  server(): Readonly<ServerCounters> | undefined;
  snapshot(): MetricSnapshot;
}

const PREFIX = 'pi_gateway_';

/** A registry whose values are read from `sources` at each collection. */
export function createRegistry(sources: MetricSources): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const [key, [name, help, labels]] of Object.entries(COUNTERS))
    new Counter({
      name: PREFIX + name,
      help,
      labelNames: [...labels],
      registers: [registry],
      collect() {
        this.reset();
        for (const entry of sources.counted(key)) this.inc(labelled(labels, entry.labels), entry.count);
      },
    });
  for (const key of serverCounterKeys()) {
    const [name, help] = SERVER_COUNTERS[key];
    new Counter({
      name: PREFIX + name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(sources.server()?.[key] ?? 0);
      },
    });
  }
  for (const { name, help, labels, read } of GAUGES)
    new Gauge({
      name: PREFIX + name,
      help,
      labelNames: [...labels],
      registers: [registry],
      collect() {
        this.reset();
        for (const [values, value] of read(sources.snapshot())) this.set(labelled(labels, values), value);
      },
    });
  for (const [key, [name, help, label]] of Object.entries(HISTOGRAMS))
    registry.registerMetric(
      new ReadHistogram({
        name: PREFIX + name,
        help,
        label,
        read: () => sources.snapshot().measures?.histograms[key as keyof Measures['histograms']] ?? [],
      }),
    );
  return registry;
}

interface ReadOptions {
  readonly name: string;
  readonly help: string;
  readonly label: string;
  read(): Iterable<readonly [label: string, histogram: Measured]>;
}

/** A histogram that is counted elsewhere. The library's own allocates with each observation. */
class ReadHistogram extends Histogram {
  readonly #options: ReadOptions;

  constructor(options: ReadOptions) {
    super({ name: options.name, help: options.help, registers: [] });
    this.#options = options;
  }

  /** What the registry calls in the place of `get`. */
  async getForPromString(): Promise<unknown> {
    const { name, help, label, read } = this.#options;
    const values = [...read()].flatMap(([value, measured]) => {
      const labels = { [label]: value };
      const below = measured.cumulative();
      const total = measured.count;
      return [
        ...measured.bounds.map((le, at) => ({
          metricName: `${name}_bucket`,
          labels: { ...labels, le },
          value: below[at] ?? total,
        })),
        { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: total },
        { metricName: `${name}_sum`, labels, value: measured.sum },
        { metricName: `${name}_count`, labels, value: total },
      ];
    });
    return { name, help, type: 'histogram', values };
  }
}

function serverCounterKeys(): readonly (keyof ServerCounters)[] {
  return ['badFrames', 'slowClients', 'authFailures', 'originRefusals'];
}

function labelled(names: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
}
