import { Value } from 'typebox/value';
import { Content, type TelegramContent } from './wire.ts';

/** Deeper than any message that Telegram takes. */
const MAX_DEPTH = 24;
/** Fields whose text stands on a line of its own. */
const BLOCKS = [
  'title',
  'summary',
  'header',
  'blocks',
  'items',
  'rows',
  'cells',
  'caption',
  'credit',
] as const;
const MEDIA = ['photo', 'video', 'animation', 'audio', 'voice', 'document'] as const;

type Rich = TelegramContent['rich_message'];

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Text inside one block: a string, a list of pieces, or a piece with a style around it. */
function inline(value: unknown, depth: number): string {
  if (typeof value === 'string') return value;
  if (depth > MAX_DEPTH) return '';
  if (Array.isArray(value)) return value.map((each) => inline(each, depth + 1)).join('');
  if (!isRecord(value)) return '';
  const text = inline(value['text'] ?? value['expression'] ?? value['alternative_text'], depth + 1);
  const { url } = value;
  return typeof url === 'string' && url !== text ? `[${text}](${url})` : text;
}

function lines(value: unknown, depth: number): string[] {
  if (depth > MAX_DEPTH) return [];
  if (Array.isArray(value)) return value.flatMap((each) => lines(each, depth + 1));
  if (typeof value === 'string') return [value];
  if (!isRecord(value)) return [];
  const own = inline(value, depth);
  return [...(own === '' ? [] : [own]), ...BLOCKS.flatMap((key) => lines(value[key], depth + 1))];
}

/** The text of a rich message, a line for each block. */
export function richText(message: NonNullable<Rich>): string {
  return lines(message.blocks, 0).join('\n').trim();
}

/** The blocks of a rich message that hold a file, read like messages. */
export function mediaOf(message: Rich): TelegramContent[] {
  const found: TelegramContent[] = [];
  const look = (value: unknown, depth: number): void => {
    if (depth > MAX_DEPTH || found.length >= 20) return;
    if (Array.isArray(value)) for (const each of value) look(each, depth + 1);
    else if (isRecord(value)) {
      const files = Object.fromEntries(MEDIA.flatMap((key) => (key in value ? [[key, value[key]]] : [])));
      if (Object.keys(files).length > 0 && Value.Check(Content, files)) found.push(files);
      for (const key of BLOCKS) look(value[key], depth + 1);
    }
  };
  look(message?.blocks, 0);
  return found;
}
