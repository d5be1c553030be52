/**
 * What an action is. One registry of these feeds keys, hint line, palette, help and the key table of the README.
 */

import type { TranscriptEntry } from '../../gateway/model.ts';
import type { OperatorCommand, OperatorQueries, SessionView } from '../../gateway/operator/operator.ts';
import { clean } from '../draw/cells.ts';
import type { ListId, ListViewId, PaneId, RowOf } from '../lists/list.ts';
import type { PaneBox } from '../screen/layout.ts';
import type { Bulk, Confirmation, Prompt, Prompted, Question, RunOptions } from '../state/decisions.ts';
import type { LoadedList } from '../state/rows.ts';
import type { Slices } from '../state/slices.ts';
import type { Mode, PageId, Toast, ViewState } from '../state/view.ts';

/**
 * Where a key works. `global` everywhere but in text fields and dialogs; `list` in every pane and list view; `view` in
 * list views that opened over the panes; `page` in everything that scrolls as text; the rest in the thing of that name.
 */
export type Scope = 'global' | 'list' | 'view' | 'page' | PaneId | ListViewId | PageId;

export interface Action {
  /** Stable name, used to remap keys: "pairing.approve". */
  readonly id: string;
  readonly scopes: readonly Scope[];
  readonly keys: readonly string[];
  /** One or two words for the hint line. */
  readonly label: string;
  /** What the key would do to the selected row now: "start" of "start/stop". */
  readonly labelNow?: (context: ActionContext) => string | undefined;
  /** One sentence for help, palette and key table. */
  readonly help: string;
  /** Place in the hint line, lowest first; absent: not shown there. */
  readonly hint?: number;
  /** The words of `/gateway` that do the same, for the palette. */
  readonly words?: string;
  /** What follows the words, `<code>`. */
  readonly args?: string;
  /** The whole line word by word, where a word follows what is typed: `adapter <platform> check`. */
  readonly form?: readonly string[];
  /** Why it cannot be run with what was typed behind its words. */
  readonly wants?: (args: readonly string[]) => string | undefined;
  /**
   * Decides about one row of that list. Runs only while the row is on the screen, not in the moment after it came under
   * the cursor on its own, and once for a key that is held down.
   */
  readonly careful?: ListId;
  /** From the palette it names its object and wants Enter again; undefined: it asks on its own, or there is nothing. */
  readonly confirm?: (context: ActionContext, args: readonly string[]) => Confirmation | undefined;
  /** What it does to the marked rows of its list; undefined when none is marked. */
  readonly bulk?: (context: ActionContext) => Bulk | undefined;
  /** It belongs to a list and needs no row of it. */
  readonly rowless?: true;
  /** Left out of the palette: moving about makes no sense there. */
  readonly keysOnly?: boolean;
  /** Why it cannot be done now; undefined when it can. */
  readonly disabled?: (context: ActionContext) => string | undefined;
  readonly run: (context: ActionContext, args: readonly string[]) => void;
}

/** How the operator leaves. */
export type LeaveReason = 'quit' | 'terminal-lost' | 'signal';

/** A session that is no longer listed is known by its id alone. */
export type ExportedSession = Pick<SessionView, 'id'> & Partial<SessionView>;

/** What only the terminal and its machine can do. */
export interface Effects {
  leave(reason: LeaveReason): void;
  redraw(): void;
  suspend(): void;
  /** Puts a text on the clipboard of the terminal (OSC 52); false when the terminal cannot. */
  copy(text: string): boolean;
  /** Opens a session in this terminal with pi; the console waits behind it. */
  openSession(id: string, lease: unknown): void;
  /** Writes a whole transcript to a new file on this machine, for its owner only; says where it is. */
  exportTranscript(session: ExportedSession, path: string, format: 'md' | 'json' | 'html'): Promise<string>;
  /** Runs a program of the operator without a shell; resolves with what it printed. */
  runProgram(words: readonly string[]): Promise<string>;
  /** Runs a line of the words that were handed in (`WordedForm`); resolves with what there is to read. */
  runWords?(line: readonly string[]): Promise<string>;
  /** Other gateways that the console can show; absent where there is only the one. */
  readonly contexts?: {
    /** Puts another gateway on the screen, or all of them. What is shown now stays as it is behind it. */
    show(name: string): void;
    /** Connects to all, so that the list can say how they are. */
    connect(): void;
  };
  /** Shows lines in the operator's pager; the console waits behind it. */
  page(lines: readonly string[]): void;
}

