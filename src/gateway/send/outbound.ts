import { defined } from '../../base/defined.ts';
import { GatewayError } from '../../base/errors.ts';
import { closest } from '../../base/text.ts';
import type { Row } from '../../store/database.ts';
import type { Capabilities, OutboundMeta, Part } from '../adapter.ts';
import {
  type ChatRef,
  chatKey,
  isPlatform,
  type OutboxState,
  type OutboxView,
  PLATFORMS,
  type Platform,
} from '../model.ts';

/** A message on its way out: where it goes, what is stored of it, and parts of its text that fit where a platform refused it. */

/** One message on its way out: all parts of one text to one chat, delivered in order. */
export interface OutboundRow {
  readonly seq: number;
  readonly id: string;
  readonly chat: ChatRef;
  readonly meta: OutboundMeta;
  readonly parts: Part[];
  readonly replyTo: string | undefined;
  /** A streamed draft that the first part replaces by an edit. */
  readonly draftId: string | undefined;
  readonly createdAt: number;
  state: OutboxState;
  attempts: number;
  /** How many parts are delivered. */
  done: number;
  readonly receipts: string[];
  error: string | undefined;
  nextTryAt: number | undefined;
  /** The part being sent may already have arrived: set after a crash or a lost connection. */
  mayRepeat: boolean;
  /** Settled rows are told to the operator only if they were shown before. */
  shown: boolean;
  /** The operator wants it sent whatever its age. */
  insisted: boolean;
  /** Parts before this one are what a refused part was made into. */
  smallerUpTo: number;
}

export interface NewOutbound {
  readonly chat: ChatRef;
  readonly meta: OutboundMeta;
  readonly parts: readonly Part[];
  readonly replyTo?: string;
  readonly draftId?: string;
}

export function newRow(
  seq: number,
  id: string,
  message: NewOutbound,
  createdAt: number,
  state: 'pending' | 'sending' = 'pending',
): OutboundRow {
  return {
    seq,
    id,
    chat: message.chat,
    meta: message.meta,
    parts: [...message.parts],
    replyTo: message.replyTo,
    draftId: message.draftId,
    createdAt,
    state,
    attempts: 0,
    done: 0,
    receipts: [],
    error: undefined,
    nextTryAt: undefined,
    mayRepeat: false,
    shown: false,
    insisted: false,
    smallerUpTo: 0,
  };
}

export function rowOf(row: Row): OutboundRow {
  const text = (name: string): string | undefined => {
    const value = row[name];
    return value === null || value === undefined ? undefined : String(value);
  };
  return {
    seq: Number(row['seq']),
    id: String(row['id']),
    chat: JSON.parse(String(row['chat'])) as ChatRef,
    meta: JSON.parse(String(row['meta'])) as OutboundMeta,
    parts: JSON.parse(String(row['parts'])) as Part[],
    replyTo: text('reply_to'),
    draftId: text('draft_id'),
    createdAt: Number(row['created_at']),
    state: row['state'] as OutboxState,
    attempts: Number(row['attempts']),
    done: Number(row['done']),
    receipts: JSON.parse(String(row['receipts'])) as string[],
    error: text('error'),
    nextTryAt: undefined,
    mayRepeat: row['state'] === 'sending',
    shown: false,
    insisted: false,
    smallerUpTo: 0,
  };
}

export function outboxView(row: OutboundRow): OutboxView {
  return {
    id: row.id,
    chat: row.chat,
    kind: row.meta.kind,
    // On disk it stays `sending` after a failed try; anyone who looks wants to know that nothing is in progress.
    state: row.state === 'sending' && row.nextTryAt !== undefined ? 'pending' : row.state,
    attempts: row.attempts,
    preview: (row.parts[0]?.plain ?? '').slice(0, 120),
    ...(row.state === 'failed' ? { text: undeliveredText(row) } : {}),
    createdAt: row.createdAt,
    ...defined({ nextTryAt: row.nextTryAt, error: row.error }),
  };
}

/** What did not reach the chat, whole: the operator can pass it on by hand. */
export function undeliveredText({ parts, done }: OutboundRow): string {
  return parts
    .slice(done)
    .map(({ plain }) => plain)
    .join('\n');
}

/** Most units that one character takes: bytes of UTF-8, units of UTF-16. */
const UNITS_A_CHARACTER = { bytes: 4, utf16: 2, codepoints: 1 } as const satisfies Record<
  Capabilities['textUnit'],
  number
