import { Box, Text } from 'ink';
import { type CellProps, Table } from 'ink-table';
import type { PropsWithChildren, ReactNode } from 'react';
import { fillTo } from '../draw/cells.ts';
import type { Glyphs } from '../draw/glyphs.ts';
import { exact, paint, span } from '../draw/line.ts';
import type { Theme } from '../draw/theme.ts';
import type { StatusTable } from '../screen/compose.ts';

export interface StatusTableProps {
  readonly table: StatusTable;
  readonly theme: Theme;
  readonly glyphs: Glyphs;
}

const PADDING = 1;
/** Three rules and one blank on each side of both columns. */
const FIXED = 3 + 4 * PADDING;

/**
 * The facts of the gateway in a table. `ink-table` measures with `String.length`; column titles padded to the width we
 * want fix its columns, and the cells are padded again by display width.
 */
export function StatusTableView({ table, theme, glyphs }: StatusTableProps): ReactNode {
  const first = Math.min(14, Math.max(6, table.width - FIXED - 8));
  const widths = [first, Math.max(4, table.width - FIXED - first)];
  const [nameTitle = '', valueTitle = ''] = ['What', 'State'].map((title, index) =>
    fillTo(title, widths[index] ?? 0),
  );
  const cell = ({ children, column }: CellProps): ReactNode => {
    const text = String(children).trim();
    const width = (widths[column] ?? 0) + 2 * PADDING;
    const style = column === 0 ? (text === 'WARNING' ? 'bad' : 'dim') : 'text';
    return <Text>{paint(exact([span(' '), span(text, style)], width, glyphs.ellipsis), theme)}</Text>;
  };
  const skeleton = ({ children }: PropsWithChildren): ReactNode => {
    const text = String(children);
    return <Text>{paint([span(boxed(text, glyphs), 'border')], theme)}</Text>;
  };
  const header = ({ children }: PropsWithChildren): ReactNode => {
    const text = String(children);
    return <Text>{paint([span(text, 'title')], theme)}</Text>;
  };
  const data = table.rows.map((row) => ({
    [nameTitle]: bounded(row.name, widths[0] ?? 0, glyphs),
    [valueTitle]: bounded(row.value, widths[1] ?? 0, glyphs),
  }));
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
          data={data}
          columns={[nameTitle, valueTitle]}
          padding={PADDING}
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
