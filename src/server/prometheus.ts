/**
 * The Prometheus side of the metrics. A file of its own with a plain import: a bundled CommonJS package has no named
 * exports when it is imported dynamically.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { ServerCounters } from './counters.ts';
import { COUNTERS, GAUGES, type MetricSnapshot, SERVER_COUNTERS } from './metric-tables.ts';

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
  return registry;
}

function serverCounterKeys(): readonly (keyof ServerCounters)[] {
  return ['badFrames', 'slowClients', 'authFailures', 'originRefusals'];
}

function labelled(names: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
}
