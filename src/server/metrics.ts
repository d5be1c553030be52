import type { Registry } from 'prom-client';
import { settlesWithin } from '../base/async.ts';
import { messageOf } from '../base/errors.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { TaskView } from '../gateway/model.ts';
import type {
  GatewayEvent,
  Operator,
  OperatorQueries,
  OperatorSnapshot,
} from '../gateway/operator/operator.ts';
import { COUNTERS, type Measures, type ServerCounters } from './metric-tables.ts';

/** Counts by labels, as cheap as a map lookup: every message passes here. */
class Tally {
  readonly #counts = new Map<string, { readonly labels: readonly string[]; count: number }>();

  add(...labels: readonly string[]): void {
    this.addSome(1, ...labels);
  }

  addSome(amount: number, ...labels: readonly string[]): void {
    const key = labels.join('\u0000');
    const entry = this.#counts.get(key);
    if (entry === undefined) this.#counts.set(key, { labels, count: amount });
    else entry.count += amount;
  }

  entries(): Iterable<{ readonly labels: readonly string[]; readonly count: number }> {
    return this.#counts.values();
  }
}

export interface MetricsOptions {
  /** The server's own counters, once there is a server. */
  readonly server?: () => Readonly<ServerCounters> | undefined;
  /** What the gateway has measured. */
  readonly measures?: () => Measures;
}

const FINAL_ROW = new Set(['delivered', 'failed', 'abandoned']);

/**
 * Prometheus metrics of one gateway, fed from its event stream. Counting costs a map lookup; the Prometheus library
 * (and Node's process metrics) are loaded when someone asks for the first time.
 */
export class Metrics {
  readonly #operator: Operator;
  readonly #options: MetricsOptions;
  readonly #counts = new Map(Object.keys(COUNTERS).map((name) => [name, new Tally()]));
  readonly #unsubscribe: () => void;
  /** Tasks that were seen before they ended: each end is counted once. */
  readonly #liveTasks: Set<string>;
  /** All gauges of one answer are read from the same moment. */
  #snapshot: OperatorSnapshot;
  #limits: OperatorQueries['limits']['result'] = [];
  #measures: Measures | undefined;
  #registry: Promise<Registry> | undefined;

  constructor(operator: Operator, options: MetricsOptions = {}) {
    this.#operator = operator;
    this.#options = options;
    this.#snapshot = operator.snapshot();
    this.#liveTasks = new Set(this.#snapshot.tasks.filter((task) => !isOver(task)).map((task) => task.id));
    this.#unsubscribe = operator.subscribe((event) => this.#count(event));
  }

  /** Everything as Prometheus text. */
  async text(): Promise<string> {
    this.#registry ??= this.#build().catch((error: unknown) => {
      this.#registry = undefined; // The next request tries again.
      throw error;
    });
    const registry = await this.#registry;
    this.#limits = await this.#operator.query('limits', {});
    this.#snapshot = this.#operator.snapshot();
    this.#measures = this.#options.measures?.();
    return registry.metrics();
  }

  /** Ends the subscription. The library's observers of the process (garbage collector, loop delay) stay with it. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    const registry = await this.#registry?.catch(() => undefined);
    registry?.clear();
  }

  #add(name: keyof typeof COUNTERS, ...labels: readonly string[]): void {
    this.#counts.get(name)?.add(...labels);
  }

  #count(event: GatewayEvent): void {
    switch (event.type) {
      case 'traffic':
        this.#add('messages', event.platform, event.direction);
        break;
      case 'refusal':
        this.#counts
          .get('refusals')
          ?.addSome(event.refusal.count ?? 1, event.refusal.platform, event.refusal.code);
        break;
      case 'turn':
        if (event.event.type === 'started') this.#add('turns');
        else if (event.event.type === 'tool_end') this.#add('tools', String(event.event.ok));
        break;
      case 'usage': {
        const platform = event.platform ?? 'none';
        this.#add('answers', platform);
        this.#counts.get('tokens')?.addSome(event.inputTokens, platform, 'in');
        this.#counts.get('tokens')?.addSome(event.outputTokens, platform, 'out');
        this.#counts.get('cost')?.addSome(event.costUsd, platform);
        break;
      }
      case 'limit':
        this.#add('limits', event.what, event.scope);
        break;
      case 'task':
        if (!isOver(event.task)) this.#liveTasks.add(event.task.id);
        else if (this.#liveTasks.delete(event.task.id)) this.#add('tasks', event.task.status);
        break;
      case 'outbox':
        if (FINAL_ROW.has(event.item.state)) this.#add('outbox', event.item.state);
        break;
      case 'pairing-closed':
        this.#add('pairings', event.outcome);
        break;
      case 'log':
        this.#add('log', event.line.level);
        break;
      default:
      // Rows are read from the snapshot when someone asks.
    }
  }

  async #build(): Promise<Registry> {
    const { createRegistry } = await import('./prometheus.ts');
    return createRegistry({
      counted: (key) => this.#counts.get(key)?.entries() ?? [],
      server: () => this.#options.server?.(),
      snapshot: () => ({ ...this.#snapshot, limits: this.#limits, measures: this.#measures }),
    });
  }
}

function isOver(task: TaskView): boolean {
  return task.status !== 'queued' && task.status !== 'running';
}

/** A stop waits no longer for a collector. */
const LAST_MS = 2000;

/**
 * One OpenTelemetry trace for each message from now on, when `OTEL_EXPORTER_OTLP_ENDPOINT` is set; nothing is loaded
 * without it. Returns what sends the last ones and ends that.
 */
export async function traceMessages(gateway: Gateway, env: NodeJS.ProcessEnv): Promise<() => Promise<void>> {
  const { timings } = gateway;
  const { redactor, logs, version } = gateway.deps;
  const log = logs.logger('traces');
  const url = collectorOf(env);
  if (url === undefined) return async () => {};
  // A token for the collector.
  for (const name of ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'])
    for (const pair of (env[name] ?? '').split(','))
      for (const word of pair.slice(pair.indexOf('=') + 1).split(/%20|\s/)) redactor.add(word);
  let reached: boolean | undefined;
  try {
    const { createTracer } = await import('./otlp.ts');
    const tracer = createTracer({
      url,
      service: env['OTEL_SERVICE_NAME'] ?? 'pi-gateway-tui',
      version,
      sent: (error) => {
        if (error === undefined && reached === false) log.info('the collector takes traces again');
        else if (error !== undefined && reached !== false)
          log.warn('traces are lost: the collector does not take them', {
            reason: error,
            next: 'Check OTEL_EXPORTER_OTLP_ENDPOINT. The gateway keeps trying, and messages do not wait for it.',
          });
        reached = error === undefined;
      },
    });
    timings.onDone = (timeline) => tracer.take(timeline);
    return async () => {
      timings.onDone = undefined;
      await settlesWithin(tracer.close(), LAST_MS);
    };
  } catch (error) {
    log.error('no traces are sent', { reason: messageOf(error) });
    return async () => {};
  }
}

/** As OpenTelemetry says it: an address for traces is whole, a general one gets their path. */
function collectorOf(env: NodeJS.ProcessEnv): string | undefined {
  const own = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  if (own !== undefined && own !== '') return own;
  const base = env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  return base === undefined || base === '' ? undefined : `${base.replace(/\/+$/, '')}/v1/traces`;
}
