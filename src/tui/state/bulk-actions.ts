/** Asks once for all marked rows, and does it. */
import type { CommandResult, Operator } from '../../gateway/operator/operator.ts';
import type { Action, ActionContext } from '../actions/action.ts';
import { type Bulk, counted, namesOf, runAll, undosOf } from './bulk.ts';
import type { ListState } from './list-state.ts';
import { sentenceOf } from './sentence.ts';
import type { UndoStack } from './undo-stack.ts';
import { activeList, type Toast, topMode } from './view.ts';

export const NO_ANSWER = 'Cannot decide: the gateway does not respond, and the rows may be out of date.';

type Host = ActionContext & {
  readonly lists: ListState;
  toast(text: string, tone?: Toast['tone'], undo?: boolean): void;
};

export class BulkActions {
  readonly #host: Host;
  readonly #operator: Operator;
  readonly #undos: UndoStack;

  constructor(host: Host, operator: Operator, undos: UndoStack) {
    this.#host = host;
    this.#operator = operator;
    this.#undos = undos;
  }

  /** The act on all marked rows, where their list has the keys. */
  of(action: Action): Bulk | undefined {
    const { view } = this.#host;
    const bulk = topMode(view)?.kind === 'page' ? undefined : action.bulk?.(this.#host);
    return bulk !== undefined && bulk.list === activeList(view) ? bulk : undefined;
  }

  ask(bulk: Bulk): void {
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
          const there = new Set(host.marked(list).map((row) => host.lists.keyOf(list, row)));
          this.#run({ ...bulk, items: items.filter(({ key }) => there.has(key)) });
        },
      });
  }

  #run(bulk: Bulk): void {
    const { list, items } = bulk;
    const host = this.#host;
    const keys = items.map(({ key }) => key);
    host.update((view) => ({
      ...view,
      marks: { ...view.marks, [list]: new Set() },
      pending: new Set([...view.pending, ...keys]),
    }));
    const answer = runAll(this.#operator, bulk);
    const said = ({ message }: CommandResult): string => message;
    const undoes = items.some(({ undo }) => undo !== undefined);
    const undo = undoes ? this.#undos.remember({ list, command: undosOf }, answer, said) : undefined;
    const settled = (): void =>
      host.update((view) => ({
        ...view,
        pending: new Set([...view.pending].filter((key) => !keys.includes(key))),
      }));
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
}
