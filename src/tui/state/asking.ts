/** What an act says before and after: options of a command, questions and prompts. */
import type { CommandResult, OperatorCommand } from '../../gateway/operator/operator.ts';
import type { Undo } from './undo.ts';

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
  readonly lines: readonly string[];
  readonly verb: string;
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
