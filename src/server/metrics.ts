import type { Registry } from 'prom-client';
import type { TaskView } from '../gateway/model.ts';
import type {
  GatewayEvent,
  Operator,
  OperatorQueries,
  OperatorSnapshot,
} from '../gateway/operator/operator.ts';
import type { ServerCounters } from './counters.ts';
import { COUNTERS, type Measures } from './metric-tables.ts';

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
