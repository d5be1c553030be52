/** Rows for tests of the console. Times are relative to `NOW`. */
import type {
  AdapterView,
  DialogView,
  GatewayView,
  OutboxView,
  PairingView,
  RefusalView,
  ScheduleView,
  TaskView,
} from '../../src/gateway/model.ts';
import type { OperatorSnapshot, SessionView } from '../../src/gateway/operator/operator.ts';

/** 2025-06-01 12:00:00 UTC. */
export const NOW = 1_748_779_200_000;
export const MINUTE = 60_000;

export function gatewayView(over: Partial<GatewayView> = {}): GatewayView {
  return {
    version: '0.1.0',
    state: 'running',
    host: 'localhost',
    port: 3847,
    startedAt: NOW - 192 * MINUTE,
    dataDir: '/home/ada/.0xkobold',
    demo: false,
    agent: { backend: 'pi-rpc', running: 2, maxConcurrent: 8, ok: true, detail: 'pi 0.87.1' },
    clients: 1,
    badges: [],
    turnedAway: 0,
    ...over,
  };
}

export function adapterView(over: Partial<AdapterView> = {}): AdapterView {
  return {
    platform: 'telegram',
    state: 'connected',
    detail: '@mybot',
    transport: { alive: true },
    ingress: { lastUpdateAt: NOW - 4_000, lastHeartbeatAt: NOW - 1_000 },
    authorisation: 'valid',
    account: { id: '777', name: '@mybot' },
    lastErrors: [],
    received: 120,
    sent: 118,
    open: false,
    ...over,
  };
}

export function sessionView(id: string, over: Partial<SessionView> = {}): SessionView {
  return {
    id,
    chat: { platform: 'telegram', accountId: 'default', chatId: '81234' },
    chatKind: 'dm',
    senderId: '81234',
    senderName: 'Ada Lovelace',
    title: 'refactor the engine',
    state: 'idle',
    waiting: 0,
    createdAt: NOW - 60 * MINUTE,
    lastUserAt: NOW - 14 * MINUTE,
    turns: 3,
    ...over,
  };
}

export function taskView(id: string, over: Partial<TaskView> = {}): TaskView {
  return {
    id,
    sessionId: 's1',
    parentSessionId: null,
    command: 'summarize the logs of yesterday',
    status: 'running',
    progress: 62,
    progressMessage: 'reading logs',
    createdAt: NOW - 5 * MINUTE,
    startedAt: NOW - 4 * MINUTE,
    ...over,
  };
}

export function pairingView(id: string, over: Partial<PairingView> = {}): PairingView {
  return {
    id,
    platform: 'telegram',
    accountId: 'default',
    senderId: '81234',
    senderName: 'Grace Hopper',
    code: 'KQ7M-2XPD',
    firstWords: "hi, it's me from the meetup",
    createdAt: NOW - 11 * MINUTE,
    expiresAt: NOW + 49 * MINUTE,
    ...over,
  };
}

export function refusalView(id: string, over: Partial<RefusalView> = {}): RefusalView {
  return {
    id,
    at: NOW - 2 * MINUTE,
    platform: 'discord',
    chatId: 'c1',
    senderId: '4242',
    senderName: 'Mallory',
    code: 'not_allowed',
    reason: 'not on the allowlist of this group',
    ...over,
  };
}

export function outboxView(id: string, over: Partial<OutboxView> = {}): OutboxView {
  return {
    id,
    chat: { platform: 'slack', accountId: 'default', chatId: 'C042' },
    kind: 'reply',
    state: 'failed',
    attempts: 5,
    preview: 'Here is the summary you asked for',
    createdAt: NOW - 30 * MINUTE,
    error: 'token revoked',
    ...over,
  };
}

export function snapshotOf(over: Partial<OperatorSnapshot> = {}): OperatorSnapshot {
  return {
    gateway: gatewayView(),
    adapters: [],
    sessions: [],
    tasks: [],
    pairing: [],
    allowlist: [],
    refusals: [],
    outbox: [],
    log: [],
    ...over,
  };
}

/** Names and texts as strangers choose them: wide, joined, right to left, hostile. */
export const HOSTILE = {
  cjk: '漢字の名前がとても長いです',
  emoji: 'Zoë 👩‍👩‍👧‍👦🏳️‍🌈 ❤️ 🇩🇪 👍🏽',
  bidi: 'abc\u202Eevil\u202C \u2066iso\u2069',
  escapes: 'x\u001b[2J\u001b[31mred\u001b]8;;http://evil\u0007link\u001b]8;;\u0007\u001bP1$r\u001b\\ y',
  zalgo: `z${'\u0301\u0316\u0330'.repeat(40)}algo`,
  lines: 'one\r\ntwo\tthree\u2028four\u0000five\u0007',
  lone: 'half \ud83d and \udc00 surrogate',
  hindi: 'हिन्दी कि क्षि',
  long: 'x'.repeat(100_000),
} as const;

