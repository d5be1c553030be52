/** What the operator looks at: focus, cursors, filters, what is open. Kept apart from the gateway's state. */
import type { Platform } from '../../gateway/model.ts';
import type { LogLevel, Timeline } from '../../gateway/operator/operator.ts';
import type { Field, Form } from '../forms/form.ts';
import type { ListId, ListViewId, PaneId } from '../lists/list.ts';
import type { Also, Confirmation, Cursor, Prompted, UndoStack } from './decisions.ts';
import type { Sort } from './rows.ts';

/** Everything that opens over the panes and scrolls as text. */
const PAGES = [
  'help',
  'status',
  'pulse',
  'adapter',
  'session',
  'task',
  'request',
  'question',
  'line',
  'report',
  'invite',
  'undo',
  'refusal',
  'timings',
] as const;
export type PageId = (typeof PAGES)[number];

/** A single-use code for a new person: the operator's phone. */
export interface Invite {
  readonly id: string;
  readonly code: string;
  readonly expiresAt: number;
}

export type Mode =
  | {
      readonly kind: 'page';
      readonly page: PageId;
      /** Key of the row it shows. */
      readonly subject: string;
      /** First line shown; undefined follows the end (transcript). */
      readonly top: number | undefined;
      /** Text of a `report`. */
      readonly lines?: readonly string[];
      readonly title?: string;
      /** Of `timings`. */
      readonly timelines?: readonly Timeline[];
      /** The code of an `invite`. */
      readonly invite?: Invite;
      /** What was searched in it. */
      readonly find?: string;
      /** The line of the place that was found last. */
      readonly foundAt?: number;
      /** Number of the next entry of a transcript when following stopped. */
      readonly seen?: number;
      /** The entry of a transcript that is on top, and how many of its lines are above; goes before `top`. */
      readonly anchor?: { readonly number: number; readonly line: number };
      /** A transcript opens where something was said at this time. */
      readonly place?: number;
    }
  | { readonly kind: 'search'; readonly field: Field }
  | {
      /** Stands under the transcript of its session. */
      readonly kind: 'compose';
      readonly session: string;
      readonly field: Field;
      /** How far back in what was written before, and what was typed in front of it. */
      readonly back?: number;
      readonly typed?: string;
    }
  | { readonly kind: 'list'; readonly list: ListViewId; readonly subject?: string }
  | { readonly kind: 'filter'; readonly list: ListId; readonly field: Field; readonly before: string }
  | {
      readonly kind: 'palette';
      readonly field: Field;
      /** The entry that was chosen with the arrow keys; -1: none, the words count. */
      readonly index: number;
    }
  | {
      readonly kind: 'dialog';
      readonly title: string;
      readonly lines: Confirmation['lines'];
      /** What `y` does, as a verb: "reset". */
      readonly verb: string;
      readonly confirmed: () => void;
      /** Cancel has the focus until the operator moves it. */
      readonly onConfirm: boolean;
      /** The key that opened it: it never confirms. */
      readonly openedBy: string;
      readonly also?: Also;
    }
  | {
      readonly kind: 'text';
      readonly title: string;
      readonly hint: string;
      readonly field: Field;
      readonly secret?: boolean;
      readonly submit: (text: string) => Prompted;
      /** What is wrong with the text. */
      readonly error?: string;
      /** The gateway is asked. */
      readonly busy?: boolean;
    }
  | {
      readonly kind: 'form';
      /** Tells this form from a later one while answers are in progress. */
      readonly id: symbol;
      readonly form: Form;
      /** Takes the form unchanged; without `checked` it is not tried first. */
      readonly submit: (form: Form, checked: boolean) => void;
    }
  | {
      readonly kind: 'setup';
      readonly step: 'agent' | 'platform' | 'done';
      /** The chosen line of the step `platform`. */
      readonly index: number;
      /** What was set up. */
      readonly platform?: Platform;
      /** What the platform or the gateway said about it. */
      readonly said?: readonly string[];
    };

export type ModeKind = Mode['kind'];

export interface Toast {
  readonly text: string;
  readonly tone: 'ok' | 'warn' | 'bad';
  readonly until: number;
  /** `u` takes back what it says. */
  readonly undo?: true;
}

