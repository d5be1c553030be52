import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createTwitchAdapter,
  type TwitchSettings,
  type TwitchTiming,
} from '../../../src/adapters/twitch/definition.ts';
import type { Adapter, SendReceipt } from '../../../src/gateway/adapter.ts';
import { TwitchServer } from '../../platforms/twitch-server.ts';
import { RecordingHost } from '../contract/recording-host.ts';
import { QUICK, settingsFor } from './peer.ts';

const TOKEN = 'sekrettoken0123456789abcdefghi';

let server: TwitchServer;
let host: RecordingHost;
let adapter: Adapter;
let keys = 0;

const until = <T>(check: () => T): Promise<T> => vi.waitFor(check, { timeout: 15_000, interval: 10 });
const state = (wanted: string) =>
  until(() => expect(host.current?.state, host.lines.join('\n')).toBe(wanted));
const texts = (): string[] => host.unique().map((message) => message.text);
const written = (): string[] => server.sent.map((line) => line.text);

async function start(
  timing: Partial<TwitchTiming> = {},
  settings: Partial<TwitchSettings> = {},
): Promise<void> {
  adapter = createTwitchAdapter(settingsFor(server, { channels: ['lobby', 'other'], ...settings }), {
    ...QUICK,
    ...timing,
  });
  await adapter.start(host);
}

interface To {
  readonly chatId?: string;
  readonly replyTo?: string;
  readonly key?: string;
  readonly signal?: AbortSignal;
}

function send(
  text: string,
  { chatId = 'lobby', replyTo, key, signal = AbortSignal.timeout(20_000) }: To = {},
) {
  keys += 1;
  const sending: Promise<SendReceipt> = adapter.send(
    {
      idempotencyKey: key ?? `key-${keys}`,
      chat: { platform: 'twitch', accountId: 'default', chatId },
      part: { text, plain: text },
      partIndex: 0,
      partCount: 1,
      ...(replyTo === undefined ? {} : { replyToMessageId: replyTo }),
      meta: { kind: 'reply' },
    },
    signal,
  );
  return sending;
}

beforeEach(async () => {
  server = new TwitchServer();
  server.tokens.add(TOKEN);
  await server.start();
  host = new RecordingHost('/nowhere');
});

afterEach(async () => {
  await adapter.stop();
  await server.stop();
  expect(host.output()).not.toContain(TOKEN);
});

describe('a message to Twitch', () => {
  beforeEach(async () => {
    await start();
    await state('connected');
  });

  it('is one line whatever it contains', async () => {
    await send('hi\r\nPRIVMSG #other :gotcha\nJOIN #elsewhere');
    await send('/ban ada');
    expect(server.sent.map(({ channel, text }) => [channel, text])).toEqual([
      ['lobby', 'hi PRIVMSG #other :gotcha JOIN #elsewhere'],
      ['lobby', '\u200b/ban ada'],
    ]);
    expect(server.calls.filter((call) => call.method === 'JOIN')).toHaveLength(2);
  });

  it('names the message it answers, unless that is no id', async () => {
    const { messageId } = await send('first', { replyTo: 'b34ccfc7-4977-403a-8a94-33c6bac34fb8' });
    await send('second', { replyTo: 'x PRIVMSG #other :gotcha' });
    expect(server.sent[0]).toMatchObject({ id: messageId, replyTo: 'b34ccfc7-4977-403a-8a94-33c6bac34fb8' });
    expect(server.sent[1]).toMatchObject({ channel: 'lobby', text: 'second' });
    expect(server.sent[1]?.replyTo).toBeUndefined();
  });

  it('may be the same as the one before', async () => {
    await send('yes');
    await send('yes');
    await send('yes', { chatId: 'other' });
    expect(written().map((text) => text.replaceAll(/[ \u{e0000}]+$/gu, ''))).toEqual(['yes', 'yes', 'yes']);
    expect(new Set(written().slice(0, 2)).size).toBe(2);
  });

  it('that was cut off after it arrived is not doubled by the next try', async () => {
    server.faults.push({ method: 'PRIVMSG', when: 'after', reply: 'cut' });
    await expect(send('once', { key: 'k' })).rejects.toMatchObject({ failure: 'unknown' });
    await until(async () => {
      await send('once', { key: 'k' });
    });
    expect(written()).toEqual(['once']);
  });

  it('is refused before it is sent where it cannot go', async () => {
    await expect(send('x', { chatId: 'elsewhere' })).rejects.toMatchObject({ failure: 'rejected' });
    await expect(send('\r\n')).rejects.toMatchObject({ failure: 'rejected' });
    await expect(send('x'.repeat(501))).rejects.toMatchObject({ failure: 'rejected' });
    expect(server.sent).toEqual([]);
  });

  it.each([
    ['msg_banned', 'gone'],
    ['msg_followersonly', 'rejected'],
    ['msg_slowmode', 'rate-limited'],
  ])('refused with %s is %s', async (id, failure) => {
    server.faults.push({ method: 'PRIVMSG', reply: { body: id } });
    await expect(send('x')).rejects.toMatchObject({ failure });
  });

  it('does not take the word about another one for its own', async () => {
    server.faults.push({ method: 'PRIVMSG', reply: { body: 'msg_subsonly' } });
    const results = await Promise.allSettled([send('a'), send('b'), send('c', { chatId: 'other' })]);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(written().toSorted()).toEqual(['b', 'c']);
  });
});

