import { fillTo, wrap } from '../draw/cells.ts';
import type { Line } from '../draw/line.ts';
import { span, widest } from '../draw/line.ts';
import { UNICODE_GLYPHS } from '../draw/theme.ts';
import { commandTable, keyTable } from '../keys/bindings.ts';
import type { Scene } from '../screen/scene.ts';
import { BLANK, heading, type Page } from './page.ts';

/** Every key, then every command; made from the registry. */
export function helpPage({ controller, glyphs }: Scene, width: number): Page {
  const rows = keyTable(controller.bindings, glyphs !== UNICODE_GLYPHS);
  const keyWidth = widest(
    rows.map((row) => row.keys),
    Math.max(8, Math.floor(width / 3)),
  );
  const lines: Line[] = [];
  let scope = '';
  const entry = (keys: string, help: string, column: number): void => {
    for (const [index, text] of wrap(help, Math.max(10, width - column - 4)).entries())
      lines.push([
        span('  '),
        span(fillTo(index === 0 ? keys : '', column, 'left', glyphs.ellipsis), 'key'),
        span('  '),
        span(text),
      ]);
  };
  for (const row of rows) {
    if (row.scope !== scope) {
      if (scope !== '') lines.push(BLANK);
      lines.push(heading(row.scope));
      scope = row.scope;
    }
    entry(row.keys, row.help, keyWidth);
  }
  lines.push(BLANK, heading('Commands (:)'));
  const commands = commandTable();
  const wordWidth = widest(
    commands.map((row) => row.words),
    Math.max(8, Math.floor(width / 2)),
  );
  for (const row of commands) entry(row.words, row.help, wordWidth);
  return { title: 'Help', lines };
}
