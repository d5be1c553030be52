/**
 * Five platforms in one gateway, each on its real client library and a local server; one of them crashes, hangs or
 * rejects everything while people go on writing to it. Time from a message to its answer on the other four.
 * Run it: node bench/isolation.ts [--rounds 25]
 */
import { parseArgs } from 'node:util';
import { DiscordPeer } from '../test/adapters/discord/peer.ts';
import { SlackPeer } from '../test/adapters/slack/peer.ts';
import { TelegramPeer } from '../test/adapters/telegram/peer.ts';
import { TwitchPeer } from '../test/adapters/twitch/peer.ts';
import { WhatsAppPeer } from '../test/adapters/whatsapp/contract-peer.ts';
import { composePlatforms } from '../test/support/compose-platforms.ts';
import { FAULT_KINDS, latencies, median } from '../test/support/isolation.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string' } } });
const rounds = Number(values.rounds ?? 25);

const peers = [
  new TelegramPeer({ sendLimits: false }),
  new DiscordPeer(),
  new SlackPeer(),
  new TwitchPeer(),
  new WhatsAppPeer(),
];
const { running, stop } = await composePlatforms(peers);
await running.connect();
const up = (): boolean =>
  peers.every(({ platform }) => running.gateway.adapters.view(platform).state === 'connected');
const allUp = async (): Promise<void> => {
  while (!up()) await new Promise((resolve) => setTimeout(resolve, 20));
};
await allUp();
await latencies(peers, 3);

function show(title: string, found: Awaited<ReturnType<typeof latencies>>): void {
  const cells = peers.map(({ platform }) => {
    const times = found.get(platform);
    if (times === undefined) return `${platform} –`;
    return `${platform} ${median(times).toFixed(0)} (worst ${Math.max(...times).toFixed(0)})`;
  });
  process.stdout.write(`${title.padEnd(30)} ${cells.join('   ')}  ms\n`);
}

show('all well', await latencies(peers, rounds));
for (const fault of FAULT_KINDS) {
  const broken = peers.find(({ platform }) => platform === fault.platform);
  if (broken === undefined) continue;
  const end = fault.begin(broken);
  show(
    fault.name,
    await latencies(
      peers.filter((peer) => peer !== broken),
      rounds,
    ),
  );
  end();
  await allUp();
}
await stop();
