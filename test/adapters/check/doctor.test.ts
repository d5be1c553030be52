import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createPlatformAdapter } from '../../../src/adapters/registry.ts';
import type { AdapterCheck } from '../../../src/gateway/adapter.ts';
import { checkAdapter } from '../../../src/gateway/adapter.ts';
import type { PlatformsConfig } from '../../../src/gateway/config/schema.ts';
import { TwitchServer } from '../../platforms/twitch-server.ts';
import { TOKEN as DISCORD, DiscordPeer } from '../discord/peer.ts';
import { SlackPeer } from '../slack/peer.ts';
import { TOKEN as TELEGRAM, TelegramPeer } from '../telegram/peer.ts';
import { settingsFor } from '../twitch/peer.ts';
import { WhatsAppPeer } from '../whatsapp/contract-peer.ts';

type Checked = Exclude<keyof PlatformsConfig, 'websocket'>;

/** The check as `doctor <platform>` makes it, from settings alone. */
async function check<P extends Checked>(
  platform: P,
  settings: NonNullable<PlatformsConfig[P]>,
  stateDir = join(tmpdir(), 'no-such-folder'),
): Promise<AdapterCheck & { readonly text: string }> {
  const result = await checkAdapter({
    make: () => createPlatformAdapter(platform, settings, {}, () => {}),
    stateDir,
    redact: (text) => text,
  });
  if (result === undefined) throw new Error(`${platform} has no check`);
  return { ...result, text: result.findings.join('\n') };
}

interface Server {
  start(): Promise<void>;
  stop(): Promise<void>;
}

async function over<T extends Server>(server: T, body: (server: T) => Promise<void>): Promise<void> {
  await server.start();
  try {
    await body(server);
  } finally {
    await server.stop();
  }
}

const WRONG = 'a-wrong-token-0123456789';

describe('doctor telegram', () => {
  it('says who the bot is and what groups it can read', () =>
    over(new TelegramPeer(), async ({ server }) => {
      const good = await check('telegram', { token: TELEGRAM, apiRoot: server.url });
      expect(good.ok).toBe(true);
      expect(good.text).toMatch(/The bot is @gate_bot/);
      expect(good.text).toContain('/setprivacy');
    }));

  it('says what to do about a wrong token, and when nobody answers', () =>
    over(new TelegramPeer(), async (peer) => {
      const settings = { token: `1:${WRONG}`, apiRoot: peer.server.url };
      const wrong = await check('telegram', settings);
      expect(wrong).toMatchObject({ ok: false, text: expect.stringContaining('@BotFather (/token)') });
      await peer.goDown();
      const down = await check('telegram', settings);
      expect(down).toMatchObject({ ok: false, text: expect.stringContaining('cannot be reached') });
      expect(wrong.text + down.text).not.toContain(WRONG);
    }));
});

describe('doctor discord', () => {
  it('says who the bot is, where it is, and which intent is missing', () =>
    over(new DiscordPeer(), async ({ server }) => {
      const good = await check('discord', { botToken: DISCORD, apiUrl: server.apiUrl });
      expect(good.text).toMatch(/The bot is @gate/);
      expect(good.ok).toBe(true);
      const elsewhere = await check('discord', { botToken: DISCORD, apiUrl: server.apiUrl, guildId: '1' });
      expect(elsewhere).toMatchObject({ ok: false, text: expect.stringContaining('not in the server 1') });
    }));

  it('says which permissions are missing where, unless it may do everything', () =>
    over(new DiscordPeer(), async ({ server }) => {
      const settings = { botToken: DISCORD, apiUrl: server.apiUrl };
      server.state.permissions = String((1 << 10) | (1 << 11) | (1 << 16));
      const poor = await check('discord', settings);
      expect(poor.ok).toBe(false);
      expect(poor.text).toMatch(/In .+ the bot lacks: Attach Files, Send Messages in Threads\./);
      server.state.permissions = '8';
      expect((await check('discord', settings)).ok).toBe(true);
    }));

  it('says what to do about a wrong token, and when nobody answers', () =>
    over(new DiscordPeer(), async (peer) => {
      const settings = { botToken: WRONG, apiUrl: peer.server.apiUrl };
      const wrong = await check('discord', settings);
      expect(wrong).toMatchObject({ ok: false, text: expect.stringContaining('Reset Token') });
      await peer.goDown();
      const down = await check('discord', settings);
      expect(down).toMatchObject({ ok: false, text: expect.stringContaining('cannot be reached') });
      expect(wrong.text + down.text).not.toContain(WRONG);
    }));
});

