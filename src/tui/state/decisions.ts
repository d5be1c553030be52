/**
 * A decision of the operator: what is asked before, what is said after, one act on many marked rows, and what can be
 * undone.
 */

import type { CommandResult, Operator, OperatorCommand } from '../../gateway/operator/operator.ts';
import type { ListId } from '../lists/list.ts';

export interface RunOptions {
  /** Key of the row that shows "working" until the answer is there. */
  readonly pending?: string;
  /** The sentence of the toast; default: the gateway's own. */
  readonly done?: (result: CommandResult) => string;
  /** How `u` takes it back, for 30 seconds. */
  readonly undo?: Undo;
  /** Called instead of a toast. */
  readonly after?: (result: CommandResult) => void;
  /** Called first when the command has succeeded. */
  readonly succeeded?: () => void;
  /** Called with the sentence of what went wrong, instead of a toast. */
  readonly failed?: (sentence: string) => void;
}

/** An act in words: "Approve Ada (telegram 81234)?", what it means, and "approve". */
export interface Confirmation {
  readonly title: string;
  /** A function where they change while the question is open. */
  readonly lines: readonly string[] | (() => readonly string[]);
  readonly verb: string;
}

export function linesOf({ lines }: Pick<Confirmation, 'lines'>): readonly string[] {
  return typeof lines === 'function' ? lines() : lines;
}

/** A second way, with its own key. */
export interface Also {
  readonly key: string;
  readonly verb: string;
  readonly run: () => void;
}

export interface Question extends Confirmation {
  readonly confirmed: () => void;
  /** A second way to do it. */
  readonly also?: Also;
}

/** What a typed text leads to: a sentence about what is wrong with it, a command, or nothing at all. */
export type Prompted =
  | string
  | { readonly command: OperatorCommand; readonly options?: RunOptions }
  | undefined;

export interface Prompt {
  readonly title: string;
  readonly hint: string;
  readonly text?: string;
  /** What is typed is shown as bullets. */
  readonly secret?: boolean;
  /** A problem keeps the prompt open with its text; so does a command that fails. */
  readonly submit: (text: string) => Prompted;
}

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

/** What can be undone: a stack of decisions, each for 30 seconds, whatever notices come and go in the meantime. */
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

/** What a decision made of its object, where the sentence says that: the object may be shortened, what was made of it not. */
export function madeOf(text: string): { readonly object: string; readonly made: string } | undefined {
  const made = MADE.exec(text);
  return made === null ? undefined : { object: made[1] ?? '', made: ` is ${made[2]}` };
}

/** What went wrong, with the next step where the gateway names one. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!('hint' in error) || typeof error.hint !== 'string') return error.message;
  return `${error.message.replace(/[^.!?:…]$/u, '$&.')} ${error.hint}`;
}

export interface BulkItem {
  /** Of the row. */
  readonly key: string;
  readonly name: string;
  readonly command: OperatorCommand;
  readonly undo?: OperatorCommand;
}

/** One act on many marked rows: one question, one undo, and one sentence about what was done. */
export interface Bulk {
  readonly list: ListId;
  /** "approve" and "approved", "request". */
  readonly verb: string;
  readonly done: string;
  readonly noun: string;
  readonly means: string;
  readonly items: readonly BulkItem[];
}

/** Rows that are named in the question. */
const NAMED = 8;

export function counted(count: number, noun: string): string {
  const many = noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${count} ${count === 1 ? noun : many}`;
}

/** The lines of the question: what it means, and of whom. */
export function namesOf({ items, means }: Bulk): string[] {
  const names = items.slice(0, NAMED).map(({ name }) => `- ${name}`);
  const rest = items.length - names.length;
  return [means, ...names, ...(rest > 0 ? [`and ${rest} more`] : [])];
}

/** Commands at the same time: a gateway far away must not take a minute for a hundred rows. */
const AT_ONCE = 8;

/** `data` is the commands that take back what was done. Rejects only when nothing was done. */
export async function runAll(
  operator: Operator,
  { items, done, noun }: Pick<Bulk, 'items' | 'done' | 'noun'>,
): Promise<CommandResult> {
  const undos: OperatorCommand[] = [];
  const failures: unknown[] = [];
  const waiting = [...items];
  const work = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift())
      try {
        await operator.run(item.command);
        if (item.undo !== undefined) undos.push(item.undo);
      } catch (error) {
        failures.push(error);
      }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const count = items.length - failures.length;
  if (count === 0 && failures.length > 0) throw failures[0];
  const failed = failures.length === 0 ? '' : `; ${failures.length} failed: ${sentenceOf(failures[0])}`;
  return { message: `${counted(count, noun)} ${done}${failed}`, data: undos };
}

/** The commands that take back what `runAll` has done. */
export function undosOf({ data }: CommandResult): readonly OperatorCommand[] | undefined {
  return Array.isArray(data) && data.length > 0 ? data : undefined;
}
