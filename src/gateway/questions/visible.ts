import { type ChatText, joined, raw } from '../language/chat-text.ts';

/** Controls (line feed and tab stay), format characters (bidi, zero width), and separators that break lines. */
const HIDDEN = /[^\P{Cc}\n\t]|[\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u2800\u3164\uffa0]/gu;

/**
 * A text of an agent with everything shown that would otherwise change how it reads: anyone who approves a command must
 * see the command that runs.
 */
export function visible(text: string): string {
  return text.toWellFormed().replace(HIDDEN, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/** In a fence that nothing in the text can close. */
export function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`{3,}/g)].map((match) => match[0].length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}

/** In a fence, whatever the language: none of the gateway's words closes one. */
export function fencedText(text: ChatText): ChatText {
  const [fence = ''] = fenced(text.in('en')).split('\n', 1);
  return joined([raw(fence), text, raw(fence)], '\n');
}
