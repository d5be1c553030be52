import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { longAnswer } from '../../src/agents/scripted/script.ts';
import { createScriptedAgent } from '../../src/agents/scripted/scripted.ts';
import { composeGateway, type RunningGateway } from '../../src/compose.ts';
import { type ChatRef, PLATFORMS } from '../../src/gateway/model.ts';
import type { ContractPeer } from '../adapters/contract/peer.ts';
import { DiscordPeer } from '../adapters/discord/peer.ts';
import { SlackPeer } from '../adapters/slack/peer.ts';
import { TelegramPeer } from '../adapters/telegram/peer.ts';
import { TwitchPeer } from '../adapters/twitch/peer.ts';
import { WhatsAppPeer } from '../adapters/whatsapp/contract-peer.ts';
import { temporaryFolder, writeConfig } from '../support/gateway-process.ts';

const PEERS: readonly (readonly [string, () => ContractPeer])[] = [
  ['Telegram', () => new TelegramPeer()],
  ['Discord', () => new DiscordPeer()],
  ['Slack', () => new SlackPeer()],
  ['Twitch', () => new TwitchPeer()],
  ['WhatsApp', () => new WhatsAppPeer()],
];

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

const wait = { timeout: 45_000, interval: 50 };
const operator = { name: 'test', surface: 'api' } as const;

async function withGateway(
  makePeer: () => ContractPeer,
  run: (peer: ContractPeer, gateway: RunningGateway, log: string[]) => Promise<void>,
): Promise<void> {
  const folder = temporaryFolder();
  const peer = makePeer();
  await peer.start();
  writeConfig(folder.path, {
    port: 0,
    platforms: { [peer.platform]: { enabled: true, groupPolicy: 'open' }, websocket: { enabled: false } },
  });
  const log: string[] = [];
  const gateway = await composeGateway({
    dataDir: folder.path,
    agent: createScriptedAgent(),
    logLevel: 'debug',
    logSink: (level, source, message, fields) =>
      log.push(`${level} ${source} ${message} ${JSON.stringify(fields)}`),
    createAdapter: async (platform) =>
      platform === peer.platform
        ? peer.createAdapter(join(folder.path, 'gateway', 'adapters', platform))
        : undefined,
  });
  try {
    await gateway.connect();
    await vi.waitFor(
      () => expect(gateway.gateway.adapters.view(peer.platform).state).toBe('connected'),
      wait,
    );
    await run(peer, gateway, log);
    for (const secret of peer.secrets) expect(log.filter((line) => line.includes(secret))).toEqual([]);
  } finally {
    await gateway.stop(0);
    await peer.stop();
    folder.remove();
  }
}

