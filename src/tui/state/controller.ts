/** Turns keys into what happens: holds the view, runs actions, sends commands, keeps loaded rows and transcript. */
import type { TranscriptEntry, UsageRow } from '../../gateway/model.ts';
import type { Operator, OperatorCommand, OperatorQueries } from '../../gateway/operator/operator.ts';
import type { Action, ActionContext, Effects, Movement } from '../actions/action.ts';
import { clean } from '../draw/cells.ts';
import { fieldOf } from '../forms/form.ts';
import type { Bindings } from '../keys/bindings.ts';
import { isForeign, latinOf, route } from '../keys/bindings.ts';
import type { ListId, RowOf } from '../lists/list.ts';
import { CommandRunner, NO_ANSWER } from './command-runner.ts';
import { alive, type Prompt, type Question, type RunOptions, sentenceOf } from './decisions.ts';
import { type Desk, ListState } from './list-state.ts';
import { HeldKeys, modeKey, modePaste } from './mode-keys.ts';
import { type LoadedList, loadRows } from './rows.ts';
import { anchored, atNextPlace, type PageMode, scrolled, standing } from './scroll.ts';
import type { Slices } from './slices.ts';
import type { ConsoleStore } from './store.ts';
import { Preview, TranscriptFeed, Upkeep } from './transcript.ts';
import {
  activeList,
  INITIAL_VIEW,
  type Mode,
  replacePage,
  type Toast,
  topMode,
  type ViewState,
  withMode,
  withoutMode,
} from './view.ts';

/** A notice that offers to take something back stays a little longer. */
const UNDO_TOAST_MS = 5_000;
const TOAST_MS = 4_000;
/** So near to the first line older ones are asked for. */
const NEAR_TOP = 30;
const INTERRUPT_MS = 2_000;
const JUST_MOVED = 'The list has just moved. Check the row, then press the key again.';

const OTHER_LAYOUT = 'This key has no meaning here. Keys are those of a Latin keyboard: switch the layout.';

export interface ControllerOptions {
  readonly operator: Operator;
  readonly store: ConsoleStore;
  readonly bindings: Bindings;
  readonly effects: Effects;
  /** Saved filters, by name. */
  readonly filters?: Readonly<Record<string, string>>;
}

export class Controller implements ActionContext, Desk {
  readonly bindings: Bindings;
  readonly effects: Effects;
  readonly lists: ListState;
  readonly transcript: TranscriptFeed;
  readonly preview: Preview;
  readonly #operator: Operator;
  readonly #store: ConsoleStore;
  readonly #listeners = new Set<() => void>();
  readonly #held: HeldKeys;
  readonly #upkeep: Upkeep;
  readonly #commands: CommandRunner;
  #view: ViewState = INITIAL_VIEW;
  #key = '';
  /** A key is being worked on; what runs without one was chosen otherwise. */
  #keyed = false;
  /** An action runs that was chosen in the palette: Enter again confirms what it asks. */
  #fromPalette = false;
  /** Another gateway is on the screen: keys are not for this one. */
  #hidden = false;

