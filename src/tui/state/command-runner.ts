/** The commands of the console: sent, undone, and for many rows at once. */

import type { CommandResult, Operator, OperatorCommand } from '../../gateway/operator/operator.ts';
import type { Action, ActionContext } from '../actions/action.ts';
import { keyOf } from '../lists/lists.ts';
import {
  type Bulk,
  counted,
  namesOf,
  pushed,
  type RunOptions,
  runAll,
  sentenceOf,
  UNDO_MS,
  type Undo,
  type Undoable,
  undoneWords,
  undosOf,
  without,
} from './decisions.ts';
import type { ListState } from './list-state.ts';
import type { ConsoleStore } from './store.ts';
import { activeList, type Toast, topMode, withoutPending, withPending } from './view.ts';

type Host = ActionContext & {
  readonly lists: ListState;
  toast(text: string, tone?: Toast['tone'], undo?: boolean): void;
  now(): number;
};

export const NO_ANSWER = 'Cannot decide: the gateway does not respond, and the rows may be out of date.';

/**
 * Sends what was decided to the gateway, one command for a row at a time or one for each marked row; remembers it while
 * it can be undone.
 */
export class CommandRunner {
  readonly #host: Host;
  readonly #operator: Operator;
  readonly #store: ConsoleStore;

  constructor(
    host: Host,
    { operator, store }: { readonly operator: Operator; readonly store: ConsoleStore },
  ) {
    this.#host = host;
    this.#operator = operator;
    this.#store = store;
  }

  run(command: OperatorCommand, options: RunOptions): void {
    const { pending } = options;
    if (pending !== undefined) {
      if (this.#host.view.pending.has(pending)) {
        this.#host.toast('The last command for it is still running.', 'warn');
        return;
      }
      this.#host.update((view) => withPending(view, [pending]));
    }
    const settled = (): void => {
      if (pending !== undefined) this.#host.update((view) => withoutPending(view, [pending]));
      this.#store.flush();
    };
    // An operator that throws instead of rejecting must not take the key handler down.
    const answer = (async () => this.#operator.run(command))();
    const said = (result: CommandResult): string => options.done?.(result) ?? result.message;
    const undo = options.undo === undefined ? undefined : this.#remember(options.undo, answer, said);
    answer.then(
      (result) => {
        options.succeeded?.();
        const live = this.#host.view.undos.some((entry) => entry.id === undo);
        if (options.after !== undefined) options.after(result);
        else this.#host.toast(said(result), 'ok', live);
        settled();
      },
      (error: unknown) => {
        if (options.failed !== undefined) options.failed(sentenceOf(error));
        else this.#host.toast(sentenceOf(error), 'bad');
        settled();
      },
    );
  }

  /** The act on all marked rows, where their list has the keys. */
  bulkOf(action: Action): Bulk | undefined {
    const { view } = this.#host;
    const bulk = topMode(view)?.kind === 'page' ? undefined : action.bulk?.(this.#host);
    return bulk !== undefined && bulk.list === activeList(view) ? bulk : undefined;
  }

  /** Asks once for all marked rows, and does it. */
  askBulk(bulk: Bulk): void {
    const { items, verb, noun, list } = bulk;
    const host = this.#host;
    if (host.slices.link.asOf !== undefined) host.toast(NO_ANSWER, 'warn');
    else if (items.length === 0) host.toast(`${verb} does not apply to any of the marked rows.`, 'warn');
    else
      host.ask({
        title: `${verb.slice(0, 1).toUpperCase()}${verb.slice(1)} ${counted(items.length, noun)}?`,
        lines: namesOf(bulk),
        verb: `${verb} ${items.length}`,
        confirmed: () => {
          // What has gone since is not acted on.
          const there = new Set(host.marked(list).map((row) => keyOf(list, row)));
          this.#runBulk({ ...bulk, items: items.filter(({ key }) => there.has(key)) });
        },
      });
  }

  #runBulk(bulk: Bulk): void {
    const { list, items } = bulk;
    const host = this.#host;
    const keys = items.map(({ key }) => key);
    host.update((view) => withPending({ ...view, marks: { ...view.marks, [list]: new Set() } }, keys));
    const answer = runAll(this.#operator, bulk);
    const said = ({ message }: CommandResult): string => message;
    const undoes = items.some(({ undo }) => undo !== undefined);
    const undo = undoes ? this.#remember({ list, command: undosOf }, answer, said) : undefined;
    const settled = (): void => host.update((view) => withoutPending(view, keys));
    answer.then(
      ({ message }) => {
        settled();
        host.toast(
          message,
          'ok',
          host.view.undos.some((entry) => entry.id === undo),
        );
      },
      (error: unknown) => {
        settled();
        host.toast(sentenceOf(error), 'bad');
      },
    );
  }

  /** An act was sent: `u` takes it back from now on, as soon as its answer is there. */
  #remember(undo: Undo, answer: Promise<CommandResult>, said: (result: CommandResult) => string): symbol {
    const id = Symbol('undo');
    const until = this.#host.now() + UNDO_MS;
    const cursor = this.#host.view.cursors[undo.list];
    const entry: Undoable = { ...undo, id, until, cursor, answer, text: 'a decision in progress' };
    this.#host.update((view) => ({ ...view, undos: pushed(view.undos, entry) }));
    answer.then(
      (result) =>
        this.#host.update((view) => ({
          ...view,
          undos: view.undos.map((each) => (each.id === id ? { ...each, text: said(result), result } : each)),
        })),
      () => this.#host.update((view) => ({ ...view, undos: without(view.undos, id) })),
    );
    return id;
  }

  undo(): void {
    const entry = this.#host.view.undos.at(-1);
    if (entry === undefined) return;
    this.#host.update((view) => ({ ...view, undos: without(view.undos, entry.id), toast: undefined }));
    if (entry.result !== undefined) this.#takeBack(entry, entry.result);
    else
      entry.answer.then(
        (result) => this.#takeBack(entry, result),
        // What was not done needs no taking back; its error was shown.
        () => {},
      );
  }

  #takeBack(entry: Undoable, result: CommandResult): void {
    const command = entry.command(result);
    if (command === undefined) {
      this.#host.toast(`Nothing to undo: ${entry.text}`, 'warn');
      return;
    }
    if (entry.cursor !== undefined) this.#host.lists.restore(entry.list, entry.cursor);
    if (isMany(command)) {
      this.#takeAllBack(entry, command);
      return;
    }
    this.#host.run(command, {
      after: () => {
        this.#host.toast(undoneWords(entry.text));
        const open = this.#host.view.modes.findLast((mode) => mode.kind === 'list');
        if (open?.list === 'queue' || open?.list === 'blocked') this.#host.load(open.list, open.subject);
      },
      failed: (sentence) => {
        // It can be tried again: what was cancelled may not have ended yet.
        this.#host.update((view) => ({ ...view, undos: pushed(view.undos, entry) }));
        this.#host.toast(sentence, 'bad');
      },
    });
  }

  #takeAllBack(entry: Undoable, commands: readonly OperatorCommand[]): void {
    const items = commands.map((command, index) => ({ key: String(index), name: '', command }));
    runAll(this.#operator, { items, noun: 'decision', done: 'undone' }).then(
      ({ message }) => this.#host.toast(message),
      (error: unknown) => {
        this.#host.update((view) => ({ ...view, undos: pushed(view.undos, entry) }));
        this.#host.toast(sentenceOf(error), 'bad');
      },
    );
  }
}

function isMany(
  command: OperatorCommand | readonly OperatorCommand[],
): command is readonly OperatorCommand[] {
  return Array.isArray(command);
}
