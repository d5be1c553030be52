/**
 * The console for ears: lines are only ever appended, choices are numbered, one key chooses. It works on the same
 * actions as the screen; what they open (dialog, field, page) is spoken.
 */
import type { Action, Scope } from '../actions/action.ts';
import { ACTIONS } from '../actions/registry.ts';
import { UNICODE_GLYPHS } from '../draw/theme.ts';
import { Ticker } from '../draw/times.ts';
import { fieldText } from '../forms/form.ts';
import { LIST_VIEWS, type ListDefinition, type ListId, PANES, type RowOf } from '../lists/list.ts';
import { keyOf, LISTS } from '../lists/lists.ts';
import type { Controller } from '../state/controller.ts';
import { linesOf } from '../state/decisions.ts';
import { isLoaded } from '../state/rows.ts';
import type { ConsoleStore } from '../state/store.ts';
import { type Mode, topMode } from '../state/view.ts';
import { announce, describeAdapter, describeAll, describeRequest, spokenForm, spokenPage } from './spoken.ts';

const WIDTH = 400;

/** One row of a list as plain text, drawn by the same definition that draws it on the screen. */
function rowText<K extends ListId>(list: K, row: RowOf[K], now: number): string {
  const definition: ListDefinition<RowOf[K]> = LISTS[list];
  const context = {
    width: WIDTH,
    glyphs: UNICODE_GLYPHS,
    ticker: new Ticker(now),
    pending: new Set<string>(),
  };
  return definition
    .draw(row, context)
    .map((line) => line.map((part) => part.text).join(''))
    .join(' ')
    .replaceAll(/[▓░●◐○✕◌✓▲]/gu, '')
    .replaceAll(/ {2,}/gu, ' ')
    .trim();
}

/** Lists whose signs carry meaning are spoken in words. */
function spokenRow<K extends ListId>(list: K, row: RowOf[K], now: number): string {
  if ('ingress' in row) return describeAdapter(row);
  if ('firstWords' in row) return describeRequest(row, now);
  if ('chatKind' in row) return `${row.state}, ${rowText(list, row, now)}`;
  return rowText(list, row, now);
}

/** Keys of the choices: one key chooses, so digits are followed by letters. Without those that mean something always. */
const KEYS = '123456789abcdefghijklmortvwxz';

/** The key of the choice at an index; empty beyond the last key. */
function choiceKey(index: number): string {
  return KEYS[index] ?? '';
}

/** The index of the choice that a key makes; -1 for a key that is none. */
function choiceIndex(key: string): number {
  return key.length === 1 ? KEYS.indexOf(key) : -1;
}

type Menu =
  | { readonly kind: 'main' }
  | { readonly kind: 'list'; readonly list: ListId; readonly page: number }
  | { readonly kind: 'row'; readonly list: ListId; readonly actions: readonly Action[] };

/** Shows all gateways together; a letter that no list has. */
const ALL_KEY = 'g';

const PAGE = 9;
/** What takes its keys itself. */
const HELD: ReadonlySet<Mode['kind']> = new Set(['dialog', 'text', 'form', 'setup', 'compose']);
const LISTED: readonly ListId[] = [
  ...PANES,
  ...LIST_VIEWS.filter((list) => list !== 'queue' && list !== 'hits' && list !== 'past'),
];

export class Reader {
  readonly #controller: Controller;
  readonly #store: ConsoleStore;
  readonly #write: (line: string) => void;
  #menus: readonly Menu[] = [{ kind: 'main' }];
  #seen;
  #toast = '';
  #awaited: ListId | undefined;
  #prompted: unknown;
  #error: string | undefined;
  #opened: unknown;
  /** What was said last of a form. */
  #spoken = '';