describe('the limits', () => {
  it('hold back what is too much, in every channel together', async () => {
    await start({ messages: 3, rateWindowMs: 3000 });
    await state('connected');
    const started = performance.now();
    const all = ['a', 'b', 'c', 'd'].map((text, n) =>
      send(text, { chatId: n % 2 === 0 ? 'lobby' : 'other' }),
    );
    await Promise.race(all.slice(0, 3));
    await Promise.all(all);
    expect(performance.now() - started).toBeGreaterThanOrEqual(2999);
    expect(written().toSorted()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('are wider where the bot is moderator', async () => {
    server.moderated.add('lobby');
    await start({ messages: 1, moderatorMessages: 100, rateWindowMs: 60_000 });
    await state('connected');
    for (const text of ['a', 'b', 'c']) await send(text);
    expect(written()).toEqual(['a', 'b', 'c']);
  });

  it('let go of a message that is cancelled while it waits', async () => {
    await start({ messages: 1, rateWindowMs: 60_000 });
    await state('connected');
    await send('a');
    const cancel = new AbortController();
    const waiting = send('b', { signal: cancel.signal });
    cancel.abort();
    await expect(waiting).rejects.toMatchObject({ failure: 'unreachable' });
    expect(written()).toEqual(['a']);
  });

  it('let go of a message that is cancelled behind another one', async () => {
    await start({ messages: 1, rateWindowMs: 60_000 });
    await state('connected');
    await send('a');
    const first = new AbortController();
    const waiting = send('b', { signal: first.signal });
    await expect(send('c', { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      failure: 'unreachable',
    });
    first.abort();
    await expect(waiting).rejects.toMatchObject({ failure: 'unreachable' });
    expect(written()).toEqual(['a']);
  });

  it('stop everything for a while once Twitch itself complains', async () => {
    await start({ messages: 5, rateWindowMs: 60_000 });
    await state('connected');
    server.faults.push({ method: 'PRIVMSG', reply: { body: 'msg_ratelimit' } });
    await expect(send('a')).rejects.toMatchObject({ failure: 'rate-limited', retryAfterMs: 60_000 });
    const cancel = new AbortController();
    const waiting = send('b', { chatId: 'other', signal: cancel.signal });
    cancel.abort();
    await expect(waiting).rejects.toMatchObject({ failure: 'unreachable' });
    expect(written()).toEqual([]);
  });
});

describe('a message that Twitch does not confirm', () => {
  it('may have arrived', async () => {
    await start({ confirmTimeoutMs: 100 });
    await state('connected');
    server.faults.push({ method: 'PRIVMSG', when: 'after', reply: 'hang' });
    await expect(send('hm')).rejects.toMatchObject({ failure: 'unknown' });
  });

  it('counts as sent on a server that confirms nothing', async () => {
    server.plain = true;
    await start({ joinTimeoutMs: 50, rejoinMs: 100 });
    await state('connected');
    await until(async () => {
      await send('best effort');
    });
    expect(written()).toEqual(['best effort']);
  });
});

describe('the connection to Twitch', () => {
  it('keeps the id of a person whose id is 1', async () => {
    await start();
    await state('connected');
    server.say('lobby', 'hello', { user: { id: '1', login: 'first' } });
    await until(() => expect(host.accepted[0]?.sender.id).toBe('1'));
  });

  it('lists a channel as missing no longer than until Twitch confirms it, however late', async () => {
    await start({ joinTimeoutMs: 1 });
    await state('connected');
    await until(() => expect(host.current?.detail).toBe('@pibot'));
  });

  it('is renewed once when Twitch asks for it', async () => {
    await start();
    await state('connected');
    server.reconnect();
    await until(() => expect(server.calls.filter((call) => call.method === 'NICK')).toHaveLength(2));
    await state('connected');
    // The library would open another one after a second and a half.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(server.calls.filter((call) => call.method === 'NICK')).toHaveLength(2);
    expect(server.connections).toBe(1);
    server.say('lobby', 'after');
    await until(() => expect(host.accepted.map((m) => m.text)).toEqual(['after']));
  });

  it('is replaced without a pause after it has held, because Twitch keeps nothing for later', async () => {
    await start({ minDelayMs: 60_000, maxDelayMs: 60_000, heldMs: 0 });
    await state('connected');
    server.say('lobby', 'there');
    await until(() => expect(texts()).toEqual(['there']));
    for (const end of [() => server.drop(), () => server.reconnect()]) {
      const logins = server.calls.filter((call) => call.method === 'NICK').length;
      end();
      await until(() =>
        expect(server.calls.filter((call) => call.method === 'NICK')).toHaveLength(logins + 1),
      );
      await state('connected');
    }
    server.say('lobby', 'after');
    await until(() => expect(texts()).toEqual(['there', 'after']));
    // One that ends at once waits: a server that accepts and hangs up is not hammered.
    await adapter.stop();
    await start({ minDelayMs: 60_000, maxDelayMs: 60_000, heldMs: 60_000 });
    await state('connected');
    server.drop();
    await state('reconnecting');
    expect(host.current?.transport.nextTryAt).toBeGreaterThan(Date.now() + 5000);
  });

  it('is not made when the server hangs up before its welcome', async () => {
    server.hangUpBeforeWelcome = true;
    await start();
    await until(() => expect(host.current?.transport.attempt).toBeGreaterThanOrEqual(2));
    expect(host.healths.some((health) => health.state === 'connected')).toBe(false);
    server.hangUpBeforeWelcome = false;
    await state('connected');
  });

  it('counts as dead when the peer is silent', async () => {
    await start({ quietMs: 100, answerMs: 300, loginTimeoutMs: 1000 });
    await state('connected');
    server.silent = true;
    await state('reconnecting');
    server.silent = false;
    await state('connected');
  });

  it('gives up a login that never ends', async () => {
    server.silent = true;
    await start({ loginTimeoutMs: 100 });
    await until(() => expect(host.current?.detail).toContain('did not finish the login'));
  });

  it('works without a channel that cannot be joined, and joins it when it is back', async () => {
    server.suspended.add('other');
    await start({ joinTimeoutMs: 100, rejoinMs: 100 });
    await until(() => expect(host.current?.detail).toContain('not in #other'));
    expect(host.current?.state).toBe('connected');
    await send('here');
    await expect(send('there', { chatId: 'other' })).rejects.toMatchObject({ failure: 'unreachable' });
    server.suspended.clear();
    await until(async () => {
      await send('there', { chatId: 'other' });
    });
  });

  it('outlives lines that nobody can read', async () => {
    await start();
    await state('connected');
    for (const line of [
      ':tmi.twitch.tv NOTICE *',
      ':ada!ada@ada.tmi.twitch.tv PRIVMSG #lobby',
      ':x 353 a',
      ':tmi.twitch.tv HOSTTARGET #lobby',
      '@badges=;emotes=x USERSTATE #lobby',
      '@msg-id=room_mods :tmi.twitch.tv NOTICE #lobby',
      ':tmi.twitch.tv PONG tmi.twitch.tv :x',
      '@',
      ':',
      '@user-id=5 :a!a@a PRIVMSG',
      'x'.repeat(70_000),
    ])
      server.raw(line);
    server.say('lobby', 'still here');
    await until(() => expect(texts()).toEqual(['still here']));
    expect(server.connections).toBe(1);
  });

  it('says loudly what it could not store before it was stopped', async () => {
    await start();
    await state('connected');
    host.refuse = () => true;
    server.say('lobby', 'lost');
    await until(() => expect(host.offered.length).toBeGreaterThan(1));
    await adapter.stop();
    await until(() => expect(host.lines.join('\n')).toContain('error adapter: message not stored'));
  });

  it.each([
    ['username', { username: 'no good\r\nJOIN #x' }],
    ['token', { token: 'oauth:' }],
    ['channels', { channels: [] }],
    ['channels', { channels: ['ok', 'a,#b'] }],
  ])('is not tried with a malformed %s', async (key, settings) => {
    await start({}, settings);
    await state('parked');
    expect(host.current?.nextStep).toContain(`platforms.twitch.${key}`);
    expect(server.connections).toBe(0);
  });
});
