/** The composer at the foot of a transcript: a rule that says to whom, and the text around the cursor. */
import { cellWidth } from '../draw/cells.ts';
import { cutLine, type Line, type Span, span } from '../draw/line.ts';
import type { Field } from '../forms/form.ts';
import { sessionName } from '../lists/sessions.ts';
import type { Scene } from '../screen/scene.ts';
import type { Mode } from '../state/view.ts';

/** The text takes at most this part of the page. */
const PART = 3;

/** Lines of exactly what is shown; none when there is no room. */
export function composerLines(
  scene: Scene,
  mode: Extract<Mode, { kind: 'compose' }>,
  width: number,
  height: number,
): Line[] {
  if (height < 3) return [];
  const { glyphs, controller } = scene;
  const row = controller.lists.subject('sessions', mode.session);
  const name = row === undefined ? 'this chat' : `${row.chat.platform} ${sessionName(row, glyphs.sub)}`;
  const rule = cutLine(
    [
      span(`${glyphs.box.h} Write to ${name} `, 'title'),
      span('as the bot; the agent does not answer it. ', 'dim'),
      span(glyphs.box.h.repeat(width), 'border'),
    ],
    width,
    '',
  ).line;
  const { lines, caret } = laid(mode.field, Math.max(1, width - 2));
  const room = Math.max(1, Math.floor(height / PART));
  const first = Math.max(0, Math.min(caret - room + 1, lines.length - room));
  return [
    rule,
    ...lines
      .slice(first, first + room)
      .map((line, at): Line => [span(first + at === 0 ? '> ' : '  ', 'key'), ...line]),
  ];
}

/** The field in lines of at most `width` cells, and the line in which the cursor stands. */
function laid(field: Field, width: number): { readonly lines: readonly Line[]; readonly caret: number } {
  const lines: Span[][] = [[]];
  let used = 0;
  let caret = 0;
  let text = '';
  const flush = (): void => {
    if (text !== '') lines.at(-1)?.push(span(text));
    text = '';
  };
  const next = (): void => {
    flush();
    lines.push([]);
    used = 0;
  };
  for (const [index, char] of [...field.chars, ' '].entries()) {
    const here = index === field.cursor;
    const shown = char === '\n' ? ' ' : char;
    const cells = cellWidth(shown);
    if (used + cells > width) next();
    if (here) {
      flush();
      lines.at(-1)?.push(span(shown, 'caret'));
      caret = lines.length - 1;
    } else if (char !== '\n' && index < field.chars.length) text += shown;
    used += cells;
    if (char === '\n') next();
  }
  flush();
  return { lines, caret };
}
