import { useApp } from 'ink';
import { type ReactNode, useEffect } from 'react';
import type { SuspendTerminal } from '../app.tsx';
import { useKeys } from '../components/use-keys.ts';
import type { Reader } from './reader.ts';

export interface ReaderAppProps {
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