  constructor(options: ControllerOptions) {
    this.#operator = options.operator;
    this.#store = options.store;
    this.bindings = options.bindings;
    this.effects = options.effects;
    this.#held = new HeldKeys(options.store.timers);
    this.transcript = new TranscriptFeed(options.operator, () => options.store.touch());
    this.preview = new Preview(this.transcript, options.store.timers);
    options.store.subscribe(() => this.#published());
    this.lists = new ListState(this);
    this.#upkeep = new Upkeep(this);
    this.#commands = new CommandRunner(this, options);
    this.lists.anchor('pairing');
    this.lists.saveFilters(options.filters ?? {});
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  };

  readonly getView = (): ViewState => this.#view;

  get view(): ViewState {
    return this.#view;
  }

  get slices(): Slices {
    return this.#store.getSlices();
  }

  /** One key, by its name. */
  key(name: string): void {
    if (this.#hidden) return;
    this.#held.press(name);
    this.#key = name;
    this.#keyed = true;
    // Nothing can be undone later than it says, however long ago the last frame was drawn.
    this.#expire(this.#store.now());
    const routed = route(name, this.#view, this.bindings);
    if (routed.kind === 'interrupt') this.#interrupt();
    else if (routed.kind === 'mode') modeKey(this, routed.mode, name, this.bindings);
    else if (routed.kind === 'action') {
      if (routed.leaves === true) this.update(withoutMode);
      this.perform(routed.action);
    } else if (isForeign(name)) this.toast(OTHER_LAYOUT, 'warn');
    this.#keyed = false;
    this.#store.flush();
  }

  paste(text: string): void {
    if (this.#hidden) return;
    modePaste(this, topMode(this.#view), text);
    this.#store.flush();
  }

  perform(action: Action): void {
    const bulk = this.#commands.bulkOf(action);
    const reason = bulk === undefined ? this.#reasonAgainst(action) : undefined;
    if (bulk !== undefined) this.#commands.askBulk(bulk);
    else if (reason !== undefined) this.toast(reason, 'warn');
    else if (action.careful === undefined) action.run(this, []);
    else this.deliberate(this.#bound(action, []));
  }

  performFromPalette(action: Action, args: readonly string[]): void {
    const bulk = args.length === 0 ? this.#commands.bulkOf(action) : undefined;
    if (bulk !== undefined) {
      this.#commands.askBulk(bulk);
      return;
    }
    const reason = args.length === 0 ? this.#reasonAgainst(action) : undefined;
    if (reason !== undefined) {
      this.toast(reason, 'warn');
      return;
    }
    const asked = action.confirm?.(this, args);
    this.#fromPalette = true;
    if (asked === undefined) action.run(this, args);
    else this.ask({ ...asked, confirmed: this.#bound(action, args) });
    this.#fromPalette = false;
  }

  marked<K extends ListId>(list: K): readonly RowOf[K][] {
    return this.lists.marked(list);
  }

  countUsage(usage: readonly UsageRow[]): void {
    this.#store.countUsage(usage);
  }

  deliberate(run: () => void): void {
    if (!this.#keyed) run();
    else
      this.#held.decide(() => {
        run();
        this.#store.flush();
      });
  }

  isDrawn(mode: Mode): boolean {
    return this.lists.drawn.hasTop(mode);
  }

  wasRead(call: string): boolean {
    return this.lists.drawn.hasRead(call);
  }

  /** Why an action cannot be run on what is selected now, as a sentence. */
  #reasonAgainst(action: Action): string | undefined {
    const { careful } = action;
    if (careful !== undefined && this.slices.link.asOf !== undefined) return NO_ANSWER;
    if (careful !== undefined && this.lists.justMoved(careful)) return JUST_MOVED;
    const reason = action.disabled?.(this);
    if (reason !== undefined) return `Cannot do this: ${reason}.`;
    return careful === undefined || this.lists.isDrawn(careful)
      ? undefined
      : 'The row is not on the screen. Make room, or open it with Enter.';
  }

  /** The action on what is selected now: when that has changed by the time it runs, nothing is done. */
  #bound(action: Action, args: readonly string[]): () => void {
    const { careful } = action;
    if (careful === undefined || args.length > 0) return () => action.run(this, args);
    const key = this.lists.targetKey(careful);
    return () => {
      if (this.lists.targetKey(careful) === key) action.run(this, args);
      else this.toast(JUST_MOVED, 'warn');
    };
  }

  update(change: (view: ViewState) => ViewState): void {
    const next = change(this.#view);
    if (next === this.#view) return;
    this.#view = next;
    this.preview.changed(next);
    for (const listener of this.#listeners) listener();
  }

  rows<K extends ListId>(list: K): readonly RowOf[K][] {
    return this.lists.rows(list);
  }

  target<K extends ListId>(list: K): RowOf[K] | undefined {
    return this.lists.target(list);
  }

  now(): number {
    return this.#store.now();
  }

  move(by: Movement): void {
    const top = topMode(this.#view);
    const mode = top?.kind === 'compose' ? this.#view.modes.findLast((each) => each.kind === 'page') : top;
    if (mode?.kind === 'page')
      this.#stand(mode, scrolled(standing(mode, this.lists.starts), this.lists.viewports.get('page'), by));
    else this.lists.select(mode?.kind === 'filter' ? mode.list : activeList(this.#view), by);
  }

  open(mode: Mode): void {
    this.update((view) => withMode(view, mode));
  }

  close(): void {
    this.update(withoutMode);
  }

  ask(question: Question): void {
    this.open({
      kind: 'dialog',
      ...question,
      onConfirm: this.#fromPalette,
      openedBy: latinOf(this.#key) ?? this.#key,
    });
  }

  prompt({ text = '', ...prompt }: Prompt): void {
    this.open({ kind: 'text', ...prompt, field: fieldOf(text) });
  }

  toast(text: string, tone: Toast['tone'] = 'ok', undo = false): void {
    const until = this.#store.now() + (undo ? UNDO_TOAST_MS : TOAST_MS);
    const toast: Toast = { text: clean(text, 500), tone, until, ...(undo ? { undo } : {}) };
    this.update((view) => ({ ...view, toast }));
  }

  note(text: string): void {
    this.#store.note('info', 'console', text);
  }

  undo(): void {
    this.#commands.undo();
  }

  run(command: OperatorCommand, options: RunOptions = {}): void {
    this.#commands.run(command, options);
  }

  query<K extends keyof OperatorQueries>(
    name: K,
    params: OperatorQueries[K]['params'],
    then: (answer: OperatorQueries[K]['result']) => void,
  ): void {
    this.#operator
      .query(name, params)
      .then(then, (error: unknown) => this.toast(sentenceOf(error), 'bad'))
      .finally(() => this.#store.flush());
  }

  load(list: LoadedList, subject = ''): void {
    loadRows(this.#operator, this.slices, list, subject)
      .then(
        (rows) => {
          this.lists.loaded = { ...this.lists.loaded, ...rows };
        },
        (error: unknown) => this.toast(sentenceOf(error), 'bad'),
      )
      .finally(() => this.#store.flush());
  }

  said(): readonly TranscriptEntry[] {
    return this.transcript.slice()?.entries ?? [];
  }

  get shown(): boolean {
    return !this.#hidden;
  }

  /** Comes on the screen, or leaves it. What an earlier frame showed counts no more: nothing is decided before the next. */
  setShown(shown: boolean): void {
    this.#hidden = !shown;
    if (this.lists.drawn.begun) this.lists.drawn.begin();
    this.#store.setFocused(shown);
  }

  stop(): void {
    this.#held.stop();
    this.preview.stop();
    this.#listeners.clear();
  }

  findNext(step: 1 | -1): void {
    const mode = topMode(this.#view);
    if (mode?.kind !== 'page') return;
    const here = standing(mode, this.lists.starts);
    const next = atNextPlace(here, this.lists.found, this.lists.viewports.get('page'), step);
    if (next === undefined)
      this.toast(mode.find === undefined ? 'Search with / first.' : `Not found: ${mode.find}`, 'warn');
    else this.#stand(mode, next);
  }

  /** A transcript that no longer follows its end counts from now on what is new. */
  #stand(from: PageMode, to: PageMode): void {
    const stops = from.top === undefined && to.top !== undefined;
    const page = stops ? { ...to, seen: this.transcript.end() } : to;
    this.update((view) => replacePage(view, anchored(page, this.lists.starts)));
    if (page.page === 'session' && page.top !== undefined && page.top < NEAR_TOP) this.transcript.older();
  }

  #interrupt(): void {
    const now = this.#store.now();
    const before = this.#view.interruptedAt;
    if (before !== undefined && now - before <= INTERRUPT_MS) {
      this.effects.leave('quit');
      return;
    }
    this.update((view) => ({ ...view, interruptedAt: now }));
    this.toast('Press Ctrl+C again to quit.', 'warn');
  }

  #expire(now: number): void {
    const { toast } = this.#view;
    if (toast !== undefined && toast.until <= now) this.update((view) => ({ ...view, toast: undefined }));
    const undos = alive(this.#view.undos, now);
    if (undos !== this.#view.undos) this.update((view) => ({ ...view, undos }));
  }

  /** After each publication: what is over goes away. */
  #published(): void {
    this.lists.bringBack();
    this.lists.anchor('pairing');
    const active = activeList(this.#view);
    if (active !== 'log') this.lists.anchor(active);
    this.lists.anchorLog();
    this.#expire(this.#store.now());
    this.#upkeep.published();
    const mode = topMode(this.#view);
    // The request was decided (here or elsewhere): its page has nothing left to show.
    if (mode?.kind === 'page' && mode.page === 'request' && this.target('pairing') === undefined)
      this.close();
  }
}
