/**
 * What stands in front of everything: dialog, text field, palette, form, the guided setup, and the notice that the
 * gateway does not answer.
 */

import { cellWidth, clean, fillTo, wrap } from '../draw/cells.ts';
import { type Line, type Span, span, spread, widest } from '../draw/line.ts';
import { UNICODE_GLYPHS } from '../draw/theme.ts';
import { clockTime } from '../draw/times.ts';
import { type Form, type FormField, fieldText } from '../forms/form.ts';
import { firstMessageStep, GUIDES, shellWords } from '../forms/setup.ts';
import { keyLabel } from '../keys/bindings.ts';
import { type PaletteEntry, paletteEntries } from '../keys/palette.ts';
import { adapterPhrase, adapterSign } from '../lists/adapters.ts';
import {
  type Block,
  fieldSpans,
  framed,
  masked,
  middlePlace,
  type Place,
  row,
  type Scene,
} from '../screen/scene.ts';
import { linesOf } from '../state/decisions.ts';
import { scrollTo } from '../state/scroll.ts';
import type { Mode } from '../state/view.ts';

type Of<K extends Mode['kind']> = Extract<Mode, { kind: K }>;

export function dialogBlock(scene: Scene, mode: Of<'dialog'>): Block {
  const width = Math.min(64, scene.columns - 2);
  const body = linesOf(mode)
    .flatMap((line) => wrap(line, width - 4))
    .slice(0, Math.max(1, scene.rows - 8));
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

const WIDTH = 92;
/** Lines of the sentence about the field with the cursor. */
const HELP_LINES = 2;
const NOTE_LINES = 6;

/** A form over everything: its fields, the sentence of the one with the cursor, what was found out. */
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

const WAITING_WIDTH = 72;

/**
 * A gateway that does not answer: which one is tried, since when, and when again. Undefined while the gateway answers.
 */
export function waitingBlock(scene: Scene): Block | undefined {
  const { link } = scene.controller.slices;
  const { waiting } = link;
  if (waiting === undefined || link.connected) return undefined;
  const width = Math.min(WAITING_WIDTH, scene.columns - 2);
  const next = waiting.nextAt === undefined ? 'Trying now.' : `Next try at ${clockTime(waiting.nextAt)}.`;
  const texts = [
    ...wrap(`${clean(waiting.address, 300)} does not answer since ${clockTime(waiting.since)}.`, width - 4),
    ...wrap(`${clean(waiting.reason, 400)}.`, width - 4).slice(0, 5),
    `${next} It comes back on its own.`,
  ];
  const place = middlePlace(scene, width, texts.length + 2);
  const lines = texts.map((text, index): Line => [span(' '), span(text, index === 0 ? 'text' : 'dim')]);
  return framed(
    scene,
    place,
    [span('Waiting for the gateway', 'warn')],
    lines.map((line) => row(scene, line, place.width - 2)),
  );
}

/** The guided setup: agent, platform, done. The form between the last two is a form like any other. */

type SetupMode = Extract<Mode, { kind: 'setup' }>;

const SETUP_WIDTH = 84;
const SETUP_TITLES = {
  agent: '1 of 3  the agent',
  platform: '2 of 3  a platform',
  done: '3 of 3  who has access',
};

export function setupBlock(scene: Scene, mode: SetupMode): Block {
  const width = Math.min(SETUP_WIDTH, scene.columns - 2) - 4;
  const lines = { agent: agentLines, platform: platformLines, done: doneLines }[mode.step](
    scene,
    mode,
    width,
  );
  const place = asideOfPairing(scene, middlePlace(scene, SETUP_WIDTH, lines.length + 3));
  const shown = [...lines.slice(0, place.height - 2)].map((line: Line) =>
    row(scene, [span(' '), ...line], place.width - 2),
  );
  return framed(scene, place, [span('Set-up', 'title'), span(`  ${SETUP_TITLES[mode.step]}`, 'dim')], shown);
}

/** Anyone who requests access in the meantime stays in sight: above in the grid, at the left on a wide screen, else below. */
function asideOfPairing({ columns, rows }: Pick<Scene, 'columns' | 'rows'>, place: Place): Place {
  if (columns < 100 || rows < 30) return { ...place, y: 1 };
  return { ...place, x: columns < 160 ? place.x : columns - place.width - 2, y: rows - 2 - place.height };
}

function text(
  words: string,
  width: number,
  style: 'text' | 'dim' | 'warn' | 'bad' | 'mark' = 'text',
): Line[] {
  return wrap(clean(words, 1_000), width).map((line) => [span(line, style)]);
}

function keys(...pairs: readonly (readonly [string, string])[]): Line {
  return pairs.flatMap(([key, label]) => [span(key, 'key'), span(` ${label}   `)]);
}

/** What the same costs in a shell. */
function shell(commands: readonly string[], width: number): Line[] {
  return [
    [span('The same from a shell:', 'dim')],
    ...commands.flatMap((each) => text(`  ${each}`, width, 'dim')),
  ];
}

function agentLines(scene: Scene, _mode: SetupMode, width: number): Line[] {
  const { controller, glyphs } = scene;
  const { agent } = controller.slices.gateway;
  const asking = controller.view.pending.has('doctor') || agent.detail === 'not checked yet';
  const state: Line[] = asking
    ? [[span(`${glyphs.wait} `, 'warn'), span(`looking for it${glyphs.ellipsis}`)]]
    : agent.ok
      ? text(agent.detail, width - 2).map((line, at) => [
          span(at === 0 ? `${glyphs.done} ` : '  ', 'ok'),
          ...line,
        ])
      : [
          ...text(agent.detail, width - 2, 'bad').map(
            (line, at): Line => [span(at === 0 ? `${glyphs.bad} ` : '  ', 'bad'), ...line],
          ),
        ];
  return [
    ...text('Welcome. Setup has three steps. Press Esc to skip it; type :setup to reopen it.', width),
    [],
    ...text(`Messages are answered by pi (${agent.backend}).`, width),
    ...state,
    ...(agent.hint === undefined || asking ? [] : text(agent.hint, width, 'mark')),
    ...(agent.ok || asking
      ? []
      : text(
          'You can continue and fix this later. Until then, every message is answered with this error.',
          width,
        )),
    [],
    ...shell(['pi-gateway-tui doctor'], width),
    keys(['Enter', 'continue'], ['c', 'check again'], ['Esc', 'skip']),
  ];
}

function platformLines(scene: Scene, mode: SetupMode, width: number): Line[] {
  const { controller, glyphs } = scene;
  const { adapters } = controller.slices;
  return [
    ...text('Which platform do you want to connect?', width),
    [],
    ...GUIDES.map(([platform, guide], at): Line => {
      const here = adapters.find((entry) => entry.platform === platform);
      const on = here !== undefined && here.state !== 'disabled';
      const chosen = at === mode.index;
      return [
        chosen ? span(`${glyphs.cursor} `, 'key') : span('  '),
        span(fillTo(platform, 11), chosen ? 'strong' : 'text'),
        ...(on ? [adapterSign(here.state, glyphs), span(' ')] : [span('  ')]),
        span(on ? adapterPhrase(here) : `needs ${guide.needs}`, chosen ? 'text' : 'dim'),
      ];
    }),
    [],
    ...shell(shellWords(GUIDES[mode.index]?.[0] ?? 'telegram'), width),
    [],
    keys(['Enter', 'choose'], ['j k', 'move'], ['h', 'back'], ['Esc', 'skip']),
  ];
}

function doneLines(scene: Scene, mode: SetupMode, width: number): Line[] {
  const { controller, glyphs } = scene;
  const platform = mode.platform ?? 'websocket';
  const here = controller.slices.adapters.find((entry) => entry.platform === platform);
  const state: Line[] =
    here === undefined
      ? []
      : [
          [adapterSign(here.state, glyphs), span(` ${platform}  `, 'strong'), span(adapterPhrase(here))],
          ...(here.nextStep === undefined ? [] : text(`Next step: ${here.nextStep}`, width, 'mark')),
        ];
  const ways: readonly (readonly [string, string])[] = [
    ['p', 'pair my phone: makes a code for one person'],
    ['a', 'another platform'],
  ];
  return [
    ...state,
    ...(mode.said ?? []).slice(0, 3).flatMap((said) => text(said, width, 'dim')),
    [],
    ...text(
      'No one can use the bot until you approve them: the agent can run commands on this machine.',
      width,
    ),
    ...text(firstMessageStep(platform, here), width),
    ...text('New users appear in the Pairing pane: a approve, d deny, b block.', width),
    [],
    ...ways.map(([key, words]): Line => [span(key, 'key'), span(`  ${words}`)]),
    [],
    keys(['Enter', 'done'], ['Esc', 'close']),
  ];
}
