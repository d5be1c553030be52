/** A form over everything: its fields, the sentence of the one with the cursor, what was found out. */
import { cellWidth, clean, fillTo, wrap } from '../draw/cells.ts';
import { type Line, type Span, span, widest } from '../draw/line.ts';
import { UNICODE_GLYPHS } from '../draw/theme.ts';
import type { Form, FormField } from '../forms/form.ts';
import { fieldText } from '../forms/form.ts';
import { fieldSpans, masked } from '../screen/field-line.ts';
import { type Block, row, type Scene } from '../screen/scene.ts';
import { scrollTo } from '../state/viewport.ts';
import { framed, middlePlace } from './place.ts';

const WIDTH = 92;
/** Lines of the sentence about the field with the cursor. */
const HELP_LINES = 2;
const NOTE_LINES = 6;

export function formBlock(scene: Scene, form: Form): Block {
  const width = Math.min(WIDTH, scene.columns - 2) - 2;
  const intro = form.intro.flatMap((text) => wrap(text, width - 2)).map((text): Line => [span(` ${text}`)]);
  const below = footLines(form, width);
  const head = intro.length === 0 ? [] : [...intro, []];
  const want = head.length + form.fields.length + below.length + 3;
  const place = middlePlace(scene, WIDTH, want);
  const room = Math.max(1, place.height - 2 - below.length - 1);
  // On a small screen the fields stay and the introduction goes.
  const kept = room - head.length >= Math.min(3, form.fields.length) ? head : [];
  const size = room - kept.length;
  const first = scrollTo(Math.max(0, form.index - size + 1), form.index, size, form.fields.length);
  const label = widest(
    form.fields.map((field) => clean(field.key, 80)),
    Math.floor(width * 0.42),
  );
  const fields = form.fields
    .slice(first, first + size)
    .map((field, at) => fieldLine(scene, field, first + at === form.index, label, width));
  const lines = [...kept, ...fields, [], ...below].map((line) => row(scene, line, place.width - 2));
  const more: Line =
    form.fields.length > size ? [span(`${form.index + 1} of ${form.fields.length}`, 'dim')] : [];
  return framed(scene, place, [span(form.title, 'title')], lines, more);
}

function fieldLine(scene: Scene, field: FormField, focused: boolean, label: number, width: number): Line {
  const { glyphs } = scene;
  const sign = focused ? span(`${glyphs.cursor} `, 'key') : span('  ');
  const name = span(
    fillTo(clean(field.key, 80), label, 'left', glyphs.ellipsis),
    focused ? 'strong' : field.problem === undefined ? 'dim' : 'bad',
  );
  const mark = field.required ? span('* ', 'mark') : span('  ');
  return [sign, name, mark, ...answer(scene, field, focused, Math.max(4, width - label - 6))];
}

function answer(scene: Scene, field: FormField, focused: boolean, room: number): Span[] {
  const text = fieldText(field.field);
  if (field.options.length > 0) return choice(scene, field, text, focused, room);
  const rest = hintOf(field, text);
  const shown = field.secret ? masked(field.field, scene) : field.field;
  if (focused) {
    const typed = fieldSpans(shown, Math.max(2, Math.min(room, cellWidth(text) + 1)));
    return text === '' ? [...typed, span(` ${rest}`, 'dim')] : typed;
  }
  if (text === '') return [span(rest, 'dim')];
  return [span(fillTo(shown.chars.join(''), room, 'left', scene.glyphs.ellipsis).trimEnd())];
}

/** What stands in an empty field. */
function hintOf(field: FormField, text: string): string {
  if (text !== '') return '';
  if (field.touched && field.before === '' && field.stored) return 'is removed when saved';
  if (field.secret) return field.stored ? 'stored; type to replace it' : 'not set';
  if (field.touched && field.stored)
    return field.fallback === '' ? 'is removed when saved' : `back to ${field.fallback}`;
  return field.fallback === '' ? 'not set' : `${field.fallback} (default)`;
}

function choice(scene: Scene, field: FormField, text: string, focused: boolean, room: number): Span[] {
  const shown =
    text !== '' ? clean(text, 200) : field.fallback === '' ? 'default' : `${yesNo(field.fallback)} (default)`;
  const arrows = scene.glyphs === UNICODE_GLYPHS ? '  ‹ ›' : '  < >';
  const cutted = fillTo(shown, Math.min(room - 5, cellWidth(shown)), 'left', scene.glyphs.ellipsis);
  if (!focused) return [span(cutted, text === '' ? 'dim' : 'text')];
  return [span(cutted, 'strong'), span(arrows, 'key')];
}

function yesNo(text: string): string {
  return text === 'true' ? 'yes' : text === 'false' ? 'no' : text;
}

/** The sentence of the field, then what is in progress or was found. */
function footLines(form: Form, width: number): Line[] {
  const focused = form.fields[form.index];
  const help = wrap(focused?.help ?? '', width - 2).slice(0, HELP_LINES);
  const lines: Line[] = Array.from({ length: HELP_LINES }, (_, at) => [span(` ${help[at] ?? ''}`, 'dim')]);
  const problem = focused?.problem;
  const notes = [...(problem === undefined ? [] : [{ text: problem, tone: 'bad' as const }]), ...form.notes];
  const found = notes.flatMap((note) =>
    wrap(note.text, width - 4).map(
      (text, at): Line => [
        span(at === 0 ? SIGNS[note.tone] : '   ', note.tone),
        span(text, note.tone === 'ok' ? 'text' : note.tone),
      ],
    ),
  );
  if (form.busy !== undefined) lines.push([span(` ${form.busy}`, 'mark')]);
  return [...lines, ...found.slice(0, NOTE_LINES)];
}

/** The tone is not told by color alone. */
const SIGNS = { ok: ' + ', warn: ' ! ', bad: ' ! ' } as const;