export interface ViewState {
  readonly focus: PaneId;
  readonly zoom: boolean;
  readonly cursors: Readonly<Partial<Record<ListId, Cursor>>>;
  readonly filters: Readonly<Partial<Record<ListId, string>>>;
  /** Keys of the marked rows. */
  readonly marks: Readonly<Partial<Record<ListId, ReadonlySet<string>>>>;
  readonly sorts: Readonly<Partial<Record<ListId, Sort>>>;
  /** Lists whose rows stand together by platform. */
  readonly grouped: ReadonlySet<ListId>;
  readonly modes: readonly Mode[];
  readonly toast: Toast | undefined;
  readonly undos: UndoStack;
  /** Rows whose command is in progress. */
  readonly pending: ReadonlySet<string>;
  /** Least level and only source of the log lines that are shown; undefined: all. */
  readonly logLevel: LogLevel | undefined;
  readonly logSource: string | undefined;
  /** What was written to chats, the newest first, and what was not sent yet, by session. */
  readonly written: readonly string[];
  readonly drafts: Readonly<Record<string, string>>;
  /** Commands of the palette, the newest first. */
  readonly commands: readonly string[];
  /** Nothing is changed from this console. */
  readonly readOnly: boolean;
  /** Tool calls in transcripts are shown with what they were given and returned. */
  readonly toolsOpen: boolean;
  /** Sessions whose last turn failed come first. */
  readonly failuresFirst: boolean;
  /** Long log lines are wrapped instead of cut. */
  readonly logWrap: boolean;
  /** Columns the log is scrolled sideways. */
  readonly logShift: number;
  /** Sequence number after the last log line that was seen before following stopped. */
  readonly logSeen: number;
  /** When Ctrl+C was pressed once: the second press quits. */
  readonly interruptedAt: number | undefined;
}

export const INITIAL_VIEW: ViewState = {
  // Decisions wait there, and its keys are the ones to learn first.
  focus: 'pairing',
  zoom: false,
  cursors: {},
  filters: {},
  marks: {},
  sorts: {},
  grouped: new Set(),
  modes: [],
  toast: undefined,
  undos: [],
  pending: new Set(),
  logLevel: undefined,
  logSource: undefined,
  written: [],
  drafts: {},
  commands: [],
  readOnly: false,
  toolsOpen: false,
  failuresFirst: false,
  logWrap: false,
  logShift: 0,
  logSeen: 0,
  interruptedAt: undefined,
};

export function topMode(view: ViewState): Mode | undefined {
  return view.modes.at(-1);
}

export function withMode(view: ViewState, mode: Mode): ViewState {
  return { ...view, modes: [...view.modes, mode] };
}

/** The view with a list opened over everything: unfiltered, at its first row. */
export function openedList(view: ViewState, mode: Extract<Mode, { kind: 'list' }>): ViewState {
  const { [mode.list]: _filter, ...filters } = view.filters;
  const { [mode.list]: _cursor, ...cursors } = view.cursors;
  const { [mode.list]: _marks, ...marks } = view.marks;
  return withMode({ ...view, filters, cursors, marks }, mode);
}

/** The text that is searched in the open page. */
export function findOf(view: ViewState): string {
  const top = view.modes.at(-1);
  if (top?.kind === 'search') return top.field.chars.join('');
  const page = view.modes.findLast((mode) => mode.kind === 'page');
  return page?.find ?? '';
}

/** Replaces the mode on top. */
export function replaceMode(view: ViewState, mode: Mode): ViewState {
  return { ...view, modes: [...view.modes.slice(0, -1), mode] };
}

/** Replaces the open page, whatever stands in front of it. */
export function replacePage(view: ViewState, page: Extract<Mode, { kind: 'page' }>): ViewState {
  const at = view.modes.findLastIndex((mode) => mode.kind === 'page');
  return { ...view, modes: view.modes.map((mode, index) => (index === at ? page : mode)) };
}

export function withoutMode(view: ViewState): ViewState {
  return { ...view, modes: view.modes.slice(0, -1) };
}

/** The list that keys move in: the open list view, or the focused pane. */
export function activeList(view: ViewState): ListId {
  const list = view.modes.findLast((mode) => mode.kind === 'list');
  return list === undefined ? view.focus : list.list;
}

export function filterOf(view: ViewState, list: ListId): string {
  const typing = view.modes.at(-1);
  if (typing?.kind === 'filter' && typing.list === list) return typing.field.chars.join('');
  return view.filters[list] ?? '';
}

/** The rows of these keys show "working" until `withoutPending`. */
export function withPending(view: ViewState, keys: readonly string[]): ViewState {
  return { ...view, pending: new Set([...view.pending, ...keys]) };
}

export function withoutPending(view: ViewState, keys: readonly string[]): ViewState {
  return { ...view, pending: new Set([...view.pending].filter((key) => !keys.includes(key))) };
}
