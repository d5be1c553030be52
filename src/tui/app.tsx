/** The console as an Ink app: reads the store, composes the screen, puts it on the terminal. */
import { Box, useApp, useCursor } from 'ink';
import { type ReactNode, useEffect, useSyncExternalStore } from 'react';
import { Lines } from './components/lines.tsx';
import { StatusTableView } from './components/status-table.tsx';
import { useKeys } from './components/use-keys.ts';
import { useTerminalSize } from './components/use-terminal-size.ts';
import type { Glyphs } from './draw/glyphs.ts';
import type { Theme } from './draw/theme.ts';
import { Ticker } from './draw/times.ts';
import { compose } from './screen/compose.ts';
import type { Controller } from './state/controller.ts';
import type { ConsoleStore } from './state/store.ts';

export type SuspendTerminal = ReturnType<typeof useApp>['suspendTerminal'];

export interface AppProps {
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
