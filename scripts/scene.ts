/** The fixed scene that the documentation's pictures show. */
import type { OperatorSnapshot } from '../src/gateway/operator/operator.ts';
import {
  adapterView,
  gatewayView,
  MINUTE,
  NOW,
  pairingView,
  sessionView,
  taskView,
} from '../test/tui/fixtures.ts';

const log = (seconds: number, level: 'info' | 'warn' | 'error', source: string, text: string) => ({
  at: NOW - seconds * 1000,
  level,
  source,
  text,
});

export function scene(): OperatorSnapshot {
  return {
    gateway: gatewayView(),
    adapters: [
      adapterView(),
      adapterView({
        platform: 'discord',
        state: 'reconnecting',
        detail: 'reconnecting, try 3',
        transport: { alive: false, attempt: 3, nextTryAt: NOW + 10_000 },
      }),
      adapterView({
        platform: 'slack',
        state: 'parked',
        detail: 'token revoked',
        transport: { alive: false },
        authorisation: 'revoked',
        nextStep: 'Create a new bot token, then start the adapter again.',
      }),
      adapterView({
        platform: 'whatsapp',
        detail: '+44 7700 900001',
        account: { id: 'w', name: '+44 7700 900001' },
        ingress: { lastUpdateAt: NOW - 65_000 },
      }),
      adapterView({
        platform: 'twitch',
        detail: 'ada_bot',
        account: { id: 't', name: 'ada_bot' },
        ingress: { lastUpdateAt: NOW - 7 * MINUTE },
      }),
      adapterView({ platform: 'websocket', detail: '1 client', account: { id: 'ws', name: '1 client' } }),
    ],
    sessions: [
      sessionView('s1', { state: 'running', current: 'refactor the parser', title: 'refactor the parser' }),
      sessionView('s2', {
        chat: { platform: 'discord', accountId: 'default', chatId: '1', threadId: '12' },
        chatKind: 'group',
        chatName: '#ops › thread 12',
        senderName: 'linus',
        state: 'queued',
        waiting: 2,
        title: 'why does the build fail on arm?',
      }),
      sessionView('s3', {
        chat: { platform: 'whatsapp', accountId: 'default', chatId: '44' },
        senderName: 'Mum',
        lastUserAt: NOW - 14 * MINUTE,
        title: 'is the website up?',
      }),
      sessionView('s4', {
        chat: { platform: 'twitch', accountId: 'default', chatId: '#speedruns' },
        chatKind: 'group',
        chatName: '#speedruns',
        senderName: 'runner42',
        lastUserAt: NOW - 55 * MINUTE,
        title: 'what is the world record?',
      }),
    ],
    tasks: [
      taskView('bg-7f2a91c0', {
        status: 'running',
        progress: 62,
        progressMessage: 'reading logs',
        command: 'check the nightly logs',
        startedAt: NOW - 4 * MINUTE,
      }),
      taskView('bg-81a0d3e2', {
        status: 'succeeded',
        progress: 100,
        command: 'summarise the issues',
        completedAt: NOW - 9 * MINUTE,
        deliveredAt: NOW - 9 * MINUTE,
      }),
    ],
    pairing: [
      pairingView('p1', {
        senderName: 'Grace H.',
        firstWords: "hi, it's me from the meetup",
        createdAt: NOW - 11 * MINUTE,
        expiresAt: NOW + 49 * MINUTE,
      }),
      pairingView('p2', {
        platform: 'discord',
        senderName: '花子',
        senderId: '37000000000000001',
        code: 'W3TC-9YHB',
        firstWords: 'こんにちは、少し手伝ってもらえますか',
        createdAt: NOW - MINUTE,
        expiresAt: NOW + 59 * MINUTE,
      }),
    ],
    allowlist: [],
    refusals: [],
    outbox: [],
    log: [
      log(310, 'info', 'telegram', 'connected: @mybot'),
      log(240, 'error', 'slack', 'parked: token revoked'),
      log(95, 'info', 'inbox', 'rejected: the bot was not mentioned  platform=discord'),
      log(61, 'info', 'pairing', 'a new user requests access  platform=discord'),
      log(12, 'warn', 'discord', 'disconnected: the other side closed  attempt=3'),
      log(4, 'info', 'sessions', 'turn answered  session=s1'),
    ],
  };
}
