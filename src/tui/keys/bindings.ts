/** Which key does what in which scope: the registry's defaults with the operator's own keys over them. */
import type { Action, Scope } from '../actions/action.ts';
import { type OwnCommand, ownActions } from '../actions/own.ts';
import { ACTIONS } from '../actions/registry.ts';
import { type WordedForm, wordedActions } from '../actions/worded.ts';
import { parseKey } from './names.ts';

export interface Bindings {
  /** The action of a key in a scope. */
  find(scope: Scope, key: string): Action | undefined;
  /** The keys of an action, the first one is shown. */
  keys(action: Action): readonly string[];
  /** The operator's own commands. */
  readonly own: readonly Action[];
  /** Commands for the palette that were handed in; see `offer`. */
  readonly worded: readonly Action[];
  /** Forms of commands for the palette: they come after the first frame. */
  offer(forms: readonly WordedForm[]): void;
  /** What was wrong with the operator's own keys, one sentence each. */
  readonly problems: readonly string[];
}

/**
 * `remapped`: action id -> keys, separated by blanks; an empty text takes the keys away.
 * A key that cannot be read, an unknown action and a clash are reported and the default stays.
 */
export function bindKeys(
  remapped: Readonly<Record<string, string>> = {},
  commands: readonly OwnCommand[] = [],
): Bindings {
  const problems: string[] = [];
  const keys = new Map<string, readonly string[]>();
  for (const [id, text] of Object.entries(remapped)) {
    const action = ACTIONS.find((entry) => entry.id === id);
    if (action === undefined) {
      problems.push(`keys.${id}: there is no action of this name${suggestion(id)}`);
      continue;
    }
    const parsed = text
      .split(/\s+/u)
      .filter((part) => part !== '')
      .map(parseKey);
    const bad = parsed.find((entry) => 'problem' in entry);
    if (bad !== undefined && 'problem' in bad) problems.push(`keys.${id}: ${bad.problem}`);
    else
      keys.set(
        id,
        parsed.flatMap((entry) => ('key' in entry ? [entry.key] : [])),
      );
  }
  const table = new Map<Scope, Map<string, Action>>();
  const bind = (action: Action, own: boolean): void => {
    for (const scope of action.scopes) {
      const scoped = table.get(scope) ?? new Map<string, Action>();
      table.set(scope, scoped);
      for (const key of keys.get(action.id) ?? action.keys) {
        const taken = scoped.get(key);
        if (taken === undefined) scoped.set(key, action);
        else if (own) problems.push(`keys.${action.id}: ${key} is taken by ${taken.id}`);
      }
    }
  };
  // The operator's own keys come first: a default that clashes with one gives way silently.
  for (const action of ACTIONS) if (keys.has(action.id)) bind(action, true);
  for (const action of ACTIONS) if (!keys.has(action.id)) bind(action, false);
  // A command of one's own takes no key that decides something already.
  const own: Action[] = [];
  for (const action of ownActions(commands)) {
    const [name = ''] = action.keys;
    const parsed = parseKey(name);
    const taken = action.scopes.map((scope) =>
      'key' in parsed
        ? (table.get(scope)?.get(parsed.key) ??
          table.get('list')?.get(parsed.key) ??
          table.get('global')?.get(parsed.key))
        : undefined,
    )[0];
    if ('problem' in parsed) problems.push(`commands.${action.label}: ${parsed.problem}`);
    else if (taken !== undefined) problems.push(`commands.${action.label}: ${name} is taken by ${taken.id}`);
    else {
      const bound = { ...action, keys: [parsed.key] };
      own.push(bound);
      bind(bound, true);
    }
  }
  const kept = (action: Action): readonly string[] =>
    (keys.get(action.id) ?? action.keys).filter((key) =>
      action.scopes.some((scope) => table.get(scope)?.get(key) === action),
    );
  let worded: readonly Action[] = [];
  return {
    find: (scope, key) => table.get(scope)?.get(key),
    keys: kept,
    own,
    get worded() {
      return worded;
    },
    offer(forms) {
      worded = wordedActions(forms, ACTIONS);
    },
    problems,
  };
}

function suggestion(id: string): string {
  const near = ACTIONS.find((action) => action.id.endsWith(`.${id}`) || id.endsWith(`.${action.id}`));
  return near === undefined ? '' : `; did you mean ${near.id}?`;
}
