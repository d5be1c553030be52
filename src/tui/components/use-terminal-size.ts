import { useStdout } from 'ink';
import { useCallback, useRef, useSyncExternalStore } from 'react';

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/**
 * The size of the terminal. Ink's own hook hands out a new object when it is mounted, which draws the whole first
 * frame a second time.
 */
export function useTerminalSize(): TerminalSize {
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
