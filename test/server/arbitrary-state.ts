/** Random but valid gateway events over a small set of ids, so that they meet each other. */
import fc from 'fast-check';
import type {
  AdapterView,
  AllowlistView,
  LogLine,
  OutboxView,
  PairingView,
  RefusalView,
  TaskView,
} from '../../src/gateway/model.ts';
import type { GatewayEvent, SessionView } from '../../src/gateway/operator/operator.ts';
import { emptySnapshot } from './fake-operator.ts';

/** One value, always the same. */
export function one<T>(arbitrary: fc.Arbitrary<T>): T {
  const [value] = fc.sample(arbitrary, { numRuns: 1, seed: 7 });
  if (value === undefined) throw new Error('no sample');
  return value;
}

const id = fc.constantFrom('a', 'b', 'c', 'd');
const n = fc.nat(50);
const platform = fc.constantFrom('telegram' as const, 'slack' as const);
const chat = { platform: 'telegram', accountId: 'default', chatId: '1' } as const;

export const adapterRow: fc.Arbitrary<AdapterView> = fc.record({
  platform,
  state: fc.constantFrom('connected' as const, 'reconnecting' as const),
  detail: fc.string(),
  transport: fc.record({ alive: fc.boolean() }),
  ingress: fc.constant({}),
  authorisation: fc.constant('valid' as const),
  lastErrors: fc.constant([]),
  received: n,
  sent: n,
  open: fc.boolean(),
});

export const sessionRow: fc.Arbitrary<SessionView> = fc.record({
  id,
  chat: fc.constant(chat),
  chatKind: fc.constant('dm' as const),
  senderId: id,
  senderName: id,
  title: fc.string(),
  state: fc.constantFrom('idle' as const, 'running' as const),
  waiting: n,
  createdAt: n,
  lastUserAt: n,
  turns: n,
});

export const taskRow: fc.Arbitrary<TaskView> = fc.record({
  id,
  sessionId: id,
  parentSessionId: fc.constant(null),
  command: fc.string(),
  status: fc.constantFrom('queued' as const, 'running' as const, 'succeeded' as const, 'lost' as const),
  progress: n,
  createdAt: n,
});

const pairingRow: fc.Arbitrary<PairingView> = fc.record({
  id,
  platform,
  accountId: fc.constant('default'),
  senderId: id,
  senderName: id,
  firstWords: fc.string(),
  createdAt: n,
  expiresAt: n,
});

const allowlistRow: fc.Arbitrary<AllowlistView> = fc.record({
  platform,
  userId: id,
  name: id,
  addedAt: n,
  origin: fc.constantFrom('pairing' as const, 'manual' as const),
});

export const outboxRow: fc.Arbitrary<OutboxView> = fc.record({
  id,
  chat: fc.constant(chat),
  kind: fc.constant('reply'),
  state: fc.constantFrom('pending' as const, 'sending' as const, 'delivered' as const, 'failed' as const),
  attempts: n,
  preview: fc.string(),
  createdAt: n,
});

const refusalRow: fc.Arbitrary<RefusalView> = fc.record({
  id: fc.uuid(),
  at: n,
  platform,
  chatId: id,
  senderId: id,
  senderName: id,
  code: fc.constantFrom('blocked', 'rate_limited'),
  reason: fc.string(),
});

const logLine: fc.Arbitrary<LogLine> = fc.record({
  at: fc.nat(),
  level: fc.constantFrom('info' as const, 'warn' as const),
  source: id,
  text: fc.uuid(),
});

const { gateway } = emptySnapshot();

export const anyEvent: fc.Arbitrary<GatewayEvent> = fc.oneof(
  n.map((clients): GatewayEvent => ({ type: 'gateway', gateway: { ...gateway, clients } })),
  adapterRow.map((adapter): GatewayEvent => ({ type: 'adapter', adapter })),
  sessionRow.map((session): GatewayEvent => ({ type: 'session', session })),
  id.map((gone): GatewayEvent => ({ type: 'session-removed', id: gone })),
  taskRow.map((task): GatewayEvent => ({ type: 'task', task })),
  pairingRow.map((request): GatewayEvent => ({ type: 'pairing', request })),
  id.map((gone): GatewayEvent => ({ type: 'pairing-closed', id: gone, outcome: 'denied', actor: 'me' })),
  allowlistRow.map((entry): GatewayEvent => ({ type: 'allowlist', entry })),
  fc
    .tuple(platform, id)
    .map(([on, userId]): GatewayEvent => ({ type: 'allowlist-removed', platform: on, userId })),
  refusalRow.map((refusal): GatewayEvent => ({ type: 'refusal', refusal })),
  outboxRow.map((item): GatewayEvent => ({ type: 'outbox', item })),
  logLine.map((line): GatewayEvent => ({ type: 'log', line })),
  n.map((at): GatewayEvent => ({ type: 'traffic', direction: 'in', platform: 'slack', at })),
);
