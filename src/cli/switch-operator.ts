import type {
  CommandResult,
  GatewayEventListener,
  Operator,
  OperatorCommand,
  OperatorQueries,
  OperatorSnapshot,
} from '../gateway/operator.ts';
import { eventsBetween } from '../gateway/server/snapshot-diff.ts';

/** An operator whose gateway can be exchanged: the console stays open while the gateway restarts. */
export class SwitchOperator implements Operator {
  #current: Operator;
  #unsubscribe: () => void;
  readonly #listeners = new Set<GatewayEventListener>();
  /** Taken as the gateway began to stop: afterwards its store is closed and cannot be asked. */
  #last: OperatorSnapshot | undefined;

  constructor(first: Operator) {
    this.#current = first;
    this.#unsubscribe = first.subscribe((event) => this.#tell(event));
  }

  /** Goes on with another gateway; listeners are told what differs. */
  switchTo(next: Operator): void {
    const before = this.snapshot();
    this.#last = undefined;
    this.#unsubscribe();
    this.#current = next;
    this.#unsubscribe = next.subscribe((event) => this.#tell(event));
    for (const event of eventsBetween(before, next.snapshot())) this.#tell(event);
  }

  snapshot(): OperatorSnapshot {
    return this.#last ?? this.#current.snapshot();
  }

  subscribe(listener: GatewayEventListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  run(command: OperatorCommand): Promise<CommandResult> {
    return this.#current.run(command);
  }

  query<K extends keyof OperatorQueries>(
    name: K,
    params: OperatorQueries[K]['params'],
  ): Promise<OperatorQueries[K]['result']> {
    return this.#current.query(name, params);
  }

  link(): ReturnType<Operator['link']> {
    return this.#current.link();
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    await this.#current.close();
  }

  #tell(event: Parameters<GatewayEventListener>[0]): void {
    // What a stopping gateway says of its rows is not passed on: the next one is compared with what was shown last.
    if (this.#last !== undefined && event.type !== 'log' && event.type !== 'gateway') return;
    if (event.type === 'gateway' && event.gateway.state === 'stopping') this.#last = this.#current.snapshot();
    for (const listener of this.#listeners) listener(event);
  }
}