/** The scene of the drawing in the design: something of everything. */
export function busySnapshot(): OperatorSnapshot {
  return snapshotOf({
    adapters: [
      adapterView(),
      adapterView({
        platform: 'discord',
        state: 'reconnecting',
        detail: 'reconnecting, try 3',
        transport: { alive: false, attempt: 3, nextTryAt: NOW + 8_000 },
      }),
      adapterView({
        platform: 'slack',
        state: 'parked',
        detail: 'token revoked',
        authorisation: 'revoked',
        transport: { alive: false },
        nextStep: 'Create a new bot token and put it into platforms.slack.botToken.',
        lastErrors: [{ at: NOW - 3 * MINUTE, text: 'invalid_auth: token revoked' }],
      }),
      adapterView({
        platform: 'whatsapp',
        detail: '+44 7700 900123',
        ingress: { lastUpdateAt: NOW - 90_000 },
      }),
      adapterView({
        platform: 'twitch',
        detail: 'mybot in #ada',
        ingress: { lastUpdateAt: NOW - 7 * MINUTE },
      }),
      adapterView({ platform: 'websocket', detail: '1 client', ingress: {} }),
    ],
    sessions: [
      sessionView('s1', { state: 'running', current: 'refactor the engine so that it computes' }),
      sessionView('s2', {
        chat: { platform: 'discord', accountId: 'default', chatId: 'c7', threadId: 'thread 12' },
        chatKind: 'group',
        chatName: '#ops',
        senderName: 'Linus',
        state: 'queued',
        waiting: 2,
      }),
      sessionView('s3', {
        chat: { platform: 'whatsapp', accountId: 'default', chatId: 'w1' },
        senderName: HOSTILE.cjk,
      }),
      sessionView('s4', { senderName: HOSTILE.emoji, lastUserAt: NOW - 300 * MINUTE }),
      sessionView('s5', { state: 'ended', endReason: 'idle for 24 h', lastUserAt: NOW - 3_000 * MINUTE }),
    ],
    tasks: [
      taskView('bg-7f2'),
      taskView('bg-81a', {
        status: 'succeeded',
        progress: 100,
        completedAt: NOW - 2 * MINUTE,
        result: 'All fine.',
      }),
      taskView('bg-90c', { status: 'failed', error: 'the model refused', completedAt: NOW - 9 * MINUTE }),
    ],
    pairing: [
      pairingView('p1'),
      pairingView('p2', {
        platform: 'whatsapp',
        senderId: '44770090012@s.whatsapp.net',
        senderName: '山田太郎',
        code: 'ABCD-EFGH',
        firstWords: 'こんにちは、少し手伝ってもらえますか 👋🏽',
        createdAt: NOW - 56 * MINUTE,
        expiresAt: NOW + 4 * MINUTE,
      }),
    ],
    allowlist: [
      { platform: 'telegram', userId: '1', name: 'Ada', addedAt: NOW - 90 * MINUTE, origin: 'pairing' },
      {
        platform: 'discord',
        userId: '9',
        name: 'Linus',
        note: 'ops',
        addedAt: NOW - 9 * MINUTE,
        origin: 'manual',
      },
    ],
    refusals: [refusalView('r1'), refusalView('r2', { senderName: HOSTILE.emoji, reason: 'rate limit' })],
    outbox: [outboxView('o1')],
    log: Array.from({ length: 40 }, (_, index) => ({
      at: NOW - (40 - index) * 1_000,
      level: (['info', 'debug', 'warn', 'error'] as const)[index % 4] ?? 'info',
      source: ['telegram', 'gateway', 'outbox'][index % 3] ?? 'gateway',
      text: `line ${index}: something happened that is worth a line in the log`,
    })),
  });
}

/** Signs of several code points, which terminals show in different widths. */
export const SIGNS: readonly string[] = [
  '1️⃣2️⃣3️⃣#️⃣',
  '🇩🇪🇫🇷 🇯🇵',
  '👩‍👩‍👧‍👦 🏳️‍🌈 👨‍💻',
  '👍🏽👋🏿 ❤️ ☎️',
  'हिन्दी क्षि का',
  'മലയാളം',
  '\u202e\u2066🇩🇪\u200d\u200d1️⃣',
];

export function signsSnapshot(): OperatorSnapshot {
  return snapshotOf({
    adapters: [adapterView()],
    sessions: SIGNS.map((text, n) =>
      sessionView(`s${n}`, { senderName: text, title: `${text} `.repeat(30), lastUserAt: NOW - n * MINUTE }),
    ),
    pairing: SIGNS.map((text, n) =>
      pairingView(`p${n}`, { senderName: text, firstWords: text.repeat(9), createdAt: NOW - n }),
    ),
    log: SIGNS.map((text) => ({ at: NOW, level: 'info' as const, source: 'x', text: text.repeat(40) })),
  });
}

/** Moves every time of a fixture, so that `NOW` is the present. */
export function alive<T>(value: T): T {
  const shift = Date.now() - NOW;
  return JSON.parse(JSON.stringify(value), (key, entry: unknown) =>
    typeof entry === 'number' && /At$|^at$/u.test(key) ? entry + shift : entry,
  );
}

export const scheduleView = (id: string, changes: Partial<ScheduleView> = {}): ScheduleView => ({
  id,
  source: 'chat',
  state: 'active',
  when: 'every weekday 09:00',
  timezone: 'UTC',
  prompt: 'look at the mail',
  deliver: ['origin'],
  senderName: 'Ada',
  quietToken: '[SILENT]',
  overlap: 'skip',
  missedWithinMs: 3_600_000,
  createdAt: 0,
  ...changes,
});

export function questionView(over: Partial<DialogView> = {}): DialogView {
  return {
    id: 'qaaaaaaa',
    number: 4,
    kind: 'approval',
    title: 'bash',
    call: {
      tool: 'bash',
      arguments: '{\n  "command": "rm -rf build"\n}',
      hash: 'f'.repeat(64),
      reason: 'it is not on the list of commands that only read',
      group: 'exactly this command',
    },
    sessionId: 's1',
    chat: { platform: 'telegram', accountId: 'default', chatId: 'c1' },
    requesterId: '81234',
    requesterName: 'Grace Hopper',
    createdAt: NOW,
    expiresAt: NOW + 600_000,
    ...over,
  };
}
