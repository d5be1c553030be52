import type { Part } from '../../gateway/adapter.ts';
import { chunkText } from './chunk.ts';

/** Markdown to parts that each fit the platform. */
export function formatDiscord(markdown: string): readonly Part[] {
  return chunkText(markdown, 2000, 'utf16').map((plain) => ({
    text: plain,
    plain,
  }));
}
