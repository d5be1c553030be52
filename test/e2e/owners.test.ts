/** Owners over the platforms' own client libraries: who decides, that one decision counts, and that the others see it. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createScriptedAgent } from '../../src/agents/scripted/scripted.ts';
import { composeGateway, type RunningGateway } from '../../src/compose.ts';
import type { ChatRef, Platform } from '../../src/gateway/model.ts';
import type { BotMessage, ContractPeer, Press } from '../adapters/contract/peer.ts';
import { DiscordPeer } from '../adapters/discord/peer.ts';
import { SlackPeer } from '../adapters/slack/peer.ts';
import { TelegramPeer } from '../adapters/telegram/peer.ts';
import { WhatsAppPeer } from '../adapters/whatsapp/contract-peer.ts';
import * as discord from '../platforms/discord-state.ts';
import * as telegram from '../platforms/telegram-state.ts';
import { temporaryFolder, writeConfig } from '../support/gateway-process.ts';
import { PATIENT, visible } from '../support/platform-gateway.ts';

const whatsapp = new WhatsAppPeer();
const peers: readonly ContractPeer[] = [new TelegramPeer(), new DiscordPeer(), new SlackPeer(), whatsapp];
const folder = temporaryFolder();
/** Ada owns the gateway on every platform; Bob is new everywhere. */
const OWNERS: Readonly<Partial<Record<Platform, { chat: string; person: string }>>> = {
  telegram: { chat: String(telegram.ADA.id), person: String(telegram.ADA.id) },
  discord: { chat: discord.DM_OF[discord.ADA.id] ?? '', person: discord.ADA.id },
  slack: { chat: 'D0ADA', person: 'U0ADA' },
  whatsapp: { chat: whatsapp.server.ada.lid, person: whatsapp.server.ada.lid },
};
const platforms = Object.keys(OWNERS) as Platform[];
let running: RunningGateway;

function configure(without?: Platform): void {
  writeConfig(folder.path, {
    port: 0,
    security: { rateLimit: { maxRequests: 1000 } },
    agent: { approvals: 'dangerous' },
    owners: Object.entries(OWNERS)
      .filter(([platform]) => platform !== without)
      .map(([platform, { chat, person }]) => ({
        chat: `${platform}:${chat}`,
        person,
        may: ['pair', 'approve', 'stop'],
      })),
    platforms: {
      ...Object.fromEntries(
        Object.entries(OWNERS).map(([platform, { person }]) => [
          platform,
          { enabled: true, groupPolicy: 'open', allowFrom: [person] },
        ]),
      ),
      websocket: { enabled: false },
    },
  });
}

async function start(): Promise<void> {
  running = await composeGateway({
    dataDir: folder.path,
    agent: createScriptedAgent({ approvals: true }),
    logLevel: 'warn',
    logSink: () => {},
    createAdapter: async (platform) =>
      peers
        .find((peer) => peer.platform === platform)
        ?.createAdapter(join(folder.path, 'gateway', 'adapters', platform)),
  });
  await running.connect();
  await vi.waitFor(
    () => {
      for (const platform of platforms)
        expect(running.gateway.adapters.view(platform).state, platform).toBe('connected');
    },
    { ...PATIENT, timeout: 90_000 },
  );
}

beforeAll(async () => {
  await Promise.all(peers.map((peer) => peer.start()));
  configure();
  await start();
}, 120_000);
afterAll(async () => {
  await running.stop(0);
  await Promise.all(peers.map((peer) => peer.stop()));
  folder.remove();
});

const peerOf = (platform: Platform): ContractPeer => {
  const peer = peers.find((each) => each.platform === platform);
  if (peer === undefined) throw new Error(platform);
  return peer;
};
const chatOf = (platform: Platform): ChatRef => ({
  platform,
  accountId: 'default',
  chatId: OWNERS[platform]?.chat ?? '',
});
/** What Ada reads on a platform. */
const read = (platform: Platform): readonly BotMessage[] => visible(peerOf(platform), chatOf(platform));
const notice = (platform: Platform, text: string): BotMessage | undefined =>
  read(platform).find((message) => message.text.includes(text));
async function noticed(platform: Platform, text: string): Promise<BotMessage> {
  return vi.waitFor(() => {
    const found = notice(platform, text);
    if (found === undefined)
      throw new Error(
        `no notice on ${platform}: ${read(platform)
          .map((m) => m.text)
          .join(' | ')}`,
      );
    return found;
  }, PATIENT);
}
/** The words of a message without buttons. */
async function typed(act: string, text: string): Promise<string> {
  const { text: said } = await noticed('whatsapp', text);
  return new RegExp(`/owner ${act} \\S+`).exec(said)?.[0] ?? '';
}
async function press(
  platform: Platform,
  text: string,
  label: string,
  user: 0 | 1 = 0,
): Promise<Press | undefined> {
  const { id } = await noticed(platform, text);
  return peerOf(platform).press?.(chatOf(platform), id, label, { user });
}
const allowed = (platform: Platform): boolean =>
  running.gateway.access.people.list().some((entry) => entry.platform === platform);
const refused = (code: string): number =>
  running.gateway.decisions(200).filter((each) => each.code === code).length;
const audit = (): string[] =>
  running.gateway.access.audit.lines(50).map(({ actor, surface, action }) => `${actor} ${surface} ${action}`);

