/** What ids stand for, as far as it is known. */
export interface Names {
  user(id: string): string | undefined;
  channel(id: string): string | undefined;
  /** Does Slack say that this user belongs to the bot's own organization? Undefined: it does not say. */
  ours?(userId: string): boolean | undefined;
  /** The language code of this user's Slack. */
  locale?(userId: string): string | undefined;
}

export const NO_NAMES: Names = { user: () => undefined, channel: () => undefined };

/** `<@U1>`, `<#C1|name>`, `<!here>`, `<https://…|label>`; anything else in angle brackets is text. */
const TOKEN = /<([@#!][^<>\s][^<>]*|[a-z][a-z0-9+.-]*:[^<>]+)>/gi;
/** Stands for the bot's own mention until it is known whether it only addresses the bot. */
const SELF = '\u0000';

/**
 * Slack's inbound text as Markdown: entities and `<…>` tokens are resolved. A mention of the bot at the start or the
 * end of the text only addresses it and is taken out; elsewhere it stays as a name.
 * https://docs.slack.dev/messaging/formatting-message-text
 */
export function decodeMrkdwn(text: string, botUserId: string, botName: string, names: Names): string {
  const words = withoutAddress(decoded(text, botUserId, names));
  return words.replaceAll(SELF, `@${botName}`);
}

/** Without the bot's mentions at both ends. In steps: a pattern would look at long runs of spaces again and again. */
function withoutAddress(text: string): string {
  let words = text;
  while (words.trimStart().startsWith(SELF))
    words = words.trimStart().slice(SELF.length).replace(/^[:,]/, '').trimStart();
  while (words.trimEnd().endsWith(SELF)) words = words.trimEnd().slice(0, -SELF.length).trimEnd();
  return words;
}

/** The same for a text that does not address the bot: nothing is taken out. */
export function namedMrkdwn(text: string, botUserId: string, botName: string, names: Names): string {
  return decoded(text, botUserId, names).replaceAll(SELF, `@${botName}`);
}

function decoded(text: string, botUserId: string, names: Names): string {
  let result = '';
  let at = 0;
  const source = text.replaceAll(SELF, '');
  for (const match of source.matchAll(TOKEN)) {
    result += decodeEntities(source.slice(at, match.index)) + decodeToken(match[1] ?? '', botUserId, names);
    at = match.index + match[0].length;
  }
  return result + decodeEntities(source.slice(at));
}

/** The ids of users and channels that `decodeMrkdwn` would like to name. */
export function idsIn(text: string): {
  readonly users: readonly string[];
  readonly channels: readonly string[];
} {
  const users = new Set<string>();
  const channels = new Set<string>();
  for (const match of text.matchAll(TOKEN)) {
    const [target = '', label] = split(match[1] ?? '');
    if (label !== undefined && label !== '') continue;
    if (target.startsWith('@')) users.add(target.slice(1));
    if (target.startsWith('#')) channels.add(target.slice(1));
  }
  return { users: [...users], channels: [...channels] };
}

export function mentions(text: string, userId: string): boolean {
  return text.includes(`<@${userId}>`) || text.includes(`<@${userId}|`);
}

export function decodeEntities(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

function decodeToken(token: string, botUserId: string, names: Names): string {
  const [target, label] = split(token);
  const id = target.slice(1);
  const text = label === undefined ? undefined : decodeEntities(label);
  if (target.startsWith('@')) return id === botUserId ? SELF : `@${text || names.user(id) || id}`;
  if (target.startsWith('#')) return `#${text || names.channel(id) || id}`;
  // <!here>, <!subteam^S1|@team>, <!date^1392734382^{date}|2 May>
  if (target.startsWith('!')) return text || specialMention(id);
  const url = decodeEntities(target);
  if (text === undefined || text === '' || sameAddress(text, url)) return url.replace(/^mailto:|^tel:/, '');
  return `[${text}](${url})`;
}

function specialMention(id: string): string {
  const [kind = id, what = ''] = id.split('^');
  if (kind === 'subteam' && what !== '') return `@${what}`;
  const at = new Date(Number(what) * 1000);
  return kind === 'date' && !Number.isNaN(at.getTime()) ? at.toISOString() : `@${kind}`;
}

function split(token: string): [target: string, label: string | undefined] {
  const bar = token.indexOf('|');
  return bar < 0 ? [token, undefined] : [token.slice(0, bar), token.slice(bar + 1)];
}

/** Slack turns `example.com` into `<http://example.com|example.com>`: the same address twice. */
function sameAddress(label: string, url: string): boolean {
  const bare = (address: string): string =>
    address.replace(/^(?:https?:\/\/|mailto:|tel:)/, '').replace(/\/$/, '');
  return bare(label) === bare(url);
}

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

/** Guards for Slack's JSON: everything outside our own types is looked at through them. */
export type Fields = Readonly<Record<string, unknown>>;

const NOTHING: Fields = {};

/** The object itself, or an empty one for anything else. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : NOTHING;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A non-empty string under `key`. */
export function textOf(fields: Fields, key: string): string | undefined {
  const value = fields[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function numberOf(fields: Fields, key: string): number | undefined {
  const value = fields[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** The objects in the list under `key`. */
export function listOf(fields: Fields, key: string): readonly Fields[] {
  const value: unknown = fields[key];
  return Array.isArray(value) ? value.filter(isFields) : [];
}
