/** Remembers decisions while they can be undone, and takes them back. */
import type { CommandResult, Operator, OperatorCommand } from '../../gateway/operator/operator.ts';
import type { ActionContext } from '../actions/action.ts';
import { runAll } from './bulk.ts';
import type { ListState } from './list-state.ts';
import { sentenceOf } from './sentence.ts';
import { pushed, UNDO_MS, type Undo, type Undoable, undoneWords, without } from './undo.ts';

type Host = Pick<ActionContext, 'view' | 'update' | 'toast' | 'run' | 'load'> & {
  readonly lists: ListState;
  now(): number;
};

export class UndoStack {
  readonly #host: Host;
  readonly #operator: Operator;

  constructor(host: Host, operator: Operator) {
    this.#host = host;
    this.#operator = operator;
  }

  /** An act was sent: `u` takes it back from now on, as soon as its answer is there. */
  remember(undo: Undo, answer: Promise<CommandResult>, said: (result: CommandResult) => string): symbol {
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
        if (open?.kind === 'list' && (open.list === 'queue' || open.list === 'blocked'))
          this.#host.load(open.list, open.subject);
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
