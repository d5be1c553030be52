/** The last line: a notice while there is one, the filter while it is typed, else the keys that do something here. */
import type { Action, Scope } from '../actions/action.ts';
import { ACTIONS } from '../actions/registry.ts';
import { cellWidth, fillTo } from '../draw/cells.ts';
import { cutLine, type Line, lineWidth, type Span, span } from '../draw/line.ts';
import { UNICODE_GLYPHS } from '../draw/theme.ts';
import { keyLabel, scopesOf } from '../keys/bindings.ts';
import { madeOf } from '../state/decisions.ts';
import { type ModeKind, topMode } from '../state/view.ts';
import type { Scene } from './scene.ts';
import { fieldSpans } from './scene.ts';

const TONES = { ok: 'ok', warn: 'warn', bad: 'bad' } as const;

/** Modes whose keys are their own. */
const MODE_HINTS: Partial<Record<ModeKind, readonly (readonly [string, string])[]>> = {
  dialog: [
    ['y', 'do it'],
    ['Esc', 'cancel'],
  ],
  palette: [
    ['Enter', 'run'],
    ['Tab', 'complete'],
    ['Esc', 'cancel'],
  ],
  form: [
    ['Enter', 'try and save'],
    ['Tab', 'next'],
    ['Ctrl+S', 'save without testing'],
    ['Esc', 'leave'],
  ],
  setup: [
    ['Enter', 'continue'],
    ['Esc', 'skip'],
  ],
  compose: [
    ['Enter', 'send'],
    ['Alt+Enter', 'new line'],
    ['Up', 'written before'],
    ['PgUp', 'scroll'],
    ['Esc', 'leave'],
  ],
  text: [
    ['Enter', 'done'],
    ['Esc', 'cancel'],
  ],
};

export function hintLine(scene: Scene): Line {
  const { controller, columns, glyphs, ticker } = scene;
  const { toast } = controller.view;
  const mode = topMode(controller.view);
  const notice = toast !== undefined && toast.until > ticker.now ? toast : undefined;
  if (notice !== undefined) ticker.at(notice.until);
  if (mode?.kind === 'filter') {
    const error = controller.lists.filterError(mode.list) ?? notice?.text;
    const help = error ?? 'Enter keeps, Esc drops, /regex/, ! inverts';
    const right: Line = [span(help, error === undefined ? 'dim' : 'warn')];
    const room = Math.max(10, columns - lineWidth(right) - 5);
    return [span(' / ', 'key'), ...fieldSpans(mode.field, room), span('  '), ...right];
  }
  if (mode?.kind === 'search') {
    const { length } = controller.lists.found;
    const places = `${length === 1 ? '1 place' : `${length} places`}  Enter keeps, Esc drops`;
    const right: Line = [span(notice?.text ?? places, notice === undefined ? 'dim' : 'warn')];
    const room = Math.max(10, columns - lineWidth(right) - 5);
    return [span(' /', 'key'), ...fieldSpans(mode.field, room), span('  '), ...right];
  }
  if (notice !== undefined) {
    const undo = notice.undo === undefined ? [] : [span('  u', 'key'), span(' undo')];
    const room = columns - lineWidth(undo) - 2;
    const said: Line = [
      span(' '),
      ...cutLine(
        [span(shortened(notice.text, room, glyphs.ellipsis), TONES[notice.tone])],
        room,
        glyphs.ellipsis,
      ).line,
      ...undo,
    ];
    // The keys stay as far as there is room.
    const left = columns - lineWidth(said) - 2;
    return left < LEAST_HINTS
      ? said
      : [...said, span('  '), ...keyHints(scene, left, notice.undo === undefined ? [] : ['undo'])];
  }
  return keyHints(scene, columns);
}

/** Of a decision, the name of its object gives way: what was decided is read to its end. */
function shortened(text: string, room: number, ellipsis: string): string {
  const parts = cellWidth(text) <= room ? undefined : madeOf(text);
  if (parts === undefined) return text;
  const left = Math.max(1, room - cellWidth(parts.made));
  return `${fillTo(parts.object, left, 'left', ellipsis).trimEnd()}${parts.made}`;
}

/** Cells from which on keys are shown next to a notice. */
const LEAST_HINTS = 24;

/** By their place in the line, the same for every frame. */
const HINTED = byPlace(ACTIONS);

function byPlace(actions: readonly Action[]): readonly Action[] {
  return actions.filter(({ hint }) => hint !== undefined).toSorted((a, b) => (a.hint ?? 0) - (b.hint ?? 0));
}

/** `said`: ids of actions that stand next to them already. */
function keyHints(scene: Scene, columns: number, said: readonly string[] = []): Line {
  const { controller, glyphs } = scene;
  const ascii = glyphs !== UNICODE_GLYPHS;
  const mode = topMode(controller.view);
  const fixed = mode === undefined ? undefined : MODE_HINTS[mode.kind];
  if (fixed !== undefined)
    return cutLine(
      [span(' '), ...fixed.flatMap(([key, label]) => [span(key, 'key'), span(` ${label}  `)])],
      columns,
      glyphs.ellipsis,
    ).line;
  for (const { until } of controller.view.undos) scene.ticker.at(until);
  const scopes = scopesOf(controller.view);
  const { own } = controller.bindings;
  const shown = (own.length === 0 ? HINTED : byPlace([...ACTIONS, ...own])).filter(
    (action) =>
      !said.includes(action.id) &&
      action.scopes.some((scope) => scopes.includes(scope)) &&
      reachable(scene, action, scopes) &&
      action.disabled?.(controller) === undefined,
  );
  const hints = shown.map((action): Span[] => [
    span(keyLabel(controller.bindings.keys(action)[0] ?? '', ascii), 'key'),
    span(` ${action.labelNow?.(controller) ?? action.label}`, 'text'),
  ]);
  // The last hints (help, quit) stay; the middle gives way on a narrow screen.
  const always = hints.slice(-2);
  let used = 1 + always.reduce((sum, hint) => sum + hintWidth(hint), 0);
  const line: Span[] = [span(' ')];
  for (const hint of [...hints.slice(0, -2), ...always]) {
    const last = always.includes(hint);
    if (!last) {
      if (used + hintWidth(hint) > columns) continue;
      used += hintWidth(hint);
    }
    line.push(...hint, span('  '));
  }
  return cutLine(line, columns, glyphs.ellipsis).line;
}

function hintWidth(hint: readonly Span[]): number {
  return hint.reduce((sum, part) => sum + cellWidth(part.text), 2);
}

/** The key of an action may belong to another action in a nearer scope. */
function reachable({ controller }: Scene, action: Action, scopes: readonly Scope[]): boolean {
  const key = controller.bindings.keys(action)[0];
  if (key === undefined) return false;
  for (const scope of scopes) {
    const found = controller.bindings.find(scope, key);
    if (found !== undefined) return found === action;
  }
  return false;
}
