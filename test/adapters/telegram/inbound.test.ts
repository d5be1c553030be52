import { describe, expect, it } from 'vitest';
import { type InboundContext, readUpdate } from '../../../src/adapters/telegram/receive.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import { ADA, GROUP, type Json, OTHER_BOT } from '../../platforms/telegram-state.ts';

const ME = { id: 4242, is_bot: true, first_name: 'Gate', username: 'Gate_Bot' };
const context: InboundContext = {
  own: { id: ME.id, username: ME.username, commands: ['help', 'new'] },
  knownAs: (id) => (id === '-100999' ? '-5' : id),
};
const DM = { id: ADA.id, type: 'private', first_name: 'Ada' };

function update(message: Json, kind = 'message'): Json {
  return {
    update_id: 900,
    [kind]: { message_id: 7, date: 1_700_000_000, from: ADA, chat: GROUP, ...message },
  };
}

function read(message: Json, kind = 'message'): InboundMessage {
  const reading = readUpdate(update(message, kind), context);
  if (reading.type !== 'message') throw new Error(`read as ${JSON.stringify(reading)}`);
  return reading.message;
}

function ignored(raw: unknown): string | undefined {
  const reading = readUpdate(raw, context);
  return reading.type === 'ignored' ? reading.reason : undefined;
}

const entity = (type: string, text: string, part: string, more: Json = {}): Json => ({
  type,
  offset: text.indexOf(part),
  length: part.length,
  ...more,
});

