import type { Part } from '../../gateway/adapter.ts';

/** The text as it is, one part: the client at the other end understands Markdown. */
export function formatMarkdown(markdown: string): readonly Part[] {
  return markdown === '' ? [] : [{ text: markdown, plain: markdown }];
}
