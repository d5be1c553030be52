/** What stands in front of everything and takes the keys: dialog, text field, palette. */
import { clean, fillTo, wrap } from '../draw/cells.ts';
import { type Line, type Span, span, spread, widest } from '../draw/line.ts';
import { UNICODE_GLYPHS } from '../draw/theme.ts';
import { fieldText } from '../forms/form.ts';
import { keyLabel } from '../keys/names.ts';
import { type PaletteEntry, paletteEntries } from '../keys/palette.ts';
import { fieldSpans, masked } from '../screen/field-line.ts';
import { type Block, row, type Scene } from '../screen/scene.ts';
import type { Mode } from '../state/view.ts';
import { scrollTo } from '../state/viewport.ts';
import { framed, middlePlace } from './place.ts';

type Of<K extends Mode['kind']> = Extract<Mode, { kind: K }>;

export function dialogBlock(scene: Scene, mode: Of<'dialog'>): Block {
  const width = Math.min(64, scene.columns - 2);
  const body = mode.lines.flatMap((line) => wrap(line, width - 4)).slice(0, Math.max(1, scene.rows - 8));
  const place = middlePlace(scene, width, body.length + 5);
  const button = (text: string, focused: boolean): Span =>
    span(focused ? `[ ${text} ]` : `  ${text}  `, focused ? 'select' : 'text');
  const buttons: Line = [
    span(' '),
    button('Cancel', !mode.onConfirm),
    span(mode.openedBy === 'y' ? '  ' : '   y ', 'key'),
    button(mode.verb, mode.onConfirm),
    span(mode.also === undefined ? '' : `   ${mode.also.key}`, 'key'),
    span(mode.also === undefined ? '' : ` ${mode.also.verb}`, 'dim'),
  ];
  const lines: Line[] = [[], ...body.map((text): Line => [span(' '), span(text)]), [], buttons];
  return framed(
    scene,
    place,
    [span(mode.title, 'bad')],
    lines.map((line) => row(scene, line, place.width - 2)),
  );
}

export function textBlock(scene: Scene, mode: Of<'text'>): Block {
  const width = Math.min(80, scene.columns - 2);
  const error = mode.error === undefined ? [] : wrap(clean(mode.error, 600), width - 4).slice(0, 4);
  const hint = wrap(mode.hint, width - 4).slice(0, 3);
  const place = middlePlace(scene, width, hint.length + error.length + 5);
  const lines: Line[] = [
    [
      span(' > ', 'key'),
      ...fieldSpans(mode.secret === true ? masked(mode.field, scene) : mode.field, place.width - 7),
    ],
    ...error.map((text): Line => [span(' '), span(text, 'bad')]),
    mode.busy === true ? [span(` Asking the gateway${scene.glyphs.ellipsis}`, 'warn')] : [],
    ...hint.map((text): Line => [span(' '), span(text, 'dim')]),
    [span(' Enter', 'key'), span(' done  '), span('Esc', 'key'), span(' cancel')],
  ];
  return framed(
    scene,
    place,
    [span(mode.title, 'title')],
    lines.map((line) => row(scene, line, place.width - 2)),
  );
}

export function paletteBlock(scene: Scene, mode: Of<'palette'>): Block {
  const { controller } = scene;
  const entries = paletteEntries(fieldText(mode.field), controller, controller.bindings);
  const place = middlePlace(scene, 90, Math.min(18, scene.rows - 4));
  const inner = place.width - 2;
  const room = Math.max(1, place.height - 3);
  const index = Math.min(mode.index, entries.length - 1);
  const first = scrollTo(Math.max(0, index - room + 1), Math.max(0, index), room, entries.length);
  const words = widest(
    entries.map((entry) => entry.words),
    Math.floor(inner / 2.5),
  );
  const lines = [
    row(scene, [span(' : ', 'key'), ...fieldSpans(mode.field, inner - 4)], inner),
    ...entries
      .slice(first, first + room)
      .map((entry, at) =>
        row(scene, entryLine(scene, entry, words, inner), inner, first + at === index ? 'select' : undefined),
      ),
  ];
  if (entries.length === 0) lines.push(row(scene, [span('   no command matches', 'dim')], inner));
  return framed(scene, place, [span('Command', 'title')], lines, [
    span(entries.length > room ? positionOf(index, entries.length) : '', 'dim'),
  ]);
}

function positionOf(index: number, count: number): string {
  return index < 0 ? String(count) : `${index + 1} of ${count}`;
}

function entryLine({ glyphs }: Scene, entry: PaletteEntry, words: number, width: number): Line {
  const ascii = glyphs !== UNICODE_GLYPHS;
  const off = entry.disabled !== undefined;
  const left: Line = [
    span(' '),
    span(fillTo(entry.words, words, 'left', glyphs.ellipsis), off ? 'dim' : 'strong'),
    span('  '),
    span(off ? `unavailable: ${entry.disabled}` : entry.action.help, off ? 'warn' : 'text'),
  ];
  const keys = entry.keys.map((key) => keyLabel(key, ascii)).join(' ');
  return spread(left, [span(keys, 'key'), span(' ')], width, glyphs.ellipsis, words);
}
