/** The console of each gateway that was looked at: its rows, its cursors, what can be undone. One is on the screen. */
import type { Operator } from '../gateway/operator/operator.ts';
import { ALL_GATEWAYS } from '../tui/lists/list.ts';
import type { Controller } from '../tui/state/controller.ts';
import { isLive, MergedOperator } from '../tui/state/merged-operator.ts';
import type { ContextView } from '../tui/state/slices.ts';
import type { ConsoleStore } from '../tui/state/store.ts';

/** A gateway that the console can show. */
export interface ConsoleContext {
  readonly name: string;
  /** Where it answers, for people. */
  readonly address: string;
  /** Attaches to it the first time; later the same. */
  open(): Operator;
}

export interface OneScreen {
  readonly store: ConsoleStore;
  readonly controller: Controller;
}

export class Screens<S extends OneScreen> {
  readonly #contexts: readonly ConsoleContext[];
  readonly #make: (operator: Operator, name: string) => S;
  readonly #shown: (screen: S) => void;
  readonly #screens = new Map<string, S>();
  readonly #opened = new Map<string, Operator>();
  #name: string;
  #views: readonly ContextView[] = [];
  #viewsText = '';

  /** `make` builds the console of a gateway, `shown` puts it on the screen. */
  constructor(
    contexts: readonly ConsoleContext[],
    first: string,
    make: (operator: Operator, name: string) => S,
    shown: (screen: S) => void,
  ) {
    this.#contexts = contexts;
    this.#name = first;
    this.#make = make;
    this.#shown = shown;
  }

  get current(): S {
    return this.#screen(this.#name);
  }

  get all(): readonly S[] {
    return [...this.#screens.values()];
  }

  show(name: string): void {
    if (name === this.#name) return;
    const before = this.current;
    const next = this.#screen(name);
    this.#name = name;
    before.controller.setShown(false);
    next.controller.setShown(true);
    this.#shown(next);
    next.store.flush();
  }

  connect(): void {
    for (const { name } of this.#contexts) this.#operator(name);
  }

  /** The rows of the list of gateways; the same array as long as nothing about them changed. */
  readonly views = (): readonly ContextView[] => {
    if (this.#contexts.length < 2) return this.#views;
    const rows = this.#contexts.map((context) => this.#view(context));
    const sum = (of: (row: ContextView) => number): number => rows.reduce((total, row) => total + of(row), 0);
    const views: ContextView[] = [
      {
        name: ALL_GATEWAYS,
        address: 'what needs you on any of them',
        shown: this.#name === ALL_GATEWAYS,
        state: rows.some(({ state }) => state === 'connected') ? 'connected' : 'unopened',
        pairing: sum((row) => row.pairing),
        questions: sum((row) => row.questions),
        failures: sum((row) => row.failures),
      },
      ...rows,
    ];
    const text = JSON.stringify(views);
    if (text !== this.#viewsText) {
      this.#viewsText = text;
      this.#views = views;
    }
    return this.#views;
  };

  #view({ name, address }: ConsoleContext): ContextView {
    const shown = name === this.#name;
    const operator = this.#opened.get(name);
    const none = { pairing: 0, questions: 0, failures: 0 };
    if (operator === undefined) return { name, address, shown, state: 'unopened', ...none };
    const link = operator.link();
    const waiting = link.kind === 'remote' ? link.waiting : undefined;
    if (waiting !== undefined) return { name, address, shown, state: 'waiting', waiting, ...none };
    if (!isLive({ name, operator }, Date.now())) return { name, address, shown, state: 'silent', ...none };
    // Counted only where someone looks: a snapshot of the gateway in this process is made again each time.
    const counts = this.#isListed() ? countsOf(operator) : none;
    return { name, address, shown, state: 'connected', ...counts };
  }

  #isListed(): boolean {
    const modes = this.#screens.get(this.#name)?.controller.view.modes ?? [];
    return modes.some((mode) => mode.kind === 'list' && mode.list === 'contexts');
  }

  #screen(name: string): S {
    let screen = this.#screens.get(name);
    if (screen === undefined) {
      screen = this.#make(name === ALL_GATEWAYS ? this.#merged() : this.#operator(name), name);
      this.#screens.set(name, screen);
    }
    return screen;
  }

  #operator(name: string): Operator {
    let operator = this.#opened.get(name);
    if (operator === undefined) {
      const context = this.#contexts.find((each) => each.name === name);
      if (context === undefined) throw new Error(`there is no gateway ${name}`);
      operator = context.open();
      this.#opened.set(name, operator);
    }
    return operator;
  }

  #merged(): Operator {
    return new MergedOperator(this.#contexts.map(({ name }) => ({ name, operator: this.#operator(name) })));
  }
}

function countsOf(operator: Operator): Pick<ContextView, 'pairing' | 'questions' | 'failures'> {
  const { pairing, dialogs = [], adapters, sessions, tasks, outbox } = operator.snapshot();
  const failures =
    adapters.filter(({ state }) => state === 'parked').length +
    sessions.filter(({ lastFailure }) => lastFailure !== undefined).length +
    tasks.filter(({ status }) => status === 'failed' || status === 'timed_out' || status === 'lost').length +
    outbox.filter(({ state }) => state === 'failed').length;
  return { pairing: pairing.length, questions: dialogs.length, failures };
}
