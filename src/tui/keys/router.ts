/** Where a key goes: to the text field, the dialog, the palette, or to an action of the scope it was pressed in. */
import type { Action, Scope } from '../actions/action.ts';
import type { Mode, ViewState } from '../state/view.ts';
import { topMode } from '../state/view.ts';
import type { Bindings } from './bindings.ts';
import { latinOf } from './layouts.ts';

export type Routed =
  | {
      readonly kind: 'action';
      readonly action: Action;
      /** The guided setup gives way first: anyone who continues with the panes does not want it. */
      readonly leaves?: true;
    }
  /** The mode on top takes the key itself: a field, a dialog or the palette. */
  | { readonly kind: 'mode'; readonly mode: Mode }
  /** Ctrl+C works in every mode and cannot be remapped: it is the way out. */
  | { readonly kind: 'interrupt' }
  | { readonly kind: 'none' };

/** Scopes in which a key is looked for, the nearest first. */
export function scopesOf(view: ViewState): readonly Scope[] {
  const mode = topMode(view);
  if (mode?.kind === 'page') return [mode.page, 'page', 'global'];
  if (mode?.kind === 'list') return [mode.list, 'list', 'view', 'global'];
  return [view.focus, 'list', 'global'];
}

/** Modes that take plain characters; actions get no key while one is open. */
export function takesText(mode: Mode | undefined): boolean {
  return mode !== undefined && TEXT_MODES.has(mode.kind);
}

const TEXT_MODES: ReadonlySet<Mode['kind']> = new Set([
  'filter',
  'search',
  'palette',
  'text',
  'form',
  'compose',
]);
/** Modes with keys of their own. */
const OWN_KEYS: ReadonlySet<Mode['kind']> = new Set([...TEXT_MODES, 'dialog', 'setup']);

/** Keys that work while text is typed, too. */
const ALWAYS: ReadonlySet<string> = new Set(['redraw', 'suspend']);

export function route(key: string, view: ViewState, bindings: Bindings): Routed {
  if (key === 'ctrl+c') return { kind: 'interrupt' };
  const mode = topMode(view);
  if (mode !== undefined && OWN_KEYS.has(mode.kind)) {
    const always = bindings.find('global', key);
    if (always !== undefined && ALWAYS.has(always.id)) return { kind: 'action', action: always };
    if (mode.kind !== 'setup' || mode.step !== 'agent' || FIRST_STEP_KEYS.has(key))
      return { kind: 'mode', mode };
    const action = find(key, view, bindings);
    return action === undefined ? { kind: 'none' } : { kind: 'action', action, leaves: true };
  }
  const action = find(key, view, bindings);
  return action === undefined ? { kind: 'none' } : { kind: 'action', action };
}

/** The first step of the setup opens on its own: every other key does what it always does. */
const FIRST_STEP_KEYS: ReadonlySet<string> = new Set(['enter', 'esc', 'c']);

function find(key: string, view: ViewState, bindings: Bindings): Action | undefined {
  for (const scope of scopesOf(view)) {
    const action = bindings.find(scope, key);
    if (action !== undefined) return action;
  }
  const latin = latinOf(key);
  return latin === undefined ? undefined : find(latin, view, bindings);
}
