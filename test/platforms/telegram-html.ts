/** Telegram's HTML mode as the Bot API describes it: what it takes, what it refuses, what a reader sees. */

const TAGS = new Set([
  'b',
  'strong',
  'i',
  'em',
  'u',
  'ins',
  's',
  'strike',
  'del',
  'span',
  'tg-spoiler',
  'tg-emoji',
  'a',
  'code',
  'pre',
  'blockquote',
]);

const NAMED: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"' };

export class EntityError extends Error {
  override readonly name = 'EntityError';
}

/** The text after entity parsing; throws EntityError with the Bot API's words. */
export function parseTelegramHtml(html: string): string {
  const open: string[] = [];
  let text = '';
  let at = 0;
  while (at < html.length) {
    const char = html[at];
    if (char === '&') {
      const entity = /^&(?:(lt|gt|amp|quot);?|#(\d+);?|#x([0-9a-f]+);?)/i.exec(html.slice(at));
      if (entity === null) {
        text += '&';
        at += 1;
        continue;
      }
      const [whole, name, decimal, hex] = entity;
      if (name !== undefined) text += NAMED[name.toLowerCase()] ?? '';
      else
        text += String.fromCodePoint(Number.parseInt(decimal ?? hex ?? '0', decimal === undefined ? 16 : 10));
      at += whole.length;
      continue;
    }
    if (char !== '<') {
      text += char;
      at += 1;
      continue;
    }
    const tag = /^<(\/?)([a-z][a-z0-9-]*)((?:\s+[a-z-]+(?:=(?:"[^"]*"|'[^']*'|[^\s>]+))?)*)\s*>/i.exec(
      html.slice(at),
    );
    const offset = Buffer.byteLength(html.slice(0, at));
    if (tag === null) {
      const name = /^<\/?([^\s>]*)/.exec(html.slice(at))?.[1] ?? '';
      throw new EntityError(`Unsupported start tag "${name}" at byte offset ${offset}`);
    }
    const [whole, closing, rawName] = tag;
    const name = (rawName ?? '').toLowerCase();
    if (!TAGS.has(name)) throw new EntityError(`Unsupported start tag "${name}" at byte offset ${offset}`);
    if (closing === '/') {
      if (open.pop() !== name) throw new EntityError(`Unmatched end tag at byte offset ${offset}`);
    } else open.push(name);
    at += whole.length;
  }
  const unclosed = open.pop();
  if (unclosed !== undefined)
    throw new EntityError(`Can't find end tag corresponding to start tag "${unclosed}"`);
  return text;
}
