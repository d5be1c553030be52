/** The command palette: every action by the words of `/gateway` or by its name, found by a few letters. */
import type { Action, ActionContext } from '../actions/action.ts';
import { sameWord } from '../actions/commands.ts';
import { ACTIONS } from '../actions/registry.ts';
import type { Bindings } from './bindings.ts';
import { scopesOf } from './bindings.ts';

export interface PaletteEntry {
  readonly action: Action;
  /** "pair <code>" or "zoom". */
  readonly words: string;
  readonly keys: readonly string[];
  /** Why it cannot be done now. */
  readonly disabled: string | undefined;
}

function wordsOf(action: Action): string {
  return action.words ?? action.label;
}

function title(action: Action): string {
  return action.args === undefined ? wordsOf(action) : `${wordsOf(action)} ${action.args}`;
}

/**
 * How well `query` matches: its letters in order, better when together and at the start of words. Undefined: not at all.
 */
export function fuzzyScore(query: string, text: string): number | undefined {
  const wanted = query.toLowerCase();
  const target = text.toLowerCase();
  if (wanted === '') return 0;
  if (target.startsWith(wanted)) return 1000 - target.length;
  let score = 0;
  let from = 0;
  let previous = -2;
  for (const letter of wanted) {
    const at = target.indexOf(letter, from);
    if (at < 0) return undefined;
    if (at === previous + 1) score += 5;
    if (at === 0 || target[at - 1] === ' ') score += 8;
    score -= Math.min(3, at - from);
    previous = at;
    from = at + 1;
  }
  return score;
}

/** How much of an action's words the typed ones say; undefined: they are of another command. */
function said({ words = '', args, form }: Action, typed: readonly string[]): number | undefined {
  if (words === '') return undefined;
  const parts = form ?? words.split(' ');
  const literals = parts.map((part, index) => ({ part, index })).filter(({ part }) => !/^[<[]/u.test(part));
  let exact = 0;
  for (const { part, index } of literals) {
    const word = typed[index]?.toLowerCase() ?? '';
    if (word === part) exact += 1;
    else if (index > 0 || sameWord(word) !== sameWord(part)) return undefined;
  }
  const fits = typed.length <= words.split(' ').length || args !== undefined;
  return literals.length * 4 + (fits ? 2 : 0) + (exact === literals.length ? 1 : 0);
}

/** The action whose words the text begins with, and what follows them. The longest words win. */
export function parseCommand(
  text: string,
  worded: readonly Action[] = [],
): { readonly action: Action; readonly args: string[] } | undefined {
  const typed = text.trim().split(/\s+/u);
  let best: { action: Action; score: number } | undefined;
  for (const action of [...ACTIONS, ...worded]) {
    const score = said(action, typed);
    if (score !== undefined && (best === undefined || score > best.score)) best = { action, score };
  }
  return best === undefined
    ? undefined
    : { action: best.action, args: typed.slice(best.action.words?.split(' ').length) };
}

/** The action works in the place that the palette was opened over. */
function isHere(action: Action, { view }: ActionContext): boolean {
  const below = view.modes.at(-1)?.kind === 'palette' ? view.modes.slice(0, -1) : view.modes;
  const scopes = scopesOf({ ...view, modes: below });
  return action.scopes.some((scope) => scopes.includes(scope));
}

/** Acts on rows of a list that is not on the screen are not offered, except those that name their object. */
function isOffered(action: Action, context: ActionContext): boolean {
  return action.words !== undefined || isHere(action, context);
}

/** Why it cannot be run with these words. */
function reasonAgainst(
  action: Action,
  args: readonly string[],
  context: ActionContext,
  typed: boolean,
): string | undefined {
  if (action.careful === undefined || args.length > 0) return action.disabled?.(context);
  if (isHere(action, context)) return action.disabled?.(context);
  return typed || action.args === undefined ? `name it: ${title(action)}` : undefined;
}

/** What the palette lists for a text, best first. */
export function paletteEntries(text: string, context: ActionContext, bindings: Bindings): PaletteEntry[] {
  const typed = text.trim();
  const command = parseCommand(typed, bindings.worded);
  const scored: { entry: PaletteEntry; score: number }[] = [];
  for (const action of [...ACTIONS, ...bindings.own, ...bindings.worded]) {
    if (action.keysOnly === true || !isOffered(action, context)) continue;
    const words = title(action);
    const exact = command?.action === action;
    const score = exact ? 10_000 : (fuzzyScore(typed, wordsOf(action)) ?? fuzzyText(typed, action));
    if (score === undefined) continue;
    const args = exact ? command.args : [];
    const disabled =
      reasonAgainst(action, args, context, exact) ?? (exact ? action.wants?.(args) : undefined);
    const entry = { action, words, keys: bindings.keys(action), disabled };
    scored.push({ entry, score });
  }
  // Equal scores keep the order of the registry.
  return scored.sort((a, b) => b.score - a.score).map(({ entry }) => entry);
}

/** Words of the help sentence count too, below every match of the name. */
function fuzzyText(typed: string, action: Action): number | undefined {
  if (typed.length < 3) return undefined;
  return `${action.label} ${action.help}`.toLowerCase().includes(typed.toLowerCase()) ? -500 : undefined;
}

/**
 * The entry whose words were typed in full: words of `/gateway` with what follows them, or the whole name of an action
 * that no other entry has. A word that only resembles one runs nothing.
 */
export function exactEntry(
  text: string,
  entries: readonly PaletteEntry[],
  worded: readonly Action[] = [],
): PaletteEntry | undefined {
  const typed = text.trim().toLowerCase();
  const named = entries.filter(({ action }) => action.words === undefined && action.label === typed);
  if (named.length === 1) return named[0];
  const command = parseCommand(text, worded);
  if (command === undefined || (command.args.length > 0 && command.action.args === undefined))
    return undefined;
  return entries.find((entry) => entry.action === command.action);
}

/** The text that Tab puts into the field for an entry. */
export function completed(entry: PaletteEntry): string {
  const words = wordsOf(entry.action);
  return entry.action.args === undefined ? words : `${words} `;
}

/** The ids that an action takes, by the first word of its name. */
function idsFor({ id }: Action, { slices }: ActionContext): readonly string[] {
  if (id.startsWith('session.')) return slices.sessions.map((row) => row.id);
  if (id.startsWith('task.')) return slices.tasks.map((row) => row.id);
  return id.startsWith('schedule.') ? slices.schedules.map((row) => row.id) : [];
}

/** The command with its id completed, as far as all ids agree that begin with what was typed; undefined without one. */
export function completedId(text: string, context: ActionContext): string | undefined {
  const command = parseCommand(text);
  const typed = command?.args[0] ?? '';
  if (command === undefined || command.action.args !== '<id>' || command.args.length > 1) return undefined;
  if (typed === '' && !text.endsWith(' ')) return undefined;
  const [first, ...others] = idsFor(command.action, context).filter((id) => id.startsWith(typed));
  if (first === undefined) return undefined;
  let length = first.length;
  for (const id of others) while (!id.startsWith(first.slice(0, length))) length -= 1;
  return `${command.action.words ?? ''} ${first.slice(0, length)}`;
}
