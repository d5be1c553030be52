import { useStdin } from 'ink';
import { useEffect } from 'react';

/**
 * Tells whether the terminal has the focus (reporting mode 1004). Ink swallows these reports, so the raw input is
 * watched beside it; a listener for `data` sees what Ink reads and takes nothing away.
 */
export function useTerminalFocus(changed: (focused: boolean) => void): void {
  const { stdin } = useStdin();
  useEffect(() => {
    const watch = (chunk: unknown): void => {
      const text = String(chunk);
      const at = Math.max(text.lastIndexOf('\u001b[I'), text.lastIndexOf('\u001b[O'));
      if (at >= 0) changed(text.startsWith('\u001b[I', at));
    };
    stdin.on('data', watch);
    return () => {
      stdin.off('data', watch);
    };
  }, [stdin, changed]);
}
