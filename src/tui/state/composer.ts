/** Writing to a chat under its transcript: several lines, what was written before, and a draft for each chat. */

import type { ActionContext } from '../actions/action.ts';
import { clean, graphemes } from '../draw/cells.ts';
import { edit, type Field, fieldOf, fieldText, insertChars } from '../forms/form.ts';
import { type Mode, replaceMode, type ViewState, withMode, withoutMode } from './view.ts';

const LINE_END = /\r\n|[\r\n\u0085\u2028\u2029]/u;

/** Inserts typed or pasted text with its line ends; control characters go. */
function insertLines(field: Field, text: string): Field {
  const lines = text.split(LINE_END).map((line) => graphemes(clean(line.replaceAll('\t', '  '), 4_000)));
  return insertChars(
    field,
    lines.flatMap((line, index) => (index === 0 ? line : ['\n', ...line])),
  );
}

/** The first and the last place of the line in which the cursor stands. */
function lineAt({ chars }: Field, cursor: number): { readonly from: number; readonly to: number } {
  const from = chars.lastIndexOf('\n', cursor - 1) + 1;
  const end = chars.indexOf('\n', cursor);
  return { from: cursor === 0 ? 0 : from, to: end < 0 ? chars.length : end };
}

/** The field with the cursor one line up or down, in the same column; undefined beyond the first and the last line. */
function byLine(field: Field, step: 1 | -1): Field | undefined {
  const here = lineAt(field, field.cursor);
  if (step < 0 ? here.from === 0 : here.to === field.chars.length) return undefined;
  const there = lineAt(field, step < 0 ? here.from - 1 : here.to + 1);
  return { ...field, cursor: Math.min(there.to, there.from + field.cursor - here.from) };
}

/**
 * A field of several lines: the keys that move between lines, and text that keeps its line ends. The field after a key,
 * or undefined when the key means nothing to it. Keys for a line work within the line.
 */
function editLines(field: Field, key: string): Field | undefined {
  const { from, to } = lineAt(field, field.cursor);
  if (key === 'alt+enter') return insertChars(field, ['\n']);
  if (key === 'home' || key === 'ctrl+a') return { ...field, cursor: from };
  if (key === 'end' || key === 'ctrl+e') return { ...field, cursor: to };
  if (key === 'ctrl+u')
    return { chars: [...field.chars.slice(0, from), ...field.chars.slice(field.cursor)], cursor: from };
  if (key === 'ctrl+k')
    return { ...field, chars: [...field.chars.slice(0, field.cursor), ...field.chars.slice(to)] };
  return edit(field, key);
}

type Composer = Extract<Mode, { kind: 'compose' }>;

/** Texts that ↑ brings back. */
const WRITTEN = 50;

/** The view with the composer of a session open, with the draft that was left. */
export function composing(view: ViewState, session: string): ViewState {
  return withMode(view, { kind: 'compose', session, field: fieldOf(view.drafts[session] ?? '') });
}

export function composerKey(context: ActionContext, mode: Composer, key: string): void {
  const change = (next: Composer): void => context.update((view) => replaceMode(view, next));
  switch (key) {
    case 'esc':
      context.update((view) => withDraft(withoutMode(view), mode.session, fieldText(mode.field)));
      return;
    case 'enter':
      if (context.isDrawn(mode)) send(context, mode);
      return;
    case 'pgup':
    case 'pgdn':
      context.move({ kind: 'pages', pages: key === 'pgup' ? -1 : 1 });
      return;
    case 'up':
    case 'down': {
      const field = byLine(mode.field, key === 'up' ? -1 : 1);
      if (field === undefined) recall(context, mode, key === 'up' ? 1 : -1);
      else change({ ...mode, field });
      return;
    }
    default: {
      const field = editLines(mode.field, key);
      if (field !== undefined) change({ ...mode, field });
    }
  }
}

export function composerPaste(context: ActionContext, mode: Composer, text: string): void {
  context.update((view) => replaceMode(view, { ...mode, field: insertLines(mode.field, text) }));
}

function withDraft(view: ViewState, session: string, text: string): ViewState {
  const { [session]: _old, ...drafts } = view.drafts;
  return { ...view, drafts: text === '' ? drafts : { ...drafts, [session]: text } };
}

/** Goes back (1) and forth (-1) in what was written; in front of it stands what is being typed. */
function recall(context: ActionContext, mode: Composer, step: 1 | -1): void {
  const { written } = context.view;
  const at = (mode.back ?? 0) + step;
  if (at < 0 || at > written.length) return;
  const typed = mode.back === undefined ? fieldText(mode.field) : (mode.typed ?? '');
  const text = at === 0 ? typed : (written[at - 1] ?? '');
  const { back: _back, typed: _typed, ...rest } = mode;
  const field = fieldOf(text);
  context.update((view) =>
    replaceMode(view, at === 0 ? { ...rest, field } : { ...rest, field, back: at, typed }),
  );
}

function send(context: ActionContext, mode: Composer): void {
  const text = fieldText(mode.field).trim();
  if (text === '') return;
  const { session } = mode;
  context.update((view) => ({
    ...replaceMode(view, { kind: 'compose', session, field: fieldOf('') }),
    written: [text, ...view.written.filter((each) => each !== text)].slice(0, WRITTEN),
  }));
  context.run(
    { type: 'session.write', id: session, text },
    {
      // It appears in the transcript.
      after: () => {},
      failed(sentence) {
        context.toast(sentence, 'bad');
        // Nothing that was typed is lost: it comes back where nothing else was typed since.
        context.update((view) => {
          const top = view.modes.at(-1);
          return top?.kind === 'compose' && top.session === session && top.field.chars.length === 0
            ? replaceMode(view, { ...top, field: fieldOf(text) })
            : withDraft(view, session, text);
        });
      },
    },
  );
}
