import { isDeepStrictEqual } from 'node:util';
import { EntityError, parseTelegramHtml } from './telegram-html.ts';
import type { Json, StoredMessage, TelegramState } from './telegram-state.ts';

/** A refusal in the Bot API's words. */
export class TelegramRefusal extends Error {
  override readonly name = 'TelegramRefusal';
  readonly status: number;
  readonly parameters: Json | undefined;
  constructor(status: number, description: string, parameters?: Json) {
    super(description);
    this.status = status;
    this.parameters = parameters;
  }
}

const bad = (text: string): TelegramRefusal => new TelegramRefusal(400, `Bad Request: ${text}`);

function numberOf(value: unknown): number | undefined {
  const number = Number(value);
  return value === undefined || value === null || value === '' || Number.isNaN(number) ? undefined : number;
}

const languageCode = (body: Json): string => String(body['language_code'] ?? '');

function parsed(text: string, parseMode: unknown): string {
  if (parseMode === undefined) return text;
  if (String(parseMode).toLowerCase() !== 'html') throw bad('unsupported parse_mode');
  try {
    return parseTelegramHtml(text);
  } catch (error) {
    if (error instanceof EntityError) throw bad(`can't parse entities: ${error.message}`);
    throw error;
  }
}

function checkedText(body: Json, field: 'text' | 'caption', limit: number): string {
  const raw = typeof body[field] === 'string' ? body[field] : '';
  const text = parsed(raw, body['parse_mode']);
  if (field === 'text' && text.trim() === '') throw bad('message text is empty');
  if (text.length > limit)
    throw bad(field === 'text' ? 'message is too long' : 'message caption is too long');
  return text;
}

function chatOf(state: TelegramState, body: Json): number {
  const chatId = numberOf(body['chat_id']);
  if (chatId === undefined) throw bad('chat_id is empty');
  const migrated = state.migrated.get(chatId);
  if (migrated !== undefined)
    throw new TelegramRefusal(400, 'Bad Request: group chat was upgraded to a supergroup chat', {
      migrate_to_chat_id: migrated,
    });
  return chatId;
}

function existing(state: TelegramState, body: Json, verb: string): StoredMessage {
  const found = state.stored(chatOf(state, body), numberOf(body['message_id']) ?? 0);
  if (found === undefined) throw bad(`message to ${verb} not found`);
  return found;
}

function shown(state: TelegramState, message: StoredMessage): Json {
  return {
    message_id: message.message_id,
    from: state.bot,
    chat: { id: message.chatId, type: message.chatId > 0 ? 'private' : 'supergroup' },
    date: Math.floor(Date.now() / 1000),
    ...(message.threadId === undefined
      ? {}
      : { message_thread_id: message.threadId, is_topic_message: true }),
    ...(message.file === undefined
      ? { text: message.text }
      : { caption: message.text, document: { file_id: 'sent', file_unique_id: 'sent' } }),
  };
}

async function post(state: TelegramState, body: Json, kind: string): Promise<Json> {
  const chatId = chatOf(state, body);
  const media = kind === 'message' ? undefined : body[kind];
  if (kind !== 'message' && !(media instanceof File)) throw bad('there is no file in the request');
  const field = kind === 'message' ? 'text' : 'caption';
  const message: StoredMessage = {
    message_id: state.nextMessageId(),
    chatId,
    threadId: numberOf(body['message_thread_id']),
    raw: typeof body[field] === 'string' ? body[field] : '',
    text: checkedText(body, field, field === 'text' ? 4096 : 1024),
    parseMode: typeof body['parse_mode'] === 'string' ? body['parse_mode'] : undefined,
    deleted: false,
    edits: 0,
    kind,
    markup:
      typeof body['reply_markup'] === 'string' ? JSON.parse(body['reply_markup']) : body['reply_markup'],
    body,
    ...(media instanceof File
      ? { file: { name: media.name, bytes: new Uint8Array(await media.arrayBuffer()) } }
      : {}),
  };
  state.messages.push(message);
  return shown(state, message);
}

function edit(state: TelegramState, body: Json, field: 'text' | 'caption'): Json {
  const message = existing(state, body, 'edit');
  if (field === 'text' && message.file !== undefined) throw bad('there is no text in the message to edit');
  const text = checkedText(body, field, field === 'text' ? 4096 : 1024);
  const raw = String(body[field] ?? '');
  const markup = body['reply_markup'];
  if (text === message.text && raw === message.raw && isDeepStrictEqual(markup, message.markup))
    throw bad(
      'message is not modified: specified new message content and reply markup are exactly the same as a ' +
        'current content and reply markup of the message',
    );
  message.raw = raw;
  message.text = text;
  // An edit that names no keyboard takes the old one away.
  message.markup = markup;
  message.edits += 1;
  message.parseMode = typeof body['parse_mode'] === 'string' ? body['parse_mode'] : undefined;
  return shown(state, message);
}

type Method = (state: TelegramState, body: Json) => unknown;

/** Every method but `getUpdates`, which waits and therefore belongs to the server itself. */
export const TELEGRAM_METHODS: Readonly<Record<string, Method>> = {
  getMe: (state) => ({
    ...state.bot,
    can_join_groups: true,
    can_read_all_group_messages: false,
    supports_inline_queries: false,
  }),
  setWebhook: (state, body) => {
    const url = String(body['url'] ?? '');
    state.webhook =
      url === ''
        ? undefined
        : { url, secret: typeof body['secret_token'] === 'string' ? body['secret_token'] : undefined };
    return true;
  },
  deleteWebhook: (state) => {
    state.webhook = undefined;
    return true;
  },
  getWebhookInfo: (state) => ({
    url: state.webhook?.url ?? '',
    has_custom_certificate: false,
    pending_update_count: state.queue.length,
  }),
  getMyCommands: (state, body) =>
    languageCode(body) === '' ? state.commands : (state.menus.get(languageCode(body)) ?? []),
  setMyCommands: (state, body) => {
    const commands = Array.isArray(body['commands']) ? body['commands'] : [];
    if (languageCode(body) === '') state.commands = commands;
    else state.menus.set(languageCode(body), commands);
    return true;
  },
  deleteMyCommands: (state, body) => {
    if (languageCode(body) === '') state.commands = [];
    else state.menus.delete(languageCode(body));
    return true;
  },
  sendMessage: (state, body) => post(state, body, 'message'),
  sendPhoto: (state, body) => post(state, body, 'photo'),
  sendDocument: (state, body) => post(state, body, 'document'),
  sendAudio: (state, body) => post(state, body, 'audio'),
  sendVideo: (state, body) => post(state, body, 'video'),
  sendAnimation: (state, body) => post(state, body, 'animation'),
  editMessageText: (state, body) => edit(state, body, 'text'),
  editMessageCaption: (state, body) => edit(state, body, 'caption'),
  deleteMessage: (state, body) => {
    existing(state, body, 'delete').deleted = true;
    return true;
  },
  sendChatAction: (state, body) => {
    state.actions.push({ chatId: chatOf(state, body), threadId: numberOf(body['message_thread_id']) });
    return true;
  },
  answerCallbackQuery: (state, body) => {
    state.answeredCallbacks.push(String(body['callback_query_id']));
    return true;
  },
  getFile: (state, body) => {
    const file = state.files.get(String(body['file_id']));
    if (file === undefined) throw bad('invalid file_id');
    if (file.bytes.byteLength > 20 * 1024 * 1024) throw bad('file is too big');
    return {
      file_id: body['file_id'],
      file_unique_id: body['file_id'],
      file_size: file.bytes.byteLength,
      file_path: file.path,
    };
  },
};
