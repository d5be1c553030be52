import type { ChatRef, DialogOutcome, Sender } from '../model.ts';
import { type ClosedDialog, type Dialog, isRequester, sameRoom } from './dialog.ts';

/** Questions that are over and still recognized: anyone who answers late is told so. */
export const CLOSED_KEPT = 500;
/** Open questions of one session; an agent that asks more is not answered. */
const MAX_OPEN = 10;
const LAST_NUMBER = 999;

/** Why someone's words reach no question. */
export type Miss =
  | { readonly miss: 'none' }
  /** It has ended; nothing changes anymore. */
  | { readonly miss: 'over'; readonly closed: ClosedDialog }
  /** It waits for someone else. */
  | { readonly miss: 'not_yours'; readonly dialog: Dialog }
  /** There are several: say which. */
  | { readonly miss: 'which'; readonly dialogs: readonly Dialog[] };

export type Found = { readonly dialog: Dialog } | Miss;

/** Which questions are open, and whose word counts for which. No clock, no timers: time comes in. */
export class DialogBook {
  readonly #open = new Map<string, Dialog>();
  readonly #closed: ClosedDialog[] = [];
  #number = 0;

  /** What an earlier run left, oldest first. */
  remember(closed: readonly ClosedDialog[]): void {
    for (const each of closed) this.#keep(each);
    this.#number = closed.at(-1)?.number ?? 0;
  }

  nextNumber(): number {
    this.#number = this.#number >= LAST_NUMBER ? 1 : this.#number + 1;
    return this.#number;
  }

  hasRoom(sessionId: string): boolean {
    return this.list().filter((dialog) => dialog.sessionId === sessionId).length < MAX_OPEN;
  }

  open(dialog: Dialog): void {
    this.#open.set(dialog.id, dialog);
  }

  get(id: string): Dialog | undefined {
    return this.#open.get(id);
  }

  /** The oldest first. */
  list(): Dialog[] {
    return [...this.#open.values()];
  }

  closed(id: string): ClosedDialog | undefined {
    return this.#closed.find((each) => each.id === id);
  }

  /** Ends a question. False: it was over already, and nothing changes. */
  close(id: string, outcome: DialogOutcome): boolean {
    const dialog = this.#open.get(id);
    if (dialog === undefined) return false;
    this.#open.delete(id);
    this.#keep({ id, number: dialog.number, chat: dialog.chat, outcome });
    return true;
  }

  /** Open questions that this person may answer here. */
  forPerson(chat: ChatRef, person: Pick<Sender, 'id' | 'aliases'>): Dialog[] {
    return this.list().filter((dialog) => sameRoom(dialog.chat, chat) && isRequester(dialog, person));
  }

  /**
   * The question that a person in a chat means: the named one, or the only one that fits. A question of another chat
   * does not exist here, and an id or number proves nothing about who may answer.
   */
  find(
    chat: ChatRef,
    person: Pick<Sender, 'id' | 'aliases'>,
    which: string | number | undefined,
    fits: (dialog: Dialog) => boolean = () => true,
  ): Found {
    const here = this.list().filter((dialog) => sameRoom(dialog.chat, chat));
    if (which !== undefined) {
      const named = (each: { readonly id: string; readonly number: number }): boolean =>
        typeof which === 'number' ? each.number === which : each.id === which;
      const dialog = here.find(named);
      if (dialog !== undefined)
        return isRequester(dialog, person) ? { dialog } : { miss: 'not_yours', dialog };
      const closed = this.#closed.findLast((each) => named(each) && sameRoom(each.chat, chat));
      return closed === undefined ? { miss: 'none' } : { miss: 'over', closed };
    }
    const fitting = here.filter(fits);
    const mine = fitting.filter((dialog) => isRequester(dialog, person));
    const [only, ...more] = mine;
    if (only !== undefined) return more.length === 0 ? { dialog: only } : { miss: 'which', dialogs: mine };
    const [foreign] = fitting;
    return foreign === undefined ? { miss: 'none' } : { miss: 'not_yours', dialog: foreign };
  }

  #keep(closed: ClosedDialog): void {
    this.#closed.push(closed);
    if (this.#closed.length > CLOSED_KEPT) this.#closed.shift();
  }
}