describe('owners on four platforms', () => {
  it('hear of a new user, and a press of anybody else decides nothing', async () => {
    await peerOf('telegram').dm('may I use it, from Telegram?', { user: 1 });
    for (const platform of platforms) {
      const { text, buttons } = await noticed(platform, 'may I use it, from Telegram?');
      expect(text).toContain('A new user requests access on Telegram');
      if (platform === 'whatsapp') expect(text).toContain('/owner approve p');
      else expect(buttons).toEqual(['Approve', 'Deny', 'Block']);
    }
    // Bob presses Ada's buttons, and types the words. He has no access anywhere: each is a request of his own.
    const words = await typed('approve', 'may I use it, from Telegram?');
    for (const platform of ['telegram', 'discord', 'slack'] as const)
      await press(platform, 'may I use it, from Telegram?', 'Approve', 1);
    await vi.waitFor(() => expect(running.gateway.access.pairing()).toHaveLength(3), PATIENT);
    await peerOf('whatsapp').dm(words, { user: 1 });
    await vi.waitFor(() => expect(running.gateway.access.pairing()).toHaveLength(4), PATIENT);
    expect(allowed('telegram')).toBe(false);
    // The fourth of a kind waits for the others.
    await noticed('discord', 'access on Slack');
    expect(notice('discord', 'access on WhatsApp')).toBeUndefined();
  });

  it('decide once, also with the console at the same moment; the others are told', async () => {
    const text = 'may I use it, from Telegram?';
    const [request] = running.gateway.access.pairing().filter(({ platform }) => platform === 'telegram');
    const [, , console] = await Promise.all([
      press('telegram', text, 'Approve'),
      press('discord', text, 'Deny'),
      running
        .operator({ name: 'olga', surface: 'console' })
        .run({ type: 'pairing.block', requestId: request?.id ?? '' })
        .then(
          () => 'won',
          () => 'lost',
        ),
    ]);
    const said = await Promise.all(
      platforms.map((platform) =>
        vi.waitFor(() => {
          const found = /(Approved|Denied|Blocked) by (\S+) \((?:owner|console)\) at \d\d:\d\d/.exec(
            notice(platform, text)?.text ?? '',
          );
          if (found === null) throw new Error(`${platform} does not show it`);
          return found;
        }, PATIENT),
      ),
    );
    expect(new Set(said.map(([line]) => line)).size).toBe(1);
    for (const platform of platforms) expect(notice(platform, text)?.buttons ?? []).toEqual([]);
    const made = audit().filter((line) => /(owner|console) (approve|deny|block)$/.test(line));
    expect(made).toHaveLength(1);
    const winner = said[0]?.[2] ?? '';
    expect(console).toBe(winner === 'olga' ? 'won' : 'lost');
    for (const platform of ['telegram', 'discord'] as const)
      if (!winner.startsWith(platform)) await noticed(platform, 'Already decided: ');
  });

  it('cannot decide in a group', async () => {
    const before = refused('owner_in_group');
    const short = /\S+$/.exec(await typed('approve', 'access on Discord'))?.[0] ?? '';
    for (const platform of platforms)
      await peerOf(platform).group(`/owner approve ${short}`, { mention: true });
    await vi.waitFor(() => expect(refused('owner_in_group') - before).toBe(4), PATIENT);
    expect(allowed('discord')).toBe(false);
  });

  it('who are no longer owners decide nothing with the buttons they still have', async () => {
    configure('telegram');
    await running.reload();
    const before = refused('not_owner');
    await press('telegram', 'access on Discord', 'Approve');
    await vi.waitFor(() => expect(refused('not_owner') - before).toBe(1), PATIENT);
    expect(allowed('discord')).toBe(false);
    await press('slack', 'access on Discord', 'Approve');
    await vi.waitFor(() => expect(allowed('discord')).toBe(true), PATIENT);
    for (const platform of platforms) {
      await vi.waitFor(
        () => expect(notice(platform, 'access on Discord')?.text).toContain('Approved by slack:'),
        PATIENT,
      );
      expect(notice(platform, 'access on Discord')?.buttons ?? []).toEqual([]);
    }
  });

  it('decide after a restart between the notice and the press', async () => {
    await running.stop(0);
    await start();
    await press('discord', 'access on Slack', 'Approve');
    await vi.waitFor(() => expect(allowed('slack')).toBe(true), PATIENT);
    await vi.waitFor(
      () => expect(notice('whatsapp', 'access on Slack')?.text).toContain('Approved by discord:'),
      PATIENT,
    );
    expect(audit()[0]).toBe(`discord:${discord.ADA.id} owner approve`);
  }, 120_000);

  it('approve a tool call in words where there are no buttons, and everyone sees it', async () => {
    const asked = await peerOf('slack').dm('[tool bash rm -r build] clean up', { user: 1 });
    const words = await typed('approve', 'rm -r build');
    await noticed('discord', 'rm -r build');
    await peerOf('whatsapp').dm(words);
    await vi.waitFor(
      () =>
        expect(
          visible(peerOf('slack'), asked.chat).some(({ text }) => text.includes('You said: clean up')),
        ).toBe(true),
      PATIENT,
    );
    for (const platform of ['discord', 'slack', 'whatsapp'] as const)
      await vi.waitFor(
        () => expect(notice(platform, 'rm -r build')?.text).toContain('Approved by whatsapp:'),
        PATIENT,
      );
    expect(notice('telegram', 'rm -r build')).toBeUndefined();
  });
});