describe('doctor slack', () => {
  const settingsOf = ({ server }: SlackPeer): NonNullable<PlatformsConfig['slack']> => ({
    botToken: server.tokens.bot,
    appToken: server.tokens.app,
    apiUrl: server.url,
  });

  it('says who the bot is and which scopes are missing, and what that costs', () =>
    over(new SlackPeer(), async (peer) => {
      const good = await check('slack', settingsOf(peer));
      expect(good).toMatchObject({ ok: true, text: expect.stringContaining('The bot is @pibot') });
      peer.server.scopes = 'chat:write,im:history';
      const poor = await check('slack', settingsOf(peer));
      expect(poor.ok).toBe(false);
      expect(poor.text).toContain('app_mentions:read');
      expect(poor.text).toContain('OAuth & Permissions');
      expect(poor.text).toContain('files:read');
    }));

  it('says what to do about wrong tokens, and when nobody answers', () =>
    over(new SlackPeer(), async (peer) => {
      const settings = { ...settingsOf(peer), botToken: `xoxb-${WRONG}`, appToken: `xapp-${WRONG}` };
      const wrong = await check('slack', settings);
      expect(wrong.ok).toBe(false);
      expect(wrong.text).toContain('OAuth & Permissions');
      expect(wrong.text).toContain('connections:write');
      await peer.goDown();
      const began = performance.now();
      const down = await check('slack', settings);
      expect(down).toMatchObject({ ok: false, text: expect.stringContaining('cannot be reached') });
      expect(performance.now() - began).toBeLessThan(12_000);
      expect(wrong.text + down.text).not.toContain(WRONG);
    }));
});

describe('doctor twitch', () => {
  const withTwitch = (body: (server: TwitchServer) => Promise<void>): Promise<void> => {
    const server = new TwitchServer();
    server.tokens.add('goodtoken0123456789abcdefghij');
    return over(server, body);
  };

  it('says who the bot is and which scopes are missing', () =>
    withTwitch(async (server) => {
      const good = await check('twitch', settingsFor(server));
      expect(good).toMatchObject({ ok: true, text: expect.stringContaining('The bot is pibot') });
      server.scopes = ['chat:read'];
      const poor = await check('twitch', settingsFor(server));
      expect(poor).toMatchObject({ ok: false, text: expect.stringContaining('chat:edit') });
    }));

  it('says what to do about a wrong token, and when nobody answers', () =>
    withTwitch(async (server) => {
      const settings = { ...settingsFor(server), token: `oauth:${WRONG}` };
      const wrong = await check('twitch', settings);
      expect(wrong).toMatchObject({ ok: false, text: expect.stringContaining('chat:read and chat:edit') });
      await server.goDown();
      const down = await check('twitch', settings);
      expect(down).toMatchObject({ ok: false, text: expect.stringContaining('cannot be reached') });
      expect(wrong.text + down.text).not.toContain(WRONG);
    }));
});

describe('doctor whatsapp', () => {
  it('says whether an account is linked, as whom, and how to link one', () =>
    over(new WhatsAppPeer(), async (peer) => {
      const folder = mkdtempSync(join(tmpdir(), 'doctor-'));
      try {
        const fresh = await check('whatsapp', { url: peer.server.url }, folder);
        expect(fresh).toMatchObject({ ok: true, text: expect.stringContaining('No account is linked') });
        expect(fresh.text).toContain('QR');
        await peer.createAdapter(folder);
        const linked = await check('whatsapp', { url: peer.server.url }, folder);
        expect(linked).toMatchObject({ ok: true, text: expect.stringContaining('+15550001111') });
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }));

  it('says so when nobody answers', () =>
    over(new WhatsAppPeer(), async (peer) => {
      const { url } = peer.server;
      await peer.goDown();
      const down = await check('whatsapp', { url });
      expect(down).toMatchObject({ ok: false, text: expect.stringContaining('cannot be reached') });
    }));
});
