import { describe, expect, it } from 'vitest';
import { readableText } from '../../../src/adapters/discord/contents.ts';
import {
  commandText,
  inboundMessage,
  interactionMessage,
  type Place,
  readInteraction,
  readMessage,
} from '../../../src/adapters/discord/receive.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import {
  ADA,
  BOB,
  BOT_ROLE,
  CHANNEL,
  GUILD,
  type Json,
  OTHER_GUILD,
  THREAD,
} from '../../platforms/discord-state.ts';
import { chatRef } from './peer.ts';

const OWN = { id: '100000000000000042', name: 'gate', roleId: BOT_ROLE };
const ME = { id: OWN.id, username: 'gate', bot: true };
const GROUP: Place = { chat: chatRef(CHANNEL), kind: 'group', name: '#engine-room' };
const DM: Place = { chat: chatRef('9'), kind: 'dm' };

function raw(fields: Json = {}): Json {
  return {
    id: '900',
    type: 0,
    channel_id: CHANNEL,
    author: ADA,
    content: 'hello',
    timestamp: '2026-01-02T03:04:05.678000+00:00',
    edited_timestamp: null,
    mentions: [],
    attachments: [],
    ...fields,
  };
}

function read(fields: Json = {}, place = GROUP, edited = false): InboundMessage {
  const reading = readMessage(raw(fields), { ownId: OWN.id, guildId: undefined, edited });
  if (reading.type !== 'message') throw new Error(`ignored: ${reading.reason}`);
  return inboundMessage(reading.message, place, OWN, edited);
}

function reason(fields: unknown, rules: { guildId?: string; edited?: boolean } = {}): string | undefined {
  const reading = readMessage(fields, {
    ownId: OWN.id,
    guildId: rules.guildId,
    edited: rules.edited ?? false,
  });
  return reading.type === 'ignored' ? reading.reason : undefined;
}

describe('a Discord message', () => {
  it('carries its identity, its sender and when it was sent', () => {
    expect(read({}, DM)).toEqual({
      dedupeKey: 'dc:900',
      chat: chatRef('9'),
      chatKind: 'dm',
      sender: { id: ADA.id, name: 'Ada Lovelace' },
      text: 'hello',
      messageId: '900',
      mentioned: true,
      sentAt: Date.parse('2026-01-02T03:04:05.678Z'),
    });
  });

  it('calls its sender by the name of the server, of the account, of the login', () => {
    expect(read({ member: { nick: 'Countess' } }).sender.name).toBe('Countess');
    expect(read({ member: { nick: null } }).sender.name).toBe('Ada Lovelace');
    expect(read({ author: BOB }).sender.name).toBe('bob');
  });

  it.each([
    ['the bot', { content: `<@${OWN.id}> do it`, mentions: [ME] }, 'do it', true],
    ['the bot by its old form', { content: `<@!${OWN.id}>, do it`, mentions: [ME] }, 'do it', true],
    ["the bot's own role", { content: `<@&${BOT_ROLE}> do it`, mention_roles: [BOT_ROLE] }, 'do it', true],
    ['the bot at the end', { content: `do it <@${OWN.id}>`, mentions: [ME] }, 'do it', true],
    [
      'the bot in a sentence',
      { content: `ask <@${OWN.id}> about it`, mentions: [ME] },
      'ask @gate about it',
      true,
    ],
    ['everyone', { content: '@everyone look', mention_everyone: true }, '@everyone look', false],
    ['another role', { content: '<@&123> look', mention_roles: ['123'] }, '<@&123> look', false],
    ['somebody else', { content: `<@${BOB.id}> look`, mentions: [BOB] }, '@bob look', false],
  ])('understands a mention of %s', (_name, fields, text, mentioned) => {
    expect(read(fields)).toMatchObject({ text, mentioned });
  });

  it('is for us when it replies to us, pinging or not', () => {
    const reply = { id: '5', author: ME, content: 'shall I?' };
    expect(read({ type: 19, referenced_message: reply })).toMatchObject({
      mentioned: true,
      replyTo: { messageId: '5', text: 'shall I?' },
    });
    expect(read({ type: 19, referenced_message: { ...reply, author: BOB } }).mentioned).toBe(false);
    expect(read({ type: 19, referenced_message: null }).replyTo).toBeUndefined();
  });

  it('has another identity for every edit, and none for a look at its links', () => {
    const edit = { content: 'better', edited_timestamp: '2026-01-02T03:05:00.000000+00:00' };
    expect(read(edit, GROUP, true)).toMatchObject({
      edited: true,
      messageId: '900',
      dedupeKey: 'dc:900:2026-01-02T03:05:00.000000+00:00',
      sentAt: Date.parse('2026-01-02T03:05:00Z'),
    });
    expect(reason(raw(), { edited: true })).toBe('not edited by its author');
  });

  it('marks bots and webhooks, whatever name they use', () => {
    expect(read({ author: { ...BOB, bot: true } }).sender.isBot).toBe(true);
    expect(read({ webhook_id: '7' }).sender.isBot).toBe(true);
  });

  it('brings its files, and what is needed to fetch them after their address has expired', () => {
    const file = { id: '77', filename: 'a.png', content_type: 'image/png', size: 5, url: 'https://cdn/x' };
    const [image] = read({ content: '', attachments: [file] }).attachments ?? [];
    expect(image).toMatchObject({ kind: 'image', name: 'a.png', mimeType: 'image/png', sizeBytes: 5 });
    expect(JSON.parse(image?.ref ?? '{}')).toEqual({
      channelId: CHANNEL,
      messageId: '900',
      attachmentId: '77',
      url: 'https://cdn/x',
    });
    const kinds = ['audio/ogg', 'video/mp4', 'application/pdf', null].map(
      (type) => read({ attachments: [{ ...file, content_type: type }] }).attachments?.[0]?.kind,
    );
    expect(kinds).toEqual(['audio', 'video', 'file', 'file']);
  });

  it('says forwards, stickers and custom emoji in words', () => {
    expect(read({ content: '', message_snapshots: [{ message: { content: 'from afar' } }] }).text).toBe(
      'from afar',
    );
    expect(read({ content: '', sticker_items: [{ name: 'Wave' }] }).text).toBe('[sticker Wave]');
    expect(read({ content: 'nice <:party:123> <a:dance:45>' }).text).toBe('nice :party: :dance:');
  });

  it('keeps its text beside what it cannot read', () => {
    const strange = {
      embeds: [{ title: 5 }],
      poll: { question: 5 },
      referenced_message: { id: 7 },
      member: { nick: 5 },
    };
    expect(
      read({ ...strange, attachments: [{ id: 5 }], sticker_items: [{ name: 'Wave' }, {}] }),
    ).toMatchObject({
      text: expect.stringMatching(/^hello\n.*Wave/),
    });
  });

  it.each([
    ['our own words', raw({ author: ME }), 'own message'],
    ['joins and pins', raw({ type: 7 }), 'a notice of Discord'],
    ['empty ones in a server', raw({ content: '', guild_id: '9' }), 'nothing to read'],
    ['nonsense', { id: 5 }, 'malformed message'],
    ['less than nonsense', null, 'malformed message'],
  ])('is ignored: %s', (_name, payload, expected) => {
    expect(reason(payload)).toBe(expected);
  });

  it('of another server is ignored where only one is served; direct messages never', () => {
    expect(reason(raw({ guild_id: OTHER_GUILD }), { guildId: GUILD })).toBe('another server');
    expect(reason(raw({ guild_id: GUILD }), { guildId: GUILD })).toBeUndefined();
    expect(reason(raw(), { guildId: GUILD })).toBeUndefined();
  });
});