describe('a Telegram message', () => {
  it('carries its identities, its sender and when it was sent', () => {
    expect(read({ chat: DM, text: 'hello' })).toEqual({
      dedupeKey: 'tg:900',
      alsoKnownAs: ['tg:1001:7:0'],
      chat: { platform: 'telegram', accountId: 'default', chatId: '1001' },
      chatKind: 'dm',
      sender: { id: '1001', name: 'Ada Lovelace' },
      text: 'hello',
      messageId: '7',
      mentioned: true,
      sentAt: 1_700_000_000_000,
    });
  });

  it('is an edit with its own identity, also when two edits come in one second', () => {
    const first = read({ chat: DM, text: 'a', edit_date: 1_700_000_009 }, 'edited_message');
    const second = read({ chat: DM, text: 'b', edit_date: 1_700_000_009 }, 'edited_message');
    expect(first).toMatchObject({ edited: true, messageId: '7', text: 'a', sentAt: 1_700_000_009_000 });
    expect(second.alsoKnownAs).not.toEqual(first.alsoKnownAs);
  });

  it('keeps emoji and offsets right when the mention stands behind them', () => {
    const text = '👩‍👩‍👧 hi @gate_bot';
    expect(read({ text, entities: [entity('mention', text, '@gate_bot')] })).toMatchObject({
      mentioned: true,
      text: '👩‍👩‍👧 hi',
    });
  });

  it.each([
    ['a mention in another case', '@GATE_BOT do it', 'mention', '@GATE_BOT', {}, 'do it', true],
    ['a text mention of our id', 'Gate do it', 'text_mention', 'Gate', { user: ME }, 'do it', true],
    ['a command for us', '/new@gate_bot please', 'bot_command', '/new@gate_bot', {}, '/new please', true],
    ['a bare command of our menu', '/new', 'bot_command', '/new', {}, '/new', true],
    ['a bare command of somebody else', '/weather', 'bot_command', '/weather', {}, '/weather', false],
    [
      'a command for another bot',
      '/new@other_bot',
      'bot_command',
      '/new@other_bot',
      {},
      '/new@other_bot',
      false,
    ],
    ['a mention of somebody else', '@ada look', 'mention', '@ada', {}, '@ada look', false],
    ['a text mention of somebody else', 'Ada look', 'text_mention', 'Ada', { user: ADA }, 'Ada look', false],
    [
      'a mention inside a sentence',
      'ask @gate_bot about it',
      'mention',
      '@gate_bot',
      {},
      'ask @gate_bot about it',
      true,
    ],
  ])('understands %s', (_name, text, type, part, more, expected, mentioned) => {
    expect(read({ text, entities: [entity(type, text, part, more)] })).toMatchObject({
      text: expected,
      mentioned,
    });
  });

  it('finds mentions in captions', () => {
    const caption = '@gate_bot what is this';
    const message = read({
      caption,
      caption_entities: [entity('mention', caption, '@gate_bot')],
      photo: [
        { file_id: 'small', width: 90, height: 90 },
        { file_id: 'large', width: 900, height: 900, file_size: 5000 },
        { file_id: 'middle', width: 300, height: 300 },
      ],
    });
    expect(message).toMatchObject({
      mentioned: true,
      text: 'what is this',
      attachments: [{ kind: 'image', ref: 'large', mimeType: 'image/jpeg', sizeBytes: 5000 }],
    });
  });

  it('is for us when it replies to us, and says to what', () => {
    const reply = { message_id: 5, from: ME, text: 'shall I?' };
    expect(read({ text: 'yes', reply_to_message: reply })).toMatchObject({
      mentioned: true,
      replyTo: { messageId: '5', text: 'shall I?' },
    });
    expect(read({ text: 'yes', reply_to_message: { ...reply, from: ADA } }).mentioned).toBe(false);
    expect(read({ text: 'this', reply_to_message: reply, quote: { text: 'shall' } }).replyTo?.text).toBe(
      'shall',
    );
  });

  it('knows its topic, and does not take the head of the topic for a reply to us', () => {
    const topic = { message_thread_id: 77, is_topic_message: true };
    const head = { message_id: 77, from: ME, forum_topic_created: { name: 'x' } };
    const message = read({ text: 'hi', ...topic, reply_to_message: head });
    expect(message.chat.threadId).toBe('77');
    expect(message.mentioned).toBe(false);
    expect(message.replyTo).toBeUndefined();
    // A chain of replies in a plain group has a thread id to which nothing can be sent.
    expect(read({ text: 'hi', message_thread_id: 5 }).chat.threadId).toBeUndefined();
  });

  it('keeps the id under which the gateway knows a group that moved', () => {
    const message = read({ chat: { ...GROUP, id: -100999 }, text: 'hi' });
    expect(message.chat.chatId).toBe('-5');
    expect(message.alsoKnownAs).toEqual(['tg:-100999:7:0']);
  });

  it('reports both sides of a migration', () => {
    const moved = { type: 'migrated', from: '-5', to: '-100999' };
    expect(
      readUpdate(update({ chat: { id: -5, type: 'group' }, migrate_to_chat_id: -100999 }), context),
    ).toEqual(moved);
    expect(
      readUpdate(update({ chat: { id: -100999, type: 'supergroup' }, migrate_from_chat_id: -5 }), context),
    ).toEqual(moved);
  });

  it('takes the chat as sender where an admin is anonymous', () => {
    const placeholder = { id: 1087968824, is_bot: true, first_name: 'Group', username: 'GroupAnonymousBot' };
    const message = read({ text: 'hi', from: placeholder, sender_chat: GROUP });
    expect(message.sender).toEqual({ id: String(GROUP.id), name: GROUP.title });
  });

  it('marks bots and ourselves', () => {
    expect(read({ text: 'beep', from: OTHER_BOT }).sender).toMatchObject({ isBot: true });
    expect(read({ text: 'me', from: ME }).sender).toMatchObject({ isBot: true, isSelf: true });
  });

  it('makes one message of each piece of an album', () => {
    const piece = (id: number): InboundMessage =>
      read({
        message_id: id,
        media_group_id: '1',
        photo: [{ file_id: `f${id}`, width: 1, height: 1 }],
        ...(id === 1 ? { caption: 'both' } : {}),
      });
    expect([piece(1), piece(2)].map((m) => [m.text, m.attachments?.[0]?.ref])).toEqual([
      ['both', 'f1'],
      ['', 'f2'],
    ]);
  });

  it.each([
    ['voice', { mime_type: 'audio/ogg' }, 'audio', 'voice-7.ogg'],
    ['audio', { file_name: 'song.mp3', mime_type: 'audio/mpeg' }, 'audio', 'song.mp3'],
    ['video', { mime_type: 'video/mp4' }, 'video', 'video-7.mp4'],
    ['video_note', {}, 'video', 'video-note-7.mp4'],
    ['document', { file_name: 'a.pdf', mime_type: 'application/pdf' }, 'file', 'a.pdf'],
    ['document', { file_name: 'a.png', mime_type: 'image/png' }, 'image', 'a.png'],
    ['sticker', { width: 1, height: 1 }, 'image', 'sticker-7.webp'],
  ])('brings a %s', (field, more, kind, name) => {
    const message = read({ [field]: { file_id: 'x', ...more } });
    expect(message.attachments).toEqual([expect.objectContaining({ kind, name, ref: 'x' })]);
  });

  it('says places, contacts and moving stickers in words', () => {
    expect(read({ location: { latitude: 1.5, longitude: 2 } }).text).toBe('[location 1.5, 2]');
    expect(read({ contact: { phone_number: '+44', first_name: 'Bob' } }).text).toBe('[contact Bob, +44]');
    expect(read({ sticker: { file_id: 'x', is_animated: true, emoji: '👋' } }).text).toBe('👋');
  });

  it('keeps its text beside what it cannot read, and says that there was more', () => {
    const quiet = read({ text: 'hi', entities: [{ type: 'bold', offset: -1, length: 2 }, { type: 'url' }] });
    expect(quiet).toMatchObject({ text: 'hi' });
    expect(quiet).not.toHaveProperty('unreadable');
    const more = {
      reply_to_message: { message_id: 'x' },
      external_reply: { message_id: 4 },
      poll: { options: [5] },
    };
    expect(read({ text: 'hi', ...more })).toMatchObject({ text: 'hi', unreadable: 'this kind of message' });
    const album = { photo: [{ file_id: 'a', width: 1, height: 1 }, { file_id: 'b' }, 7] };
    expect(read({ ...album, caption: 'look' })).toMatchObject({ text: 'look', attachments: [{ ref: 'a' }] });
    expect(read({ chat: DM, voice: { file_id: 5 } })).toMatchObject({ unreadable: 'this kind of message' });
  });

  it.each([
    ['service messages', update({ new_chat_members: [ADA] }), 'service message'],
    ['channel posts', update({ chat: { id: -1, type: 'channel' }, text: 'x' }), 'channel post'],
    [
      'posts forwarded from a linked channel',
      update({ text: 'x', is_automatic_forward: true }),
      'channel post',
    ],
    [
      'moves of a live location',
      update({ location: { latitude: 1, longitude: 2 } }, 'edited_message'),
      'edit without text',
    ],
    ['channel post updates', { update_id: 1, channel_post: {} }, 'not a message'],
    ['nonsense', { update_id: 1, message: { text: 5 } }, 'malformed update'],
    ['less than nonsense', null, 'malformed update'],
  ])('ignores %s', (_name, raw, reason) => {
    expect(ignored(raw)).toBe(reason);
  });
});

describe('a pressed button', () => {
  const press = (message: Json): unknown => ({
    update_id: 901,
    callback_query: {
      id: 'q1',
      from: ADA,
      data: '/approve once',
      message: { message_id: 7, date: 1, ...message },
    },
  });

  it('is a message of its presser with the command as text, in the chat and topic of the button', () => {
    const reading = readUpdate(
      press({ chat: GROUP, message_thread_id: 77, is_topic_message: true, text: 'Run?' }),
      context,
    );
    expect(reading).toMatchObject({
      type: 'message',
      callbackId: 'q1',
      message: {
        dedupeKey: 'tg:901',
        text: '/approve once',
        mentioned: true,
        chat: { chatId: String(GROUP.id), threadId: '77' },
        sender: { id: '1001' },
        replyTo: { messageId: '7', text: 'Run?' },
      },
    });
  });

  it('is ignored where its message is unknown', () => {
    expect(ignored({ update_id: 1, callback_query: { id: 'q', from: ADA, data: 'x' } })).toBe(
      'button without a command',
    );
  });
});
