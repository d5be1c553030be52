/**
 * Telegram turns every `@name` into a mention that notifies its owner; a bot cannot switch that off. As code, a name
 * is only a name, and the text keeps its length.
 */
const MENTION = /(?<![\w@/])@[a-zA-Z]\w{2,31}/g;
const TAG = /(<[^>]*>)/;
const USER_LINK = /<a href="tg:\/\/user[^"]*">([\s\S]*?)<\/a>/g;

export interface CodeEntity {
  readonly type: 'code';
  /** UTF-16 units. */
  readonly offset: number;
  readonly length: number;
}

/** HTML whose mentions notify nobody. */
export function quietHtml(html: string): string {
  let code = 0;
  return html
    .replace(USER_LINK, '$1')
    .split(TAG)
    .map((piece) => {
      if (!piece.startsWith('<')) return code > 0 ? piece : piece.replace(MENTION, '<code>$&</code>');
      if (/^<(code|pre)\b/.test(piece)) code += 1;
      if (/^<\/(code|pre)\b/.test(piece)) code -= 1;
      return piece;
    })
    .join('');
}

/** The entities that keep the mentions of a plain text quiet. */
export function quietEntities(text: string): readonly CodeEntity[] {
  return [...text.matchAll(MENTION)].map((match) => ({
    type: 'code',
    offset: match.index,
    length: match[0].length,
  }));
}
