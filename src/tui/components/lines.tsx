import { Box, Text } from 'ink';
import { memo, type ReactNode } from 'react';
import { withPlaceholders } from '../draw/placeholders.ts';
import { painted } from '../terminal/frame-cache.ts';

export interface LinesProps {
  /** Painted, each exactly as wide as its place. */
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

/** React visits only the rows that changed. */
const Row = memo(function Row({ line, width }: { readonly line: string; readonly width: number }): ReactNode {
  return <Text wrap="truncate-end">{painted(withPlaceholders(line), width)}</Text>;
});

/** Painted lines one under the other. Rows never shrink: a fixed column would squeeze them to nothing. */
export const Lines = memo(function Lines({ lines, width }: LinesProps): ReactNode {
  return (
    <Box flexDirection="column" flexShrink={0}>
      {lines.map((line, index) => (
        // Lines have no identity but their place on the screen.
        // biome-ignore lint/suspicious/noArrayIndexKey: the index is the row
        <Row key={index} line={line} width={width} />
      ))}
    </Box>
  );
}, same);
