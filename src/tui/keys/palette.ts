/** The command palette: every action by the words of `/gateway` or by its name, found by a few letters. */
import type { Action, ActionContext } from '../actions/action.ts';
import { ACTIONS } from '../actions/registry.ts';
import type { Bindings } from './bindings.ts';

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

/** The action whose words the text begins with, and what follows them. The longest words win. */
export function parseCommand(text: string): { readonly action: Action; readonly args: string[] } | undefined {
  const typed = text.trim().split(/\s+/u);
  let best: { action: Action; words: number } | undefined;
  for (const action of ACTIONS) {
    if (action.words === undefined) continue;
    const words = action.words.split(' ');
    const same = words.every((word, index) => typed[index]?.toLowerCase() === word);
    if (same && (best === undefined || words.length > best.words)) best = { action, words: words.length };
  }
  return best === undefined ? undefined : { action: best.action, args: typed.slice(best.words) };
}

/** What the palette lists for a text, best first. */
export function paletteEntries(text: string, context: ActionContext, bindings: Bindings): PaletteEntry[] {
  const typed = text.trim();
  const command = parseCommand(typed);
  const scored: { entry: PaletteEntry; score: number }[] = [];
  for (const action of ACTIONS) {
    if (action.keysOnly === true) continue;
    const words = title(action);
    const exact = command?.action === action;
    const score = exact ? 10_000 : (fuzzyScore(typed, wordsOf(action)) ?? fuzzyText(typed, action));
    if (score === undefined) continue;
    const entry = { action, words, keys: bindings.keys(action), disabled: action.disabled?.(context) };
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

/** The text that Tab puts into the field for an entry. */
export function completed(entry: PaletteEntry): string {
  const words = wordsOf(entry.action);
  return entry.action.args === undefined ? words : `${words} `;
}
