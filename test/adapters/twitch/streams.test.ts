import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTwitchAdapter, type TwitchSettings } from '../../../src/adapters/twitch/definition.ts';
import { readStreamMessage } from '../../../src/adapters/twitch/streams.ts';
import type { Adapter } from '../../../src/gateway/adapter.ts';
import { say } from '../../../src/gateway/language/chat-text.ts';
import { roomId, TwitchServer } from '../../platforms/twitch-server.ts';
import { RecordingHost } from '../contract/recording-host.ts';
import { QUICK, settingsFor } from './peer.ts';

const LOBBY = roomId('lobby');
const OTHER = roomId('other');

let server: TwitchServer;
let host: RecordingHost;
let adapter: Adapter;

const until = <T>(check: () => T): Promise<T> => vi.waitFor(check, { timeout: 20_000, interval: 10 });
const detail = (wanted: string) =>
  until(() => expect(host.current?.detail, host.lines.join('\n')).toBe(wanted));
const subscribed = () => until(() => expect(server.eventSub.subscriptions).toHaveLength(4));

async function start(more: Partial<TwitchSettings> = {}): Promise<void> {
  adapter = createTwitchAdapter(
    settingsFor(server, {
      channels: ['lobby', 'other'],
      clientId: 'client',
      apiUrl: server.helixUrl,
      eventSubUrl: server.eventSubUrl,
      ...more,
    }),
    QUICK,
  );
  await adapter.start(host);
  await until(() => expect(host.current?.state).toBe('connected'));
}

beforeEach(async () => {
  server = new TwitchServer();
  server.tokens.add('sometoken');
  await server.start();
  host = new RecordingHost(await mkdtemp(join(tmpdir(), 'twitch-')));
});

afterEach(async () => {
  await adapter.stop();
  await until(() => expect(server.eventSub.sessions).toBe(0));
  await server.stop();
  expect(host.output()).not.toContain('sometoken');
});