>;

/** A text cut into parts that surely fit, without any markup: for an adapter that could not format it. */
export function plainParts(
  text: string,
  { textLimit, textUnit }: Pick<Capabilities, 'textLimit' | 'textUnit'>,
): readonly Part[] {
  const size = Math.max(1, Math.floor(textLimit / UNITS_A_CHARACTER[textUnit]));
  const characters = Array.from(text);
  const parts: Part[] = [];
  for (let at = 0; at < characters.length; at += size) {
    const part = characters.slice(at, at + size).join('');
    parts.push({ text: part, plain: part });
  }
  return parts;
}

/** Nothing is cut smaller than this, in units: halves of a short sentence help no one. */
const LEAST_UNITS = 400;

/**
 * A part that the platform refused, as plain texts of at most half the size: whatever it was that the platform did not
 * take, most of the text may pass without it. A file becomes a line that names it.
 */
export function smallerParts(
  { plain, attachment }: Part,
  { textLimit, textUnit }: Pick<Capabilities, 'textLimit' | 'textUnit'>,
): readonly Part[] {
  const named = attachment === undefined ? '' : `(The file ${attachment.name} was refused here.)`;
  const text = [plain, named].filter((each) => each !== '').join('\n');
  const whole = unitsOf(text, textUnit);
  const size = Math.max(4, Math.min(Math.floor(textLimit / 2), Math.max(LEAST_UNITS, Math.ceil(whole / 2))));
  const parts: Part[] = [];
  for (let rest = text; rest !== ''; ) {
    const head = rest.slice(0, cutAt(rest, size, textUnit));
    rest = rest.slice(head.length);
    const shown = head.trim();
    if (shown !== '') parts.push({ text: shown, plain: shown });
  }
  return parts;
}

/** Where a text is cut so that its head has at most `size` units: behind a paragraph, a line, a word, or anywhere. */
function cutAt(text: string, size: number, unit: Capabilities['textUnit']): number {
  let units = 0;
  let end = 0;
  for (const character of text) {
    units += unitsOf(character, unit);
    if (units > size) break;
    end += character.length;
  }
  if (end >= text.length) return text.length;
  for (const mark of ['\n\n', '\n', ' ']) {
    const at = text.lastIndexOf(mark, end);
    if (at > end / 2) return at + mark.length <= end ? at + mark.length : at;
  }
  return end;
}

function unitsOf(text: string, unit: Capabilities['textUnit']): number {
  if (unit === 'bytes') return Buffer.byteLength(text);
  return unit === 'utf16' ? text.length : Array.from(text).length;
}

/** Where a result or a notice goes. */
export type Target =
  /** The chat and thread that asked for it. */
  | { readonly kind: 'origin' }
  /** The chat that the operator named as a platform's home. */
  | { readonly kind: 'home'; readonly platform: Platform }
  | {
      readonly kind: 'chat';
      readonly platform: Platform;
      readonly chatId: string;
      readonly threadId?: string;
    };

export const ORIGIN: Target = { kind: 'origin' };

const FORMS = 'origin, home:<platform>, or <platform>:<chat>[:<thread>]';

/**
 * Reads one target: `origin`, `home:telegram`, `slack:C123`, `telegram:-100:7`. A colon inside an id is written `%3A`,
 * a percent sign `%25`. Throws GatewayError `bad_target`.
 */
export function parseTarget(text: string): Target {
  const [head = '', ...rest] = text.trim().split(':');
  const word = head.trim().toLowerCase();
  if (word === 'origin' && rest.length === 0) return ORIGIN;
  if (word === 'home') {
    if (rest.length !== 1) throw badTarget(text, `Write home:<platform>, for example home:telegram.`);
    return { kind: 'home', platform: platformOf(rest[0] ?? '', text) };
  }
  const platform = platformOf(word, text);
  const [chatId, threadId, ...more] = rest.map((each) => unescapeId(each.trim()));
  if (chatId === undefined || chatId === '' || threadId === '' || more.length > 0)
    throw badTarget(
      text,
      `Write ${platform}:<chat> or ${platform}:<chat>:<thread>; a colon in an id is %3A.`,
    );
  return { kind: 'chat', platform, chatId, ...defined({ threadId }) };
}

