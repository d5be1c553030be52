/** Remembers decisions while they can be taken back, and takes them back. */
import type { CommandResult, Operator, OperatorCommand } from '../../gateway/operator/operator.ts';
import type { ActionContext } from '../actions/action.ts';
import { runAll } from './bulk.ts';
import type { ListState } from './list-state.ts';
import { sentenceOf } from './sentence.ts';
import { pushed, UNDO_MS, type Undo, type Undoable, without } from './undo.ts';

type Desk = Pick<ActionContext, 'view' | 'update' | 'toast' | 'run' | 'load'> & {
  readonly lists: ListState;
  now(): number;
};

export class UndoDesk {
  readonly #desk: Desk;
  readonly #operator: Operator;

  constructor(desk: Desk, operator: Operator) {
    this.#desk = desk;
    this.#operator = operator;
  }

  /** An act was sent: `u` takes it back from now on, as soon as its answer is there. */
  remember(undo: Undo, answer: Promise<CommandResult>, said: (result: CommandResult) => string): symbol {
    const id = Symbol('undo');
    const until = this.#desk.now() + UNDO_MS;
    const cursor = this.#desk.view.cursors[undo.list];
    const entry: Undoable = { ...undo, id, until, cursor, answer, text: 'a decision that is under way' };
    this.#desk.update((view) => ({ ...view, undos: pushed(view.undos, entry) }));
    answer.then(
      (result) =>
        this.#desk.update((view) => ({
          ...view,
          undos: view.undos.map((each) => (each.id === id ? { ...each, text: said(result), result } : each)),
        })),
      () => this.#desk.update((view) => ({ ...view, undos: without(view.undos, id) })),
    );
    return id;
  }

  undo(): void {
    const entry = this.#desk.view.undos.at(-1);
    if (entry === undefined) return;
    this.#desk.update((view) => ({ ...view, undos: without(view.undos, entry.id), toast: undefined }));
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
      this.#desk.toast(`There is nothing to take back: ${entry.text}`, 'warn');
      return;
    }
    if (entry.cursor !== undefined) this.#desk.lists.restore(entry.list, entry.cursor);
    if (isMany(command)) {
      this.#takeAllBack(entry, command);
      return;
    }
    this.#desk.run(command, {
      after: () => {
        this.#desk.toast(`Undone: ${entry.text}`);
        const open = this.#desk.view.modes.findLast((mode) => mode.kind === 'list');
        if (open?.kind === 'list' && (open.list === 'queue' || open.list === 'blocked'))
          this.#desk.load(open.list, open.subject);
      },
      failed: (sentence) => {
        // It can be tried again: what was cancelled may not have ended yet.
        this.#desk.update((view) => ({ ...view, undos: pushed(view.undos, entry) }));
        this.#desk.toast(sentence, 'bad');
      },
    });
  }

  #takeAllBack(entry: Undoable, commands: readonly OperatorCommand[]): void {
    const items = commands.map((command, index) => ({ key: String(index), name: '', command }));
    runAll(this.#operator, { items, noun: 'decision', done: 'undone' }).then(
      ({ message }) => this.#desk.toast(message),
      (error: unknown) => {
        this.#desk.update((view) => ({ ...view, undos: pushed(view.undos, entry) }));
        this.#desk.toast(sentenceOf(error), 'bad');
      },
    );
  }
}

function isMany(
  command: OperatorCommand | readonly OperatorCommand[],
): command is readonly OperatorCommand[] {
  return Array.isArray(command);
}
