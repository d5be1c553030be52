import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { Block } from '../screen/scene.ts';
import { Lines } from './lines.tsx';

/** Lines placed over the panes. They are padded, so that nothing shines through an absolutely placed box. */
export function BlockView({ block }: { readonly block: Block }): ReactNode {
  return (
    <Box position="absolute" marginLeft={block.x} marginTop={block.y} width={block.width} flexShrink={0}>
      <Lines lines={block.lines} />
    </Box>
  );
}
