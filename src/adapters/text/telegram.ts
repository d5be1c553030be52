import type { Part } from '../../gateway/adapter.ts';
import { chunkText } from './chunk.ts';

/** Markdown to parts that each fit the platform. */
export function formatTelegram(markdown: string): readonly Part[] {
  return chunkText(markdown, 800, 'utf16').map((plain) => ({
    text: plain.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;'),
    plain,
  }));
}