/** What an action may see and do. */
export interface ActionContext {
  readonly view: ViewState;
  readonly slices: Slices;
  readonly effects: Effects;
  update(change: (view: ViewState) => ViewState): void;
  /** Runs an action that was chosen in the palette, if it can be run now. */
  performFromPalette(action: Action, args: readonly string[]): void;
  /** Runs what a key decides, unless the key is only held down. */
  deliberate(run: () => void): void;
  /** Whether the question was drawn: what cannot be read cannot be answered. */
  isDrawn(mode: Mode): boolean;
  /** Whether a tool call was on the screen to its end; see `callKey`. */
  wasRead(call: string): boolean;
  /** Rows that pass the list's filter. */
  rows<K extends ListId>(list: K): readonly RowOf[K][];
  /** The row an action works on: the subject of the open page, else the selected row. */
  target<K extends ListId>(list: K): RowOf[K] | undefined;
  /** Marked rows that pass the list's filter. */
  marked<K extends ListId>(list: K): readonly RowOf[K][];
  /** The lists and panes as the last frame showed them. */
  readonly lists: {
    readonly boxes: readonly PaneBox[];
    readonly savedFilters: Readonly<Record<string, string>>;
    /** How many rows of a list its filter leaves out. */
    hidden(list: ListId): number;
    /** `@name` in a filter stands for the text from now on; undefined: for nothing anymore. */
    saveFilters(filters: Readonly<Record<string, string | undefined>>): void;
  };
  /** Moves the selection of the active list, or scrolls the open page. */
  move(by: Movement): void;
  open(mode: Mode): void;
  close(): void;
  run(command: OperatorCommand, options?: RunOptions): void;
  ask(question: Question): void;
  prompt(prompt: Prompt): void;
  /** Moves an open page to the next or previous place of what was searched. */
  findNext(step: 1 | -1): void;
  toast(text: string, tone?: Toast['tone']): void;
  /** Adds a line to the console's own log pane. */
  note(text: string): void;
  /** Takes the last decision back. */
  undo(): void;
  /** The open transcript as it is loaded. */
  said(): readonly TranscriptEntry[];
  /** Asks the gateway and hands its answer on; what goes wrong becomes a toast. */
  query<K extends keyof OperatorQueries>(
    name: K,
    params: OperatorQueries[K]['params'],
    then: (answer: OperatorQueries[K]['result']) => void,
  ): void;
  /** Fetches the rows of a view that is not part of the snapshot. */
  load(list: LoadedList, subject?: string): void;
}

export type Movement =
  | { readonly kind: 'rows'; readonly rows: number }
  | { readonly kind: 'pages'; readonly pages: number }
  | { readonly kind: 'first' }
  | { readonly kind: 'last' };

/**
 * What a prompt leads to, when it is sent from a prompt and when its words were typed in the palette. The same words in
 * the palette: a problem becomes a notice, a command is run.
 */
export function act(context: ActionContext, outcome: Prompted): void {
  if (outcome === undefined) return;
  if (typeof outcome === 'string') context.toast(outcome, 'warn');
  else context.run(outcome.command, outcome.options);
}

/** Why nothing can be done while a list has no selected row. */
const NO_ROW: Readonly<Record<ListId, string>> = {
  adapters: 'no adapter is selected',
  sessions: 'no session is selected',
  tasks: 'no task is selected',
  pairing: 'no pending requests',
  log: 'the log is empty',
  questions: 'nothing is asked',
  refusals: 'no message was rejected',
  outbox: 'nothing waits to be sent',
  schedules: 'nothing is scheduled',
  allowlist: 'no person is selected',
  config: 'no value is selected',
  queue: 'no message is queued',
  hits: 'nothing is selected',
  past: 'no line is selected',
  blocked: 'no one is blocked',
  contexts: 'no gateway is selected',
};

/** `disabled` of what needs a selected row; `unless` says what else speaks against that row. */
export function needsRow<K extends ListId>(list: K, unless?: (row: RowOf[K]) => string | undefined) {
  return (context: ActionContext): string | undefined => {
    const row = context.target(list);
    return row === undefined ? noRow(context, list) : unless?.(row);
  };
}

/** The rows that a filter hides are there all the same. */
function noRow(context: ActionContext, list: ListId): string {
  const hidden = context.rows(list).length > 0 ? 0 : context.lists.hidden(list);
  if (hidden === 0) return NO_ROW[list];
  return `the filter hides ${hidden === 1 ? 'the only row' : `all ${hidden} rows`}, Esc clears it`;
}

/** What an action does to the selected row of a list. */
export function onRow<K extends ListId>(
  list: K,
  run: (context: ActionContext, row: RowOf[K]) => void,
  unless?: (row: RowOf[K]) => string | undefined,
): Pick<Action, 'disabled' | 'run'> {
  return {
    disabled: needsRow(list, unless),
    run(context) {
      const row = context.target(list);
      if (row !== undefined) run(context, row);
    },
  };
}

/** Says that the row that was named, or else the selected one, is not there. */
export function missing(context: ActionContext, noun: string, id: string | undefined): void {
  const sentence = id === undefined ? `No ${noun} is selected.` : `There is no ${noun} ${clean(id, 60)}.`;
  context.toast(sentence, 'warn');
}

/** Opens lines of text as a page. */
export function openReport(context: ActionContext, title: string, lines: readonly string[]): void {
  context.open({ kind: 'page', page: 'report', subject: title, top: 0, title, lines });
}