describe('stream notices', () => {
  it('tell who is live at the start, and every change once', async () => {
    server.eventSub.live.add(OTHER);
    await start();
    await detail('@pibot, live #other');
    const id = server.eventSub.notify('stream.online', LOBBY);
    await detail('@pibot, live #lobby #other');
    server.eventSub.notify('stream.offline', OTHER);
    await detail('@pibot, live #lobby');
    server.eventSub.notify('stream.offline', LOBBY);
    await detail('@pibot');
    // The same notice again changes nothing: the one behind it is the next that counts.
    server.eventSub.notify('stream.online', LOBBY, id);
    server.eventSub.notify('stream.online', OTHER);
    await detail('@pibot, live #other');
    expect(host.lines.filter((line) => line.includes('#lobby is live'))).toHaveLength(1);
  });

  it('reach the chats that the operator named, once, and not for what was so before', async () => {
    server.eventSub.live.add(OTHER);
    await start({ notices: ['telegram:42', 'slack:C1:7'] });
    await detail('@pibot, live #other');
    const id = server.eventSub.notify('stream.online', LOBBY);
    await until(() => expect(host.announced).toHaveLength(1));
    expect(host.announced[0]).toEqual({
      id: `stream:${id}`,
      text: say('stream.live', { channel: 'lobby' }),
      targets: ['telegram:42', 'slack:C1:7'],
    });
    expect(String(host.announced[0]?.text)).toBe('#lobby is live: https://www.twitch.tv/lobby');
    server.eventSub.notify('stream.online', LOBBY, id);
    server.eventSub.notify('stream.offline', OTHER);
    await until(() => expect(host.announced).toHaveLength(2));
    expect(String(host.announced[1]?.text)).toBe('The stream of #other has ended.');
  });

  it('also tell of a stream that began while the connection was lost', async () => {
    server.eventSub.live.add(OTHER);
    await start({ notices: ['telegram:42'] });
    await detail('@pibot, live #other'); // Twitch has said who is live: from here on a change is one
    server.eventSub.live.add(LOBBY);
    server.drop();
    await until(() =>
      expect(host.announced.map(({ text }) => String(text))).toEqual([
        expect.stringContaining('#lobby is live'),
      ]),
    );
  });

  it('go nowhere unless a chat is named', async () => {
    await start();
    await subscribed();
    server.eventSub.notify('stream.online', LOBBY);
    await detail('@pibot, live #lobby');
    expect(host.announced).toEqual([]);
  });

  it('follow Twitch to another address with their subscriptions', async () => {
    await start();
    await subscribed();
    const asked = (): number =>
      server.calls.filter((call) => call.method === 'eventsub/subscriptions').length;
    expect(asked()).toBe(4);
    server.eventSub.move(`${server.eventSubUrl}?moved`);
    await until(() => expect(server.eventSub.sessions).toBe(1));
    await until(() => {
      server.eventSub.notify('stream.online', LOBBY);
      expect(host.current?.detail).toBe('@pibot, live #lobby');
    });
    expect(asked()).toBe(4);
  });

  it('come back after a cut and catch up', async () => {
    await start();
    await subscribed();
    server.eventSub.live.add(LOBBY);
    server.eventSub.drop();
    await detail('@pibot, live #lobby');
    expect(host.current?.state).toBe('connected');
  });

  it('get a fresh token when theirs has run out', async () => {
    server.refreshTokens.set('refresh-one', { token: 'freshtoken1', refreshToken: 'refresh-two' });
    server.faults.push({ method: 'eventsub/subscriptions', reply: { status: 401 } });
    await start({ clientSecret: 'secret-of-the-client', refreshToken: 'refresh-one' });
    await subscribed();
    expect(server.tokens.has('freshtoken1')).toBe(true);
  });

  it('that cannot be had leave the chat alone', async () => {
    for (let n = 0; n < 2; n += 1)
      server.faults.push({ method: 'eventsub/subscriptions', reply: { status: 403 } });
    await start();
    await until(() => expect(host.lines.join('\n')).toContain('no stream notices for now'));
    server.say('lobby', 'hello');
    await until(() => expect(host.accepted).toHaveLength(1));
    for (const text of [
      'null',
      'x',
      '{}',
      '{"metadata":{"message_id":"1","message_type":"revocation"},"payload":{}}',
    ])
      server.eventSub.raw(text);
    await subscribed();
    expect(host.current?.state).toBe('connected');
  });

  it('for some channels only say which are left out', async () => {
    server.faults.push({ method: 'eventsub/subscriptions', reply: { status: 429 } });
    await start();
    await until(() => expect(host.lines.join('\n')).toContain('no stream notices for #lobby'));
    await until(() => {
      server.eventSub.notify('stream.online', OTHER); // lost as long as its own subscription is under way
      expect(host.current?.detail).toBe('@pibot, live #other');
    });
  });

  it('are not asked for without an application, or from Twitch itself when the chat is elsewhere', async () => {
    await start({ clientId: '' });
    await adapter.stop();
    await start({ eventSubUrl: '' });
    expect(server.calls.some((call) => call.method.includes('eventsub'))).toBe(false);
  });
});

describe('a frame of EventSub', () => {
  it('is read for what it means', () => {
    const frame = (type: string, payload: object): string =>
      JSON.stringify({ metadata: { message_id: '1', message_type: type }, payload });
    expect(
      readStreamMessage(frame('session_welcome', { session: { id: 's', keepalive_timeout_seconds: 30 } })),
    ).toEqual({
      type: 'welcome',
      id: '1',
      session: 's',
      keepaliveMs: 30_000,
    });
    expect(readStreamMessage(frame('session_keepalive', {}))?.type).toBe('other');
    expect(
      readStreamMessage(frame('session_reconnect', { session: { id: 's', reconnect_url: 'wss://x' } })),
    ).toEqual({
      type: 'moved',
      id: '1',
      url: 'wss://x',
    });
    expect(
      readStreamMessage(frame('revocation', { subscription: { type: 'x', status: 'user_removed' } })),
    ).toEqual({
      type: 'revoked',
      id: '1',
      why: 'user_removed',
    });
    for (const text of ['', 'null', '[]', '{}', 'x']) expect(readStreamMessage(text)).toBeUndefined();
  });
});
