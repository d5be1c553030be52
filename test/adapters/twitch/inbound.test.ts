import { describe, expect, it } from 'vitest';
import {
  type IrcLine,
  readLine,
  readMessage,
  type TwitchIdentity,
} from '../../../src/adapters/twitch/receive.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';

const me: TwitchIdentity = { login: 'pibot', userId: '900' };

function line(text: string, tags: Record<string, string> = {}): IrcLine {
  const all = { id: 'a-1', 'user-id': '1', 'display-name': 'Ada', 'tmi-sent-ts': '1700000000000', ...tags };
  return { tags: all, prefix: 'ada!ada@ada.tmi.twitch.tv', command: 'PRIVMSG', params: ['#Lobby', text] };
}

function read(text: string, tags?: Record<string, string>): InboundMessage {
  const reading = readMessage(line(text, tags), me, 5);
  if (!('message' in reading)) throw new Error(reading.ignored);
  return reading.message;
}

describe('a chat line', () => {
  it('becomes a group message of its channel', () => {
    expect(read('hello there')).toEqual({
      dedupeKey: 'message:a-1',
      chat: { platform: 'twitch', accountId: 'default', chatId: 'lobby' },
      chatKind: 'group',
      chatName: '#lobby',
      sender: { id: '1', name: 'Ada' },
      text: 'hello there',
      messageId: 'a-1',
      mentioned: false,
      sentAt: 1_700_000_000_000,
    });
  });

  it.each([
    ['@pibot hello', true, 'hello'],
    ['@PiBot, hello', true, 'hello'],
    ['@pibot: !status', true, '!status'],
    ['hello @pibot', true, 'hello'],
    ['is @pibot awake?', true, 'is @pibot awake?'],
    ['@pibot', true, ''],
    ['pibot hello', false, 'pibot hello'],
    ['@pibotter hello', false, '@pibotter hello'],
    ['me@pibot.example', false, 'me@pibot.example'],
    ['\u0001ACTION waves at @pibot\u0001', true, 'waves at'],
    ['@@pibot', false, '@@pibot'],
  ])('%j: mentioned %s, text %j', (raw, mentioned, text) => {
    expect(read(raw)).toMatchObject({ mentioned, text });
  });

  it('that replies to the bot counts as a mention and quotes it', () => {
    const reply = {
      'reply-parent-msg-id': 'b-1',
      'reply-parent-msg-body': 'forty two',
      'reply-parent-user-id': '900',
    };
    expect(read('@PiBot why?', reply)).toMatchObject({
      text: 'why?',
      mentioned: true,
      replyTo: { messageId: 'b-1', text: 'forty two' },
    });
    expect(read('@Bob why?', { ...reply, 'reply-parent-user-id': '7' })).toMatchObject({
      text: '@Bob why?',
      mentioned: false,
    });
  });

  it('of a shared chat is one message, whichever channel shows it', () => {
    const original = read('hi', { id: 'o-1', 'source-id': 'o-1' });
    const copy = read('hi', { id: 'c-1', 'source-id': 'o-1' });
    expect(original.alsoKnownAs).toBeUndefined();
    expect(copy.alsoKnownAs).toEqual([original.dedupeKey]);
  });

  it('of a viewer of another channel says so; one of this channel does not', () => {
    const shared = { 'room-id': '7', 'source-id': 'o-1' };
    expect(read('@pibot hi', { ...shared, 'source-room-id': '8' }).fromElsewhere).toBe(true);
    expect(read('@pibot hi', { ...shared, 'source-room-id': '7' }).fromElsewhere).toBeUndefined();
    expect(read('@pibot hi').fromElsewhere).toBeUndefined();
  });

  it('pairs where the bot is called', () => {
    expect(read('@pibot hi').pairsHere).toBe(true);
    expect(read('hi').pairsHere).toBeUndefined();
  });

  it('may be a notice, which names its author in a tag', () => {
    const notice: IrcLine = {
      ...line('news', { login: 'ada', 'display-name': '', 'msg-id': 'announcement' }),
      prefix: 'tmi.twitch.tv',
      command: 'USERNOTICE',
    };
    expect(readMessage(notice, me, 5)).toMatchObject({ message: { sender: { id: '1', name: 'ada' } } });
  });

  it('knows the bot by its id, also under a new name, and other bots by their badge', () => {
    expect(read('x', { 'user-id': '900' }).sender.isSelf).toBe(true);
    expect(read('x', { badges: 'moderator/1,bot-badge/1' }).sender.isBot).toBe(true);
    expect(read('x', { badges: 'subscriber/12' }).sender).toEqual({ id: '1', name: 'Ada' });
  });

  it('without the id of its sender is nobody', () => {
    expect(readMessage(line('x', { 'user-id': '' }), me, 5)).toHaveProperty('ignored');
    expect(readMessage({ ...line('x'), params: ['#lobby'] }, me, 5)).toHaveProperty('ignored');
  });

  it('without an id of its own still has an identity', () => {
    expect(read('x', { id: '' }).dedupeKey).toBe('message:lobby:1:1700000000000');
  });
});

describe("tmi.js's parsed line", () => {
  it('keeps ids as text and undoes the escapes of tags', () => {
    const read = readLine({
      raw: 'x',
      tags: { 'user-id': '1', mod: '0', 'reply-parent-msg-body': String.raw`a\sb\:c\\d\r\n\q`, empty: true },
      prefix: null,
      command: 'PRIVMSG',
      params: ['#a', 'b'],
    });
    expect({ ...read?.tags }).toEqual({
      'user-id': '1',
      mod: '0',
      'reply-parent-msg-body': 'a b;c\\d\r\nq',
      empty: '',
    });
    expect(read?.prefix).toBe('');
  });

  it.each([
    undefined,
    null,
    'x',
    {},
    { tags: {}, prefix: 1, command: 'X', params: [] },
    { tags: {}, prefix: null },
  ])('that is no line (%j) is none', (parsed) => {
    expect(readLine(parsed)).toBeUndefined();
  });
});