  /** `write` appends one line to the terminal. */
  constructor(controller: Controller, store: ConsoleStore, write: (line: string) => void) {
    this.#controller = controller;
    this.#store = store;
    this.#write = write;
    this.#seen = store.getSlices();
    this.begin();
    store.subscribe(() => this.#changed());
    controller.subscribe(() => this.#spokenModes());
  }

  /** It comes on the screen: what there is, from the first choices on. */
  begin(): void {
    this.#menus = [{ kind: 'main' }];
    this.#seen = this.#store.getSlices();
    this.say(...describeAll(this.#seen));
    this.#sayMenu();
  }

  say(...texts: string[]): void {
    for (const text of texts) this.#write(text);
  }

  key(name: string): void {
    const mode = topMode(this.#controller.view);
    if (name === 'ctrl+c' || (mode !== undefined && HELD.has(mode.kind))) {
      if ((mode?.kind === 'compose' || (mode?.kind === 'text' && mode.secret !== true)) && name === 'enter')
        this.say(`You wrote: ${fieldText(mode.field)}`);
      this.#controller.key(name);
      const left = topMode(this.#controller.view);
      if (mode !== undefined && (left === undefined || left.kind === 'list')) this.#sayMenu();
      return;
    }
    this.#choose(name);
  }

  paste(text: string): void {
    this.#controller.paste(text);
  }

  #choose(name: string): void {
    const menu = this.#menus.at(-1) ?? { kind: 'main' };
    if (name === '0' || name === 'esc') {
      if (this.#menus.length > 1) this.#menus = this.#menus.slice(0, -1);
      if (menu.kind === 'list' && topMode(this.#controller.view)?.kind === 'list') this.#controller.close();
      this.#sayMenu();
    } else if (name === '?' || name === 'enter') this.#sayMenu();
    else if (name === 'u') this.#perform('undo');
    else if (menu.kind === 'main') this.#chooseMain(name);
    else if (menu.kind === 'list') this.#chooseRow(menu, name);
    else this.#chooseAction(menu, name);
  }

  #chooseMain(name: string): void {
    if (name === 'q') {
      this.#perform('quit');
      return;
    }
    if (name === 's') {
      this.#perform('status');
      return;
    }
    if (name === ALL_KEY && this.#several()) {
      this.#perform('contexts.all');
      return;
    }
    const list = this.#listed()[choiceIndex(name)];
    if (list === undefined) {
      this.say('There is no such choice. ? repeats the choices.');
      return;
    }
    if (list === 'config' || list === 'blocked') this.#controller.load(list);
    if (list === 'contexts') this.#controller.effects.contexts?.connect();
    this.#push({ kind: 'list', list, page: 0 });
  }

  #chooseRow(menu: Extract<Menu, { kind: 'list' }>, name: string): void {
    const rows = this.#controller.rows(menu.list);
    if (rows.length === 0) {
      const action = this.#offeredWithoutRow(menu.list)[choiceIndex(name)];
      if (action === undefined) this.say('There is no such choice. ? repeats the choices.');
      else this.#controller.perform(action);
      this.#store.flush();
      return;
    }
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    if (name === 'n' || name === 'p') {
      const page = (menu.page + (name === 'n' ? 1 : -1) + pages) % pages;
      this.#menus = [...this.#menus.slice(0, -1), { ...menu, page }];
      this.#sayMenu();
      return;
    }
    const index = menu.page * PAGE + Number(name) - 1;
    if (!this.#select(menu.list, index)) {
      this.say('There is no such row. ? repeats them.');
      return;
    }
    const scope: Scope = menu.list;
    const actions = ACTIONS.filter(
      (action) => action.scopes.includes(scope) && action.keysOnly !== true && action.hint !== undefined,
    );
    this.#push({ kind: 'row', list: menu.list, actions });
  }

  #chooseAction(menu: Extract<Menu, { kind: 'row' }>, name: string): void {
    const action = menu.actions[choiceIndex(name)];
    if (action === undefined) {
      this.say('There is no such choice. ? repeats the choices.');
      return;
    }
    this.#menus = this.#menus.slice(0, -1);
    this.#controller.perform(action);
    this.#store.flush();
  }

  #select<K extends ListId>(list: K, index: number): boolean {
    const row = this.#controller.rows(list)[index];
    if (row === undefined) return false;
    this.#controller.update((view) => ({
      ...view,
      ...(PANES.some((pane) => pane === list)
        ? { focus: PANES.find((pane) => pane === list) ?? view.focus }
        : {}),
      cursors: { ...view.cursors, [list]: { key: keyOf(list, row), index } },
    }));
    return true;
  }

  #perform(id: string): void {
    const action = ACTIONS.find((entry) => entry.id === id);
    if (action !== undefined) this.#controller.perform(action);
    this.#store.flush();
  }

