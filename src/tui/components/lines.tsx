import { Text } from 'ink';
import { memo, type ReactNode, useRef } from 'react';
import { withPlaceholders } from '../draw/placeholders.ts';
import { paintedScreen } from '../terminal/frame-cache.ts';

export interface LinesProps {
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
export const Lines = memo(function Lines({ lines, width }: LinesProps): ReactNode {
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
