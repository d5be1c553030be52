import { defined } from '../../base/defined.ts';
import { GatewayError } from '../../base/errors.ts';
import { closest } from '../../base/text.ts';
import { type ChatRef, chatKey, isPlatform, PLATFORMS, type Platform } from '../model.ts';

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