  #push(menu: Menu): void {
    this.#menus = [...this.#menus, menu];
    this.#sayMenu();
  }

  /** With one gateway there is no choice among them. */
  #listed(): readonly ListId[] {
    return this.#several() ? LISTED : LISTED.filter((list) => list !== 'contexts');
  }

  #several(): boolean {
    return this.#controller.slices.contexts.length > 1;
  }

  /** What can be done in a list that has no rows. */
  #offeredWithoutRow(list: ListId): readonly Action[] {
    return ACTIONS.filter(
      (action) =>
        action.scopes.includes(list) &&
        action.keysOnly !== true &&
        action.hint !== undefined &&
        action.rowless === true &&
        action.disabled?.(this.#controller) === undefined,
    );
  }

  #sayMenu(): void {
    const menu = this.#menus.at(-1) ?? { kind: 'main' };
    if (menu.kind === 'main') {
      const choices = this.#listed().map((list, index) => `${choiceKey(index)} ${LISTS[list].title}`);
      const all = this.#several() ? [`${ALL_KEY} all gateways together`] : [];
      this.say(`Choose: ${[...choices, ...all].join(', ')}, s status, q quit.`);
    } else if (menu.kind === 'list') this.#sayList(menu.list, menu.page);
    else {
      const choices = menu.actions.map((action, index) => `${choiceKey(index)} ${action.label}`);
      this.say(`Choose: ${[...choices, '0 back'].join(', ')}.`);
    }
  }

  #sayList<K extends ListId>(list: K, page: number): void {
    const rows = this.#controller.rows(list);
    const { slices } = this.#controller;
    // Rows that are asked for are spoken when they are there.
    this.#awaited = rows.length === 0 && isLoaded(list) ? list : undefined;
    if (rows.length === 0) {
      // The rest of it names keys of the screen, which mean something else here.
      const choices = this.#offeredWithoutRow(list).map(
        (action, index) => `${choiceKey(index)} ${action.label}`,
      );
      this.say(
        `${LISTS[list].title}: ${LISTS[list].empty(slices)[0] ?? 'There are none.'}`,
        choices.length === 0 ? '0 back.' : `Choose: ${[...choices, '0 back'].join(', ')}.`,
      );
      return;
    }
    const pages = Math.ceil(rows.length / PAGE);
    this.say(`${LISTS[list].title}, ${rows.length}${pages > 1 ? `, page ${page + 1} of ${pages}` : ''}:`);
    for (const [index, row] of rows.slice(page * PAGE, (page + 1) * PAGE).entries())
      this.say(`${index + 1} ${spokenRow(list, row, slices.now)}`);
    this.say(`Choose a row${pages > 1 ? ', n next page, p previous page' : ''}, 0 back.`);
  }

  #changed(): void {
    const now = this.#store.getSlices();
    this.say(...announce(this.#seen, now));
    this.#seen = now;
    this.#spokenModes();
    if (this.#awaited !== undefined && this.#controller.rows(this.#awaited).length > 0) this.#sayMenu();
  }

  /** Speaks what an action opened, once. */
  #spokenModes(): void {
    const { view } = this.#controller;
    const toast = view.toast === undefined ? '' : `${view.toast.until} ${view.toast.text}`;
    if (toast !== this.#toast && view.toast !== undefined)
      this.say(`${view.toast.text}${view.toast.undo === undefined ? '' : ' u undoes it within 30 seconds.'}`);
    this.#toast = toast;
    const mode = topMode(view);
    if (mode === undefined || mode.kind === 'filter' || mode.kind === 'search' || mode.kind === 'palette')
      return;
    if (mode.kind === 'form' || mode.kind === 'setup') {
      const words = spokenForm(this.#controller, mode);
      if (this.#spoken !== words.join('\n')) this.say(...words);
      this.#spoken = words.join('\n');
      return;
    }
    this.#spoken = '';
    if (mode.kind === 'compose') {
      if (this.#prompted === mode.session) return;
      this.#prompted = mode.session;
      this.say('Write to the chat as the bot. Type, then Enter sends; Esc ends.');
    } else if (mode.kind === 'dialog') {
      if (this.#prompted === mode.confirmed) return;
      this.#prompted = mode.confirmed;
      this.say(
        mode.title,
        ...linesOf(mode),
        `y to ${mode.verb}, ${mode.also === undefined ? '' : `${mode.also.key} to ${mode.also.verb}, `}n to cancel.`,
      );
    } else if (mode.kind === 'text') {
      if (mode.error !== undefined && mode.error !== this.#error) this.say(mode.error);
      this.#error = mode.error;
      if (this.#prompted === mode.submit) return;
      this.#prompted = mode.submit;
      const text = fieldText(mode.field);
      this.say(
        mode.title,
        `${mode.hint}${text === '' ? '' : ` Now: ${text}`} Type, then Enter; Esc cancels.`,
      );
    } else {
      // The transcript is on its way; its arrival is published.
      if (mode.kind === 'page' && mode.page === 'session' && this.#controller.transcript.slice()?.loading)
        return;
      if (mode.kind === 'list') {
        // Stays open: its actions ask which session it belongs to. Going back closes it.
        if (this.#opened === mode) return;
        this.#opened = mode;
        this.#push({ kind: 'list', list: mode.list, page: 0 });
        return;
      }
      const lines = spokenPage(this.#controller, mode);
      // What was spoken needs no closing: the page goes at once.
      this.#controller.close();
      this.say(...lines);
      this.#sayMenu();
    }
  }
}