/** Letters and digits only: markup, blanks and line ends differ from platform to platform. */
const letters = (text: string): string => text.replace(/```ts/g, '').replace(/[^\p{L}\p{N}]/gu, '');

describe.each(PEERS)('%s, from end to end', (_name, makePeer) => {
  // One gateway for all: its start, and the login of the library, take longer than what is proven.
  it(
    'lets a new user in, answers what they asked, in threads and at length, and hands images on',
    {
      timeout: 240_000,
    },
    () =>
      withGateway(makePeer, async (peer, { gateway, operator: as }) => {
        const quiet = () => vi.waitFor(() => expect(gateway.outbox.pending).toBe(0), wait);
        const said = (chat: ChatRef, ...words: readonly string[]): boolean =>
          peer.sent(chat).some(({ text }) => words.every((word) => text.includes(word)));

        const asked = await peer.dm('what is the answer?');
        if (peer.lacks.dm === undefined) {
          await vi.waitFor(() => expect(gateway.access.requests.list()).toHaveLength(1), wait);
          const request = gateway.access.requests.list()[0];
          expect(request).toMatchObject({ senderId: asked.senderId, firstWords: 'what is the answer?' });
          await vi.waitFor(() => expect(said(asked.chat, request?.code ?? '-')).toBe(true), wait);
          await as(operator).run({ type: 'pairing.approve', requestId: request?.id ?? '' });
        }
        await vi.waitFor(
          () => expect(said(asked.chat, 'You said: ', 'what is the answer?')).toBe(true),
          wait,
        );
        await quiet();
        expect(answers(peer, asked.chat)).toHaveLength(1);

        const silent = await peer.group('not for the bot');
        await as(operator).run({ type: 'allow', platform: peer.platform, userId: silent.senderId });
        const mention = await peer.group('are you there?', {
          mention: true,
          thread: peer.lacks.thread === undefined,
        });
        await vi.waitFor(() => expect(said(mention.chat, 'are you there?')).toBe(true), wait);
        await quiet();
        expect(
          answers(peer, mention.chat).filter(({ text }) => text.includes('are you there?')),
        ).toHaveLength(1);

        const length = peer.platform === 'twitch' ? 1500 : 10_000; // Twitch takes 20 messages in 30 s
        const before = peer.sent(asked.chat).length;
        await peer.dm(`tell me [long ${length}]`);
        const expected = letters(longAnswer('You said: tell me', length));
        const spoken = (): string =>
          letters(
            peer
              .sent(asked.chat)
              .slice(before)
              .filter((each) => !each.deleted)
              .map((each) => each.text)
              .join('\n'),
          );
        await vi.waitFor(() => expect(spoken().slice(-2000)).toBe(expected.slice(-2000)), {
          ...wait,
          timeout: 90_000,
        });
        await quiet();
        expect(spoken()).toContain(expected);
        expect(spoken().length - expected.length).toBeLessThan(60); // nothing twice

        if (peer.lacks['attachment-in'] !== undefined) return;
        await peer.attach({ name: 'dot.png', mimeType: 'image/png', bytes: PNG }, 'what is this?');
        await vi.waitFor(() => expect(said(asked.chat, 'what is this?', '(1 image)')).toBe(true), wait);
      }),
  );
});

const answers = (peer: ContractPeer, chat: ChatRef): readonly { readonly text: string }[] =>
  peer.sent(chat).filter((each) => !each.deleted && each.text.includes('You said: '));

describe('all platforms at once', () => {
  it('keep their answers coming while one of them rejects everything', { timeout: 240_000 }, async () => {
    const folder = temporaryFolder();
    const peers = PEERS.map(([, make]) => make());
    await Promise.all(peers.map((peer) => peer.start()));
    writeConfig(folder.path, {
      port: 0,
      security: { allowAll: true },
      platforms: {
        ...Object.fromEntries(peers.map((peer) => [peer.platform, { enabled: true, groupPolicy: 'open' }])),
        websocket: { enabled: false },
      },
    });
    const byPlatform = new Map(peers.map((peer) => [peer.platform, peer]));
    const running = await composeGateway({
      dataDir: folder.path,
      agent: createScriptedAgent(),
      createAdapter: async (platform) =>
        byPlatform.get(platform)?.createAdapter(join(folder.path, 'gateway', 'adapters', platform)),
    });
    try {
      await running.connect();
      const { adapters } = running.gateway;
      await vi.waitFor(
        () =>
          expect(PLATFORMS.filter((platform) => adapters.view(platform).state === 'connected')).toHaveLength(
            5,
          ),
        { ...wait, timeout: 90_000 },
      );
      const broken = byPlatform.get('discord');
      broken?.revoke();
      await broken?.goDown();
      await Promise.all(
        peers
          .filter((peer) => peer !== broken)
          .map(async (peer) => {
            const asked = await peer.dm('still there?');
            await vi.waitFor(
              () =>
                expect(peer.sent(asked.chat).some((each) => each.text.includes('still there?'))).toBe(true),
              wait,
            );
          }),
      );
      await vi.waitFor(() => expect(adapters.view('discord').state).not.toBe('connected'), wait);
    } finally {
      await running.stop(0);
      await Promise.all(peers.map((peer) => peer.stop()));
      folder.remove();
    }
  });
});
