import type { Part } from '../../gateway/adapter.ts';
import { chunkText } from './chunk.ts';

/** Markdown to parts that each fit the platform. */
export function formatSlack(markdown: string): readonly Part[] {
  return chunkText(markdown, 800, 'codepoints').map((plain) => ({
    text: plain.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;'),
    plain,
  }));
}
