import type { Part } from '../../gateway/adapter.ts';

/** The text unchanged, in one part: the client at the other end reads Markdown itself. */
export function formatMarkdown(markdown: string): readonly Part[] {
  return markdown === '' ? [] : [{ text: markdown, plain: markdown }];
}
