import { decodeEntities } from './mrkdwn.ts';

/**
 * Texts of inbound markup as one, without those that say nothing new: Slack sends the text of most messages twice, as
 * `text` and as blocks, and bots write a summary of their blocks into `text`. Of two that say the same the first stays.
 */
export function onlyNew(texts: readonly string[]): string {
  const kept: { text: string; words: ReadonlySet<string> }[] = [];
  for (const text of texts) {
    if (text.trim() === '') continue;
    const words = wordsOf(text);
    if (kept.some((each) => within(words, each.words) && (words.size > 0 || each.text.includes(text))))
      continue;
    const at = kept.findIndex((each) => each.words.size > 0 && within(each.words, words));
    if (at < 0) kept.push({ text, words });
    else kept[at] = { text, words };
  }
  return kept.map(({ text }) => text.trimEnd()).join('\n');
}

/** Does a text say anything that the other one does not? */
export function saysMore(text: string, than: string): boolean {
  return onlyNew([than, text]) !== onlyNew([than]);
}

const within = (some: ReadonlySet<string>, all: ReadonlySet<string>): boolean =>
  [...some].every((word) => all.has(word));

/** The words of a text, addresses included; ids count without the names next to them. */
function wordsOf(text: string): ReadonlySet<string> {
  const bare = decodeEntities(text.replace(/<([@#!][^|<>]*)\|[^<>]*>/g, '<$1>'));
  return new Set(bare.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []);
}