describe('names in a text', () => {
  it('does not take a longer id for ours', () => {
    expect(readableText(`<@${OWN.id}1> hi`, OWN, [])).toBe(`<@${OWN.id}1> hi`);
  });

  it('leaves a text alone that mentions nobody', () => {
    expect(readableText('  a < b @home <@nobody> ', OWN, [])).toBe('  a < b @home <@nobody> ');
  });
});

describe('an interaction', () => {
  const interaction = (fields: Json): Json => ({
    id: '800',
    token: 't',
    type: 2,
    channel_id: THREAD,
    guild_id: GUILD,
    member: { nick: null, user: ADA },
    data: { name: 'title', options: [{ name: 'text', type: 3, value: 'my session' }] },
    ...fields,
  });

  it('of a slash command is what could have been typed', () => {
    const parsed = readInteraction(interaction({}));
    if (parsed === undefined) throw new Error('not read');
    expect(commandText(parsed)).toBe('/title my session');
    expect(interactionMessage(parsed, { chat: chatRef(CHANNEL, THREAD), kind: 'group' })).toEqual({
      dedupeKey: 'dc:800',
      chat: chatRef(CHANNEL, THREAD),
      chatKind: 'group',
      sender: { id: ADA.id, name: 'Ada Lovelace' },
      text: '/title my session',
      messageId: '800',
      mentioned: true,
    });
  });

  it('in a conversation of people without the bot is none with the bot alone', () => {
    const elsewhere = { guild_id: undefined, member: undefined, user: ADA };
    const kind = (context: number | undefined) => {
      const parsed = readInteraction(interaction({ ...elsewhere, context }));
      return parsed === undefined ? undefined : interactionMessage(parsed, DM)?.chatKind;
    };
    expect([kind(undefined), kind(1), kind(2)]).toEqual(['dm', 'dm', 'group']);
  });

  it('says the language of the person, where Discord does', () => {
    const parsed = readInteraction(interaction({ locale: 'pt-BR' }));
    if (parsed === undefined) throw new Error('not read');
    expect(interactionMessage(parsed, DM)?.language).toBe('pt-BR');
  });

  it('of a button is its command, as a reply to the message with the button', () => {
    const press = { type: 3, data: { custom_id: '/approve once' }, message: { id: '33', content: 'Run?' } };
    const parsed = readInteraction(
      interaction({ ...press, guild_id: undefined, member: undefined, user: BOB }),
    );
    if (parsed === undefined) throw new Error('not read');
    expect(interactionMessage(parsed, DM)).toMatchObject({
      text: '/approve once',
      messageId: '33',
      replyTo: { messageId: '33', text: 'Run?' },
      sender: { id: BOB.id },
    });
  });

  it.each([
    ['auto-complete', interaction({ type: 4 })],
    ['a form', interaction({ type: 5 })],
    ['nonsense', { type: 2 }],
  ])('of another kind is not ours: %s', (_name, payload) => {
    expect(readInteraction(payload)).toBeUndefined();
  });
});
