import type { TelegramEntity } from './wire.ts';

/** Who we are, as far as a text can name us. */
export interface OwnName {
  readonly id: number;
  /** Without the at sign; compared without regard to case. */
  readonly username: string | undefined;
  /** Names of the commands in our menu, without the slash. */
  readonly commands: readonly string[];
}

export interface Addressed {
  /** The text without the mention at its start or end; `/status@our_bot` becomes `/status`. */
  readonly text: string;
  readonly mentioned: boolean;
}

/** Entity offsets count UTF-16 units, as JavaScript strings do. */
function spanOf(text: string, entity: TelegramEntity): string {
  return text.slice(entity.offset, entity.offset + entity.length);
}

/** The text with the address behind each linked word: `[word](url)`. */
export function linked(text: string, entities: readonly TelegramEntity[]): string {
  return applied(
    text,
    entities.flatMap((entity) => linkEdits(text, entity)),
  );
}

/** A change of a text: what stands in `from`–`to` becomes `by`. */
interface Edit {
  readonly from: number;
  readonly to: number;
  readonly by: string;
}

function linkEdits(text: string, entity: TelegramEntity): Edit[] {
  const { url, offset, length } = entity;
  if (entity.type !== 'text_link' || url === undefined || length === 0) return [];
  const span = spanOf(text, entity);
  if (bare(span) === bare(url)) return [];
  const end = offset + length;
  return [
    { from: offset, to: offset, by: '[' },
    { from: end, to: end, by: `](${url})` },
  ];
}

const bare = (url: string): string =>
  url
    .trim()
    .replace(/^https?:\/\//i, '')
    .replace(/\/$/, '');

/** From the end to the beginning, so that the offsets of what is left stay right. */
function applied(text: string, edits: readonly Edit[]): string {
  return edits
    .toSorted((a, b) => b.from - a.from || b.to - a.to)
    .reduce((left, { from, to, by }) => left.slice(0, from) + by + left.slice(to), text);
}

/**
 * Whether a text speaks to us: `@our_bot`, a mention or link of our id or name, `/command@our_bot`, or a bare command
 * of our menu at its start. A command addressed to another bot does not.
 */
export function addressed(text: string, entities: readonly TelegramEntity[], own: OwnName): Addressed {
  const ours = own.username?.toLowerCase();
  let mentioned = false;
  const cuts: Edit[] = [];
  const edits: Edit[] = [];
  for (const entity of entities) {
    const end = entity.offset + entity.length;
    if (namesUs(text, entity, own)) {
      mentioned = true;
      if (atEdge(text, entity.offset, end)) cuts.push({ from: entity.offset, to: end, by: '' });
    } else if (entity.type === 'bot_command') {
      const [name = '', target] = spanOf(text, entity).slice(1).split('@');
      if (target !== undefined && target.toLowerCase() === ours) {
        mentioned = true;
        cuts.push({ from: entity.offset + 1 + name.length, to: end, by: '' });
      } else if (target === undefined && entity.offset === 0 && own.commands.includes(name.toLowerCase()))
        mentioned = true;
    } else edits.push(...linkEdits(text, entity));
  }
  const rest = applied(text, [...cuts, ...edits]);
  if (cuts.length === 0) return { text: rest, mentioned };
  // "Gate, look": the comma belonged to the address.
  const addressedFirst = cuts.some((cut) => text.slice(0, cut.from).trim() === '');
  return { text: (addressedFirst ? rest.replace(/^\s*[,:;]\s*/, '') : rest).trim(), mentioned };
}

function namesUs(text: string, entity: TelegramEntity, own: OwnName): boolean {
  const ours = own.username?.toLowerCase();
  if (entity.type === 'mention')
    return ours !== undefined && spanOf(text, entity).toLowerCase() === `@${ours}`;
  if (entity.type === 'text_mention') return entity.user?.id === own.id;
  if (entity.type !== 'text_link') return false;
  const url = entity.url?.toLowerCase() ?? '';
  if (url === `tg://user?id=${own.id}`) return true;
  const name =
    /^(?:(?:https?:\/\/)?(?:www\.)?(?:t|telegram)\.me\/|tg:\/\/resolve\/?\?domain=)([a-z0-9_]+)\/?$/.exec(
      url,
    )?.[1];
  return ours !== undefined && name === ours;
}

/** A mention inside a sentence belongs to it; one at the start or the end is only an address. */
function atEdge(text: string, from: number, to: number): boolean {
  return text.slice(0, from).trim() === '' || text.slice(to).trim() === '';
}
