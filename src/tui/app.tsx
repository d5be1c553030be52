/** The console as an Ink app: reads the store and the keys, composes the screen, puts it on the terminal. */

import { Box, Text, useApp, useCursor, useFocusManager, useInput, usePaste, useStdout } from 'ink';
import { type CellProps, Table } from 'ink-table';
import {
  memo,
  type PropsWithChildren,
  type ReactNode,
  useCallback,
  useEffect,
  useRef,
  useSyncExternalStore,
} from 'react';
import { fillTo, withPlaceholders } from './draw/cells.ts';
import { exact, paint, span } from './draw/line.ts';
import type { Glyphs, Theme } from './draw/theme.ts';
import { Ticker } from './draw/times.ts';
import { keyNames } from './keys/bindings.ts';
import { STATUS_PADDING, statusWidths } from './pages/status.ts';
import type { Reader } from './reader/reader.ts';
import { compose, type StatusTable } from './screen/compose.ts';
import type { Controller } from './state/controller.ts';
import type { ConsoleStore } from './state/store.ts';
import { paintedScreen } from './terminal/frame-cache.ts';

export type SuspendTerminal = ReturnType<typeof useApp>['suspendTerminal'];

interface AppProps {
  readonly store: ConsoleStore;
  readonly controller: Controller;
  readonly theme: Theme;
  readonly glyphs: Glyphs;
  /** Rows left to the shell (inline mode). */
  readonly spareRows?: number;
  /** Called when keys are read; hands out Ink's way of giving the terminal away for a moment. */
  readonly onReady?: (suspend: SuspendTerminal) => void;
}

export function App(props: AppProps): ReactNode {
  const { store, controller, theme, glyphs, spareRows = 0, onReady } = props;
  const slices = useSyncExternalStore(store.subscribe, store.getSlices);
  useSyncExternalStore(controller.subscribe, controller.getView);
  const size = useTerminalSize();
  const { suspendTerminal } = useApp();
  const { setCursorPosition } = useCursor();
  useKeys(controller);
  useEffect(() => {
    onReady?.(suspendTerminal);
  }, [onReady, suspendTerminal]);

  const columns = size.columns;
  const rows = Math.max(1, size.rows - spareRows);
  const ticker = new Ticker(slices.now);
  const screen = compose({ controller, columns, rows, theme, glyphs, ticker });
  setCursorPosition(screen.cursor);
  useEffect(() => {
    store.wakeAt(ticker.next);
    controller.preview.drawn(screen.previewed);
  });

  return (
    <Box width={columns} height={rows} flexDirection="column">
      <Lines lines={screen.lines} width={columns} />
      {screen.table === undefined ? null : (
        <StatusTableView table={screen.table} theme={theme} glyphs={glyphs} />
      )}
    </Box>
  );
}

interface ReaderAppProps {
  readonly reader: Reader;
  readonly onReady?: (suspend: SuspendTerminal) => void;
}

/** Takes the keys and draws nothing: what the reader says is appended to the terminal and never drawn again. */
export function ReaderApp({ reader, onReady }: ReaderAppProps): ReactNode {
  const { suspendTerminal } = useApp();
  useKeys(reader);
  useEffect(() => {
    onReady?.(suspendTerminal);
  }, [onReady, suspendTerminal]);
  return null;
}

interface LinesProps {
  /** Painted, each exactly as wide as the screen. */
  readonly lines: readonly string[];
  readonly width: number;
}

function same(a: LinesProps, b: LinesProps): boolean {
  return (
    a.width === b.width &&
    (a.lines === b.lines ||
      (a.lines.length === b.lines.length && a.lines.every((line, index) => line === b.lines[index])))
  );
}

/** Painted lines one under the other, as one text: React and the layout have nothing to do for a line. */
const Lines = memo(function Lines({ lines, width }: LinesProps): ReactNode {
  const before = useRef<{ readonly lines: readonly string[]; readonly shown: readonly string[] }>({
    lines: [],
    shown: [],
  });
  const last = before.current;
  const shown = lines.map((line, at) =>
    line === last.lines[at] ? (last.shown[at] ?? line) : withPlaceholders(line),
  );
  before.current = { lines, shown };
  return <Text wrap="truncate-end">{paintedScreen(shown, width)}</Text>;
}, same);

interface StatusTableProps {
  readonly table: StatusTable;
  readonly theme: Theme;
  readonly glyphs: Glyphs;
}

/**
 * The facts of the gateway in a table without rules between its rows, two facts next to each other where there is room.
 * `ink-table` measures with `String.length`; column titles padded to the width we want fix its columns, and the cells are
 * padded again by display width.
 */
function StatusTableView({ table, theme, glyphs }: StatusTableProps): ReactNode {
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

interface KeyTarget {
  key(name: string): void;
  paste(text: string): void;
}

/** More different keys than this in one read were not typed: a terminal without bracketed paste sent a paste. */
const TYPED_AT_ONCE = 16;

/**
 * The one place where keys enter. Ink hands every key to every `useInput`, so there is exactly one; `usePaste` stays
 * mounted, so that a paste is never mistaken for keys; Ink's own focus manager would take Tab and Esc.
 */
function useKeys(target: KeyTarget): void {
  const { disableFocus } = useFocusManager();
  useEffect(() => {
    disableFocus();
  }, [disableFocus]);
  useInput((input, key) => {
    const names = keyNames(input, key);
    if (names.length > TYPED_AT_ONCE && new Set(names).size > 1) target.paste(input);
    else for (const name of names) target.key(name);
  });
  usePaste((text) => target.paste(text));
}

interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/**
 * The size of the terminal. Ink's own hook hands out a new object when it is mounted, which draws the whole first
 * frame a second time.
 */
function useTerminalSize(): TerminalSize {
  const { stdout } = useStdout();
  const last = useRef<TerminalSize>({ columns: 0, rows: 0 });
  const subscribe = useCallback(
    (changed: () => void) => {
      stdout.on('resize', changed);
      return () => {
        stdout.off('resize', changed);
      };
    },
    [stdout],
  );
  return useSyncExternalStore(subscribe, () => {
    const { columns, rows } = sizeOf(stdout);
    if (columns !== last.current.columns || rows !== last.current.rows) last.current = { columns, rows };
    return last.current;
  });
}

function sizeOf(stdout: NodeJS.WritableStream): TerminalSize {
  const columns = 'columns' in stdout ? Number(stdout.columns) : 0;
  const rows = 'rows' in stdout ? Number(stdout.rows) : 0;
  // A terminal that does not know its size is taken for the classic one.
  return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 };
}
