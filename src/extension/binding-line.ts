/** The line between the pi in this terminal and the gateway while a chat is bound to it. */

import { pause, settlesWithin } from '../base/async.ts';
import { defined } from '../base/defined.ts';
import { GatewayError } from '../base/errors.ts';
import { isObject } from '../gateway/agent/pi-files.ts';
import type { Order, Orders, OrdersSeen, Report } from '../gateway/bindings/terminal.ts';
import type { OperatorCommand } from '../gateway/operator/operator.ts';
import type { GatewayLink } from './gateway-link.ts';

/** Between two tries while no gateway can be reached. */
const RETRY_MS = [250, 500, 1000, 2000] as const;
/** Between two looks that brought nothing. */
const IDLE_MS = 50;
/** Reports of one frame. */
const BATCH = 200;
/** Reports that no one takes are kept up to here; then the oldest pieces of answers go. */
const KEPT = 20_000;

type BindCommand = Extract<OperatorCommand, { type: 'bind.report' | 'bind.next' }>;

interface Numbered {
  readonly number: number;
  report: Report;
  /** Told whether the gateway took it, and someone waits for its run. */
  readonly settle?: (taken: boolean) => void;
}

/** What the next instance of the extension continues with. */
export interface LineState {
  readonly lease: string;
  number: number;
  seen: OrdersSeen;
}

export interface LineEvents {
  order(order: Order): void;
  /** The gateway was started again: it knows the binding, and not what is shown here. */
  renewed(): void;
  /** The gateway cannot read this report, and never will: it is given up. */
  refused(report: Report, why: GatewayError): void;
  /** The binding has ended. */
  over(): void;
}

export class BindingLine {
  readonly state: LineState;
  readonly #link: Pick<GatewayLink, 'operator'>;
  readonly #events: LineEvents;
  readonly #stop = new AbortController();
  #queue: Numbered[] = [];
  #flight: readonly Numbered[] = [];
  #sending: Promise<void> = Promise.resolve();
  #busy = false;

  constructor(link: Pick<GatewayLink, 'operator'>, state: LineState, events: LineEvents) {
    this.#link = link;
    this.state = state;
    this.#events = events;
  }

  start(): void {
    void this.#listen();
  }

  /** In order, and until the gateway has it. */
  report(report: Report): void {
    this.#add(report);
  }

  /** Resolves when the gateway has it: false where no one waits for that run anymore, or the binding has ended. */
  confirm(report: Report): Promise<boolean> {
    return new Promise((resolve) => this.#add(report, resolve));
  }

  /** Sends what is left, for a moment, and ends. */
  async stop(graceMs: number): Promise<void> {
    await settlesWithin(this.#sending, graceMs);
    this.#end();
  }

  #end(): void {
    this.#stop.abort();
    for (const { settle } of [...this.#flight, ...this.#queue]) settle?.(false);
    this.#queue = [];
  }

  get #ended(): boolean {
    return this.#stop.signal.aborted;
  }

  #add(report: Report, settle?: (taken: boolean) => void): void {
    if (this.#ended) {
      settle?.(false);
      return;
    }
    const last = this.#queue.at(-1);
    // Pieces of an answer that are waiting for their turn travel together.
    if (
      settle === undefined &&
      last !== undefined &&
      last.settle === undefined &&
      report.type === 'event' &&
      report.event.type === 'text_delta' &&
      last.report.type === 'event' &&
      last.report.event.type === 'text_delta' &&
      last.report.run === report.run
    ) {
      const delta = last.report.event.delta + report.event.delta;
      last.report = { ...report, event: { type: 'text_delta', delta } };
    } else {
      this.state.number += 1;
      this.#queue.push({ number: this.state.number, report, ...defined({ settle }) });
      if (this.#queue.length > KEPT) this.#queue.shift();
    }
    if (this.#busy) return;
    this.#busy = true;
    this.#sending = this.#send().finally(() => {
      this.#busy = false;
    });
  }

  async #send(): Promise<void> {
    await null; // what is said in one go travels together
    while (this.#queue.length > 0 && !this.#ended) {
      const batch = this.#queue.splice(0, BATCH);
      this.#flight = batch;
      const [first] = batch;
      if (first === undefined) return;
      await this.#deliver(first.number, batch);
      this.#flight = [];
    }
  }

  async #deliver(first: number, batch: readonly Numbered[]): Promise<void> {
    const reports = batch.map(({ report }) => report);
    const answer = await this.#run({ type: 'bind.report', lease: this.state.lease, first, reports });
    if (!(answer instanceof GatewayError)) {
      for (const { report, settle } of batch)
        settle?.(Array.isArray(answer) && !('run' in report && answer.includes(report.run)));
      return;
    }
    // None of them was taken: one that cannot be read must not take the others with it.
    for (const each of batch) {
      if (batch.length > 1) await this.#deliver(each.number, [each]);
      else {
        each.settle?.(false);
        this.#events.refused(each.report, answer);
      }
    }
  }

  async #listen(): Promise<void> {
    while (!this.#ended) {
      const answer = await this.#run({ type: 'bind.next', lease: this.state.lease, seen: this.state.seen });
      if (this.#ended || !isOrders(answer)) {
        await pause(RETRY_MS[3], this.#stop.signal); // a gateway of another version
        continue;
      }
      const renewed = this.state.seen.epoch !== undefined && this.state.seen.epoch !== answer.epoch;
      if (renewed || this.state.seen.epoch === undefined)
        this.state.seen = { epoch: answer.epoch, number: 0 };
      if (renewed) this.#events.renewed();
      // One that is about to stop answers at once.
      if (answer.orders.length === 0) await pause(IDLE_MS, this.#stop.signal);
      for (const { number, order } of answer.orders) {
        if (number <= this.state.seen.number) continue;
        this.state.seen = { epoch: answer.epoch, number };
        this.#events.order(order);
      }
    }
  }

  /** Tries until the gateway answers: with data, or that it cannot read this. Undefined: this has ended. */
  async #run(command: BindCommand): Promise<unknown> {
    for (let attempt = 0; !this.#ended; attempt += 1) {
      try {
        const operator = await this.#link.operator();
        if (operator !== undefined) return (await operator.run(command)).data;
      } catch (error) {
        const code = error instanceof GatewayError ? error.code : '';
        if (code === 'binding_over' || code === 'unknown_command') {
          this.#over();
          return undefined;
        }
        // What the gateway cannot read it will not read the next time either.
        if (error instanceof GatewayError && error.status === 400) return error;
      }
      await pause(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] ?? 2000, this.#stop.signal);
    }
    return undefined;
  }

  #over(): void {
    if (this.#ended) return;
    this.#end();
    this.#events.over();
  }
}

function isOrders(value: unknown): value is Orders {
  return isObject(value) && typeof value['epoch'] === 'string' && Array.isArray(value['orders']);
}
