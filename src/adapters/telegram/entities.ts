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

/**
 * Whether a text speaks to us: `@our_bot`, a text mention of our id, `/command@our_bot`, or a bare command of our
 * menu at its start. A command addressed to another bot does not.
 */
export function addressed(text: string, entities: readonly TelegramEntity[], own: OwnName): Addressed {
  const ours = own.username?.toLowerCase();
  let mentioned = false;
  const cuts: { readonly from: number; readonly to: number }[] = [];
  for (const entity of entities) {
    const span = spanOf(text, entity);
    const end = entity.offset + entity.length;
    if (entity.type === 'mention' && ours !== undefined && span.toLowerCase() === `@${ours}`) {
      mentioned = true;
      if (atEdge(text, entity.offset, end)) cuts.push({ from: entity.offset, to: end });
    } else if (entity.type === 'text_mention' && entity.user?.id === own.id) {
      mentioned = true;
      if (atEdge(text, entity.offset, end)) cuts.push({ from: entity.offset, to: end });
    } else if (entity.type === 'bot_command') {
      const [name = '', target] = span.slice(1).split('@');
      if (target !== undefined && target.toLowerCase() === ours) {
        mentioned = true;
        cuts.push({ from: entity.offset + 1 + name.length, to: end });
      } else if (target === undefined && entity.offset === 0 && own.commands.includes(name.toLowerCase()))
        mentioned = true;
    }
  }
  if (cuts.length === 0) return { text, mentioned };
  const rest = cuts
    .sort((a, b) => b.from - a.from)
    .reduce((left, cut) => left.slice(0, cut.from) + left.slice(cut.to), text);
  return { text: rest.trim(), mentioned };
}

/** A mention inside a sentence belongs to it; one at the start or the end is only an address. */
function atEdge(text: string, from: number, to: number): boolean {
  return text.slice(0, from).trim() === '' || text.slice(to).trim() === '';
}
