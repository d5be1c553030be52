/** The fixed scene that the documentation's pictures show. */
import type { TranscriptEntry } from '../src/gateway/model.ts';
import type { OperatorEvent, OperatorSnapshot } from '../src/gateway/operator/operator.ts';
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
        command: 'summarize the issues',
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
      log(240, 'error', 'slack', 'failed: token revoked'),
      log(95, 'info', 'inbox', 'rejected: the bot was not mentioned  platform=discord'),
      log(61, 'info', 'pairing', 'a new user requests access  platform=discord'),
      log(12, 'warn', 'discord', 'disconnected: the peer closed the connection  attempt=3'),
      log(4, 'info', 'sessions', 'turn answered  session=s1'),
    ],
  };
}

/** What was said in every chat of the scene. */
export function said(): readonly TranscriptEntry[] {
  const at = (seconds: number): number => NOW - seconds * 1000;
  return [
    {
      at: at(190),
      role: 'user',
      name: 'Ada Lovelace',
      text: 'the parser is hard to read. can you look at it?',
    },
    { at: at(186), role: 'tool', name: 'read', text: 'read src/parser.ts\n412 lines' },
    {
      at: at(171),
      role: 'agent',
      text: 'It does three things at once. I would split it:\n\n- `tokens.ts` reads characters\n- `tree.ts` builds the tree\n- `parser.ts` keeps the **public API**\n\n```ts\nexport function parse(text: string): Tree {\n  return tree(tokens(text));\n}\n```\n\nShall I go ahead?',
    },
    { at: at(40), role: 'user', name: 'Ada Lovelace', text: 'yes. refactor the parser, and run the tests' },
    { at: at(31), role: 'tool', name: 'edit', text: 'edit src/tokens.ts\n+148' },
    { at: at(18), role: 'tool', name: 'bash', text: 'npm test -- parser\nok' },
  ];
}

/** Ten minutes of traffic, the same each time. */
export function play(operator: { push(event: OperatorEvent): void }, pass: (ms: number) => void): void {
  let state = 11;
  const random = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state / 0x7fff_ffff;
  };
  const busy = { telegram: 0.9, discord: 0.6, whatsapp: 0.35, twitch: 0.5, websocket: 0.15 } as const;
  const turns = new Map<string, number>();
  const { sessions } = scene();
  for (let second = 0; second < 600; second += 5) {
    for (const [platform, share] of Object.entries(busy) as [keyof typeof busy, number][]) {
      const wave = share * (0.6 + 0.4 * Math.sin(second / 70 + share * 9));
      for (let n = 0; n < 3; n += 1) {
        if (random() < wave) operator.push({ type: 'traffic', direction: 'in', platform, at: 0 });
        if (random() < wave * 0.8) operator.push({ type: 'traffic', direction: 'out', platform, at: 0 });
      }
    }
    if (second % 200 === 65)
      operator.push({
        type: 'log',
        line: log(
          3 - Math.floor(second / 200),
          'error',
          'discord',
          `could not connect  attempt=${4 + Math.floor(second / 200)}`,
        ),
      });
    for (const row of sessions) {
      const turn = turns.get(row.id) ?? 0;
      const working = turn % 2 === 1;
      if (random() > (working ? 0.45 : 0.3)) continue;
      turns.set(row.id, turn + 1);
      const current = working ? {} : { current: `turn ${turn}` };
      operator.push({
        type: 'session',
        session: { ...row, state: working ? 'idle' : 'running', turns: turn, ...current },
      });
    }
    pass(5_000);
  }
  for (const session of sessions) operator.push({ type: 'session', session });
}
