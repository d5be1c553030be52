/** What can be undone: a stack of decisions, each for 30 seconds, whatever notices come and go in the meantime. */
import type { CommandResult, OperatorCommand } from '../../gateway/operator/operator.ts';
import type { ListId } from '../lists/list.ts';

export const UNDO_MS = 30_000;
const KEPT = 50;

export interface Cursor {
  /** Key of the selected row; the selection stays with its row while others move. */
  readonly key?: string;
  /** Where the row was when it was last seen: the place that takes over when the row is gone. */
  readonly index: number;
}

/** How an act is undone; undefined when its answer shows that nothing is to be undone. */
export interface Undo {
  readonly list: ListId;
  readonly command: (result: CommandResult) => OperatorCommand | readonly OperatorCommand[] | undefined;
}

export interface Undoable extends Undo {
  readonly id: symbol;
  /** What was done, a sentence; until the answer is there, what was asked for. */
  readonly text: string;
  readonly until: number;
  /** Where the cursor stood when it was decided. */
  readonly cursor: Cursor | undefined;
  /** The answer of the gateway. */
  readonly answer: Promise<CommandResult>;
  /** The same, once it is there. */
  readonly result?: CommandResult;
}

/** The newest comes last. */
export type UndoStack = readonly Undoable[];

export function pushed(stack: UndoStack, entry: Undoable): UndoStack {
  return [...stack.slice(1 - KEPT), entry];
}

export function without(stack: UndoStack, id: symbol): UndoStack {
  return stack.filter((entry) => entry.id !== id);
}

export function alive(stack: UndoStack, now: number): UndoStack {
  return stack.every((entry) => entry.until > now) ? stack : stack.filter((entry) => entry.until > now);
}

/** What a decision said it made of its object. Other sentences are quoted: alone they would read as still true. */
const MADE = /^(.+) is (approved|denied|blocked|paused|allowed|canceled|on the allowlist)\.?$/su;

/** "Ada (telegram 7) is no longer blocked": what is so once `text` is undone. */
export function undoneWords(text: string): string {
  const made = MADE.exec(text);
  return made === null ? `Undid: "${text}"` : `Undone: ${made[1]} is no longer ${made[2]}.`;
}