/** Several targets, as a list or as one text with commas; nothing means the origin. Throws GatewayError `bad_target`. */
export function parseTargets(value: string | readonly string[] | undefined): readonly Target[] {
  const texts = (typeof value === 'string' ? value.split(',') : (value ?? []))
    .map((each) => each.trim())
    .filter((each) => each !== '');
  return texts.length === 0 ? [ORIGIN] : texts.map(parseTarget);
}

/** The text that `parseTarget` reads as this target. */
export function writeTarget(target: Target): string {
  if (target.kind === 'origin') return 'origin';
  if (target.kind === 'home') return `home:${target.platform}`;
  const thread = target.threadId === undefined ? '' : `:${escapeId(target.threadId)}`;
  return `${target.platform}:${escapeId(target.chatId)}${thread}`;
}

export interface TargetContext {
  readonly origin: ChatRef | undefined;
  readonly home: (platform: Platform) => ChatRef | undefined;
  /** The chat as the gateway knows it: which account it belongs to. */
  readonly chat: (platform: Platform, chatId: string, threadId?: string) => ChatRef;
}

/**
 * The chats that targets mean at this moment, each once. Throws GatewayError `no_origin` for an origin where there is
 * none, and `no_home_chat` for a home that is not set.
 */
export function resolveTargets(targets: readonly Target[], context: TargetContext): readonly ChatRef[] {
  const chats = new Map<string, ChatRef>();
  for (const target of targets) {
    const chat = resolveTarget(target, context);
    chats.set(chatKey(chat), chat);
  }
  return [...chats.values()];
}

function resolveTarget(target: Target, { origin, home, chat }: TargetContext): ChatRef {
  switch (target.kind) {
    case 'origin':
      if (origin !== undefined) return origin;
      throw new GatewayError('no_origin', 'there is no chat that asked for this', {
        status: 400,
        hint: 'Name the chat: home:<platform>, or <platform>:<chat>[:<thread>].',
      });
    case 'home': {
      const found = home(target.platform);
      if (found !== undefined) return found;
      throw new GatewayError('no_home_chat', `${target.platform} has no home chat`, {
        status: 409,
        hint: `Set it: pi-gateway-tui home ${target.platform} <chat>`,
      });
    }
    case 'chat':
      return chat(target.platform, target.chatId, target.threadId);
  }
}

function platformOf(name: string, text: string): Platform {
  const word = name.trim().toLowerCase();
  if (isPlatform(word)) return word;
  const near = closest(word, PLATFORMS);
  throw badTarget(text, near === undefined ? `Write ${FORMS}.` : `Did you mean the platform ${near}?`);
}

function badTarget(text: string, hint: string): GatewayError {
  return new GatewayError(
    'bad_target',
    `"${text.slice(0, 80).toWellFormed()}" is not a place to deliver to`,
    {
      status: 400,
      hint,
    },
  );
}

function escapeId(id: string): string {
  return id.replaceAll('%', '%25').replaceAll(':', '%3A').replaceAll(',', '%2C');
}

function unescapeId(text: string): string {
  return text.replace(/%(25|3A|2C)/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

interface HomeSettings {
  readonly platform: (platform: Platform) => { readonly homeChat?: string };
}

/** The home chat of each platform: set by the configuration, changed by the operator while the gateway is running. */
export class HomeChats {
  readonly #texts = new Map<Platform, string | undefined>();
  readonly #settings: HomeSettings;
  readonly #chat: TargetContext['chat'];

  constructor(settings: HomeSettings, chat: TargetContext['chat']) {
    this.#settings = settings;
    this.#chat = chat;
  }

  get(platform: Platform): ChatRef | undefined {
    const text = this.#texts.has(platform)
      ? this.#texts.get(platform)
      : this.#settings.platform(platform).homeChat;
    if (text === undefined || text === '') return undefined;
    const { chatId, threadId } = parseHome(platform, text);
    return this.#chat(platform, chatId, threadId);
  }

  /** From now on; the configuration file is someone else's business. */
  set(platform: Platform, text: string | undefined): void {
    if (text !== undefined) parseHome(platform, text);
    this.#texts.set(platform, text);
  }
}

/** `<chat>[:<thread>]` of that platform. Throws GatewayError `bad_target`. */
export function parseHome(
  platform: Platform,
  text: string,
): { readonly chatId: string; readonly threadId: string | undefined } {
  const target = parseTarget(`${platform}:${text}`);
  if (target.kind === 'chat') return { chatId: target.chatId, threadId: target.threadId };
  throw new GatewayError('bad_target', `"${text}" is not a chat of ${platform}`, { status: 400 });
}
