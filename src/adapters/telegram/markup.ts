import type { InlineKeyboardMarkup } from 'telegraf/types';
import { defined } from '../../base/defined.ts';
import type { Part } from '../../gateway/adapter.ts';

/**
 * Telegram turns every `@name` into a mention that notifies its owner; a bot cannot switch that off. As code, a name
 * is only a name, and the text keeps its length.
 */
const MENTION = /(?<![\w@/])@[a-zA-Z]\w{2,31}/g;
const TAG = /(<[^>]*>)/;
const USER_LINK = /<a href="tg:\/\/user[^"]*">([\s\S]*?)<\/a>/g;

interface CodeEntity {
  readonly type: 'code';
  /** UTF-16 units. */
  readonly offset: number;
  readonly length: number;
}

/** HTML whose mentions notify no one. */
function quietHtml(html: string): string {
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
function quietEntities(text: string): readonly CodeEntity[] {
  return [...text.matchAll(MENTION)].map((match) => ({
    type: 'code',
    offset: match.index,
    length: match[0].length,
  }));
}

/** The most bytes Telegram keeps behind a button. */
const BUTTON_BYTES = 64;
const BUTTONS_PER_ROW = 2;

/** A text as the Bot API takes it. */
export interface MarkedText {
  readonly text: string;
  readonly parse_mode?: 'HTML';
  readonly entities?: CodeEntity[];
}

/** The same as the caption of a file. */
export interface MarkedCaption {
  readonly caption: string;
  readonly parse_mode?: 'HTML';
  readonly caption_entities?: CodeEntity[];
}

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const fits = (button: { readonly command: string }): boolean =>
  Buffer.byteLength(button.command) <= BUTTON_BYTES;

/**
 * The text of a part. A part whose two texts are the same has no markup: sent as HTML, its `<` and `&` would be an
 * error. Commands too long for a button are listed below the text, to be typed. `quiet` keeps mentions from
 * notifying anybody.
 */
export function markedText(part: Part, quiet: boolean): MarkedText {
  const html = part.text !== part.plain;
  const typed = (part.buttons ?? [])
    .filter((button) => !fits(button))
    .map((button) => `\n${button.label}: ${button.command}`)
    .join('');
  const text = part.text + (html ? escapeHtml(typed) : typed);
  if (html) return { text: quiet ? quietHtml(text) : text, parse_mode: 'HTML' };
  const entities = quiet ? quietEntities(text) : [];
  return entities.length === 0 ? { text } : { text, entities: [...entities] };
}

export function asCaption({ text, parse_mode, entities }: MarkedText): MarkedCaption {
  return {
    caption: text,
    ...defined({ parse_mode, caption_entities: entities }),
  };
}

/** The buttons of a part as an inline keyboard; pressing one sends its command. */
export function keyboardOf(part: Part): InlineKeyboardMarkup | undefined {
  const buttons = (part.buttons ?? [])
    .filter(fits)
    .map((button) => ({ text: button.label, callback_data: button.command }));
  if (buttons.length === 0) return undefined;
  const rows = Array.from({ length: Math.ceil(buttons.length / BUTTONS_PER_ROW) }, (_, row) =>
    buttons.slice(row * BUTTONS_PER_ROW, (row + 1) * BUTTONS_PER_ROW),
  );
  return { inline_keyboard: rows };
}
