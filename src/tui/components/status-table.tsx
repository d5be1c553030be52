import { Box, Text } from 'ink';
import { type CellProps, Table } from 'ink-table';
import type { PropsWithChildren, ReactNode } from 'react';
import { fillTo } from '../draw/cells.ts';
import type { Glyphs } from '../draw/glyphs.ts';
import { exact, paint, span } from '../draw/line.ts';
import type { Theme } from '../draw/theme.ts';
import { STATUS_PADDING, statusWidths } from '../pages/status.ts';
import type { StatusTable } from '../screen/compose.ts';

export interface StatusTableProps {
  readonly table: StatusTable;
  readonly theme: Theme;
  readonly glyphs: Glyphs;
}

/**
 * The facts of the gateway in a table without rules between its rows, two facts next to each other where there is room.
 * `ink-table` measures with `String.length`; column titles padded to the width we want fix its columns, and the cells are
 * padded again by display width.
 */
export function StatusTableView({ table, theme, glyphs }: StatusTableProps): ReactNode {
  const { columns } = table;
  const widths = statusWidths(table.width, columns.length === 2 ? 2 : 1);
  const titles = widths.map((width, index) => fillTo(index % 2 === 0 ? 'What' : 'State', width));
  const cell = ({ children, column }: CellProps): ReactNode => {
    const text = String(children).trim();
    const width = (widths[column] ?? 0) + 2 * STATUS_PADDING;
    const style = column % 2 === 0 ? (text === 'WARNING' ? 'bad' : 'dim') : 'text';
    return <Text>{paint(exact([span(' '), span(text, style)], width, glyphs.ellipsis), theme)}</Text>;
  };
  // Before every row comes a rule; only the one under the head is shown. Its pieces are drawn from left to right.
  let rules = 0;
  let within = false;
  const skeleton = ({ children }: PropsWithChildren): ReactNode => {
    const text = String(children);
    if (text === '┌') rules = 0;
    if (text === '├') {
      rules += 1;
      within = true;
    }
    const hidden = within && rules > 1;
    if (text === '┤') within = false;
    return hidden ? null : <Text>{paint([span(boxed(text, glyphs), 'border')], theme)}</Text>;
  };
  const header = ({ children }: PropsWithChildren): ReactNode => {
    const text = String(children);
    return <Text>{paint([span(text, 'title')], theme)}</Text>;
  };
  const rows = Math.max(...columns.map(({ length }) => length));
  const data = Array.from({ length: rows }, (_, at) => {
    const facts = columns.map((column) => column[at]);
    const texts = facts.flatMap((fact) => [fact?.name ?? '', fact?.value ?? '']);
    return Object.fromEntries(
      titles.map((title, column) => [title, bounded(texts[column] ?? '', widths[column] ?? 0, glyphs)]),
    );
  });
  return (
    <Box
      position="absolute"
      marginLeft={table.x}
      marginTop={table.y}
      width={table.width}
      height={table.height}
      overflow="hidden"
    >
      <Box flexShrink={0}>
        <Table
          // It keeps the components with which it was made.
          key={titles.join()}
          data={data}
          columns={titles}
          padding={STATUS_PADDING}
          cell={cell}
          skeleton={skeleton}
          header={header}
        />
      </Box>
    </Box>
  );
}

/** At most `width` cells and at most `width` UTF-16 units: more of either would widen the table's own rules. */
function bounded(text: string, width: number, glyphs: Glyphs): string {
  const shown = fillTo(text, width, 'left', glyphs.ellipsis).trimEnd();
  return shown.length > width ? shown.slice(0, width).toWellFormed() : shown;
}

/** The table draws its rules in box characters; the ASCII set has its own. */
function boxed(text: string, glyphs: Glyphs): string {
  if (glyphs.box.h === '─') return text;
  return text
    .replace(/─/gu, glyphs.box.h)
    .replace(/│/gu, glyphs.box.v)
    .replace(/[┌┐└┘├┤┬┴┼]/gu, glyphs.box.tl);
}
