/** Sends what was decided to the gateway: one command for a row at a time, its answer as a toast, its undo on the stack. */
import type { CommandResult, Operator, OperatorCommand } from '../../gateway/operator/operator.ts';
import type { ActionContext } from '../actions/action.ts';
import type { RunOptions } from './asking.ts';
import { sentenceOf } from './sentence.ts';
import type { ConsoleStore } from './store.ts';
import type { UndoStack } from './undo-stack.ts';
import type { Toast } from './view.ts';

interface Console extends ActionContext {
  toast(text: string, tone?: Toast['tone'], undo?: boolean): void;
}

export class CommandRunner {
  readonly #console: Console;
  readonly #operator: Operator;
  readonly #store: ConsoleStore;
  readonly #undos: UndoStack;

  constructor(
    console: Console,
    { operator, store }: { readonly operator: Operator; readonly store: ConsoleStore },
    undos: UndoStack,
  ) {
    this.#console = console;
    this.#operator = operator;
    this.#store = store;
    this.#undos = undos;
  }

  run(command: OperatorCommand, options: RunOptions): void {
    const { pending } = options;
    if (pending !== undefined) {
      if (this.#console.view.pending.has(pending)) {
        this.#console.toast('The last command for it is still running.', 'warn');
        return;
      }
      this.#console.update((view) => ({ ...view, pending: new Set([...view.pending, pending]) }));
    }
    const settled = (): void => {
      if (pending !== undefined)
        this.#console.update((view) => ({
          ...view,
          pending: new Set([...view.pending].filter((key) => key !== pending)),
        }));
      this.#store.flush();
    };
    // An operator that throws instead of rejecting must not take the key handler down.
    const answer = (async () => this.#operator.run(command))();
    const said = (result: CommandResult): string => options.done?.(result) ?? result.message;
    const undo = options.undo === undefined ? undefined : this.#undos.remember(options.undo, answer, said);
    answer.then(
      (result) => {
        options.succeeded?.();
        const live = this.#console.view.undos.some((entry) => entry.id === undo);
        if (options.after !== undefined) options.after(result);
        else this.#console.toast(said(result), 'ok', live);
        settled();
      },
      (error: unknown) => {
        if (options.failed !== undefined) options.failed(sentenceOf(error));
        else this.#console.toast(sentenceOf(error), 'bad');
        settled();
      },
    );
  }
}
