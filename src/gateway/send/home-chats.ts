import { GatewayError } from '../../base/errors.ts';
import type { ChatRef, Platform } from '../model.ts';
import { parseTarget, type TargetContext } from './target.ts';

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
