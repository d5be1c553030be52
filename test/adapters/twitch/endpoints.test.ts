import { describe, expect, it } from 'vitest';
import { chatUrlOf, eventSubUrlOf, TWITCH } from '../../../src/adapters/twitch/api.ts';
import type { TwitchSettings } from '../../../src/adapters/twitch/definition.ts';

const settings = (more: Partial<TwitchSettings>): TwitchSettings => ({
  username: 'b',
  token: 't',
  channels: ['c'],
  ...more,
});

describe('the addresses of Twitch', () => {
  it.each([
    [{}, 'wss://irc-ws.chat.twitch.tv:443/'],
    [{ server: '' }, 'wss://irc-ws.chat.twitch.tv:443/'],
    [{ server: TWITCH.chat }, 'wss://irc-ws.chat.twitch.tv:443/'],
    [{ secure: false }, 'ws://irc-ws.chat.twitch.tv:80/'],
    [{ server: '127.0.0.1', port: 6667 }, 'ws://127.0.0.1:6667/'],
    [{ server: 'chat.example', secure: true }, 'wss://chat.example:443/'],
    [{ server: 'chat.example', secure: true, port: 8443 }, 'wss://chat.example:8443/'],
  ])('%j is %s', (more, url) => {
    expect(chatUrlOf(settings(more))).toBe(url);
  });

  it.each([
    [{}, undefined],
    [{ clientId: 'x' }, TWITCH.eventSub],
    [{ clientId: 'x', server: '127.0.0.1' }, undefined],
    [{ clientId: 'x', server: '127.0.0.1', eventSubUrl: TWITCH.eventSub }, undefined],
    [{ clientId: 'x', server: '127.0.0.1', eventSubUrl: 'ws://127.0.0.1:1' }, 'ws://127.0.0.1:1'],
  ])('stream notices for %j come from %s', (more, url) => {
    expect(eventSubUrlOf(settings(more))).toBe(url);
  });
});
