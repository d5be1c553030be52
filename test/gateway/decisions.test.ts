import { afterEach, describe, expect, it, vi } from 'vitest';
import { DeliveryError } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import { composeGateway } from '../../src/compose.ts';
import { DECISIONS_KEPT, DecisionTrace } from '../../src/gateway/decisions.ts';
import { ChatClient } from '../support/chat-client.ts';
import { operatorToken, temporaryFolder, writeConfig } from '../support/gateway-process.ts';
import { Rig, type RigOptions } from './rig.ts';

let rig: Rig | undefined;

async function start(options: RigOptions = {}): Promise<Rig> {
  rig = await Rig.start({ capabilities: { edit: false, typing: false }, ...options });
  return rig;
}

afterEach(async () => {
  await rig?.stop();
  rig?.remove();
  rig = undefined;
  vi.useRealTimers();
});

interface Case {
  /** As `what kind code`. */
  readonly decision: string;
  readonly options?: RigOptions;
  readonly happens: (rig: Rig) => Promise<Rig | undefined>;
}

const refuseSend = (on: Rig, failure: 'rejected' | 'gone' | 'unreachable' | 'markup'): void =>
  on.world.fault({ on: 'send', error: new DeliveryError(failure, `it is ${failure}`) });
const QUEUE = { security: { allowAll: true }, agent: { busyMode: 'queue' as const, maxWaiting: 1 } };

const CASES: readonly Case[] = [
  {
    decision: 'message refused group_not_listed',
    happens: async (on) => void (await on.say('hi', { chatKind: 'group' })),
  },
  {
    decision: 'message refused queue_full',
    options: { config: QUEUE },
    happens: async (on) => {
      for (const text of ['[hang]', 'one', 'two']) await on.say(text);
      return undefined;
    },
  },
  {
    decision: 'message dropped dropped',
    options: { config: QUEUE },
    happens: async (on) => {
      for (const text of ['[hang]', 'one', '/stop']) await on.say(text);
      return undefined;
    },
  },
  {
    decision: 'turn aborted aborted',
    happens: async (on) => {
      await on.say('[hang]');
      await on.pass(10);
      await on.say('/stop');
      return undefined;
    },
  },
  { decision: 'turn failed model_error', happens: async (on) => void (await on.say('[fail]')) },
  {
    decision: 'turn timed_out timed_out',
    happens: async (on) => {
      await on.say('[hang]');
      await on.pass(11 * 60_000);
      return undefined;
    },
  },
  {
    decision: 'message offered interrupted',
    happens: async (on) => {
      await on.say('[hang]');
      await on.pass(10);
      return on.crash();
    },
  },
  {
    decision: 'session reset idle',
    options: { config: { security: { allowAll: true }, sessions: { idleMinutes: 1 } } },
    happens: async (on) => {
      await on.say('one');
      await on.pass(10 * 60_000);
      return undefined;
    },
  },
  {
    decision: 'session reset asked',
    happens: async (on) => {
      await on.say('one');
      await on.pass(10);
      await on.say('/new');
      return undefined;
    },
  },
  {
    decision: 'delivery retried unreachable',
    happens: async (on) => {
      refuseSend(on, 'unreachable');
      await on.say('one');
      return undefined;
    },
  },
  {
    decision: 'delivery retried markup',
    happens: async (on) => {
      refuseSend(on, 'markup');
      await on.say('*one*');
      return undefined;
    },
  },
  {
    decision: 'delivery failed rejected',
    happens: async (on) => {
      // Refused as it is, and once more in plain parts.
      refuseSend(on, 'rejected');
      refuseSend(on, 'rejected');
      await on.say('one');
      return undefined;
    },
  },
  {
    decision: 'delivery abandoned chat_dead',
    happens: async (on) => {
      refuseSend(on, 'gone');
      await on.say('one');
      return undefined;
    },
  },
  {
    decision: 'delivery abandoned too_old',
    happens: async (on) => {
      on.adapter.health('reconnecting');
      await on.say('one');
      await on.pass(10);
      return on.crash(25 * 3_600_000);
    },
  },
];

describe('every decision', () => {
  it.each(CASES)(
    'leaves its reason in the trace, in the log and for the console: $decision',
    async (given) => {
      const before = await start(given.options);
      const after = (await given.happens(before)) ?? before;
      rig = after;
      await after.pass(2000);
      expect(after.decisions()).toContain(given.decision);
      const decision = after.gateway
        .decisions(200)
        .find(({ what, kind, code }) => `${what} ${kind} ${code}` === given.decision);
      expect(decision?.reason.length).toBeGreaterThan(5);
      const [shown] = after.seen.flatMap((event) =>
        event.type === 'decision' && event.decision === decision ? [event.decision] : [],
      );
      expect(shown).toBe(decision);
      const lines = after.operator.snapshot().log.map(({ text }) => text);
      expect(
        lines.some((text) => text.includes(`${decision?.what} ${decision?.kind}: ${decision?.reason}`)),
      ).toBe(true);
    },
  );
});

describe('the trace', () => {
  it('keeps the last ones and forgets the oldest', () => {
    const trace = new DecisionTrace({ clock: () => 7, log: silentLogger, show: () => {} });
    for (let i = 0; i < DECISIONS_KEPT + 5; i += 1)
      trace.note({ what: 'message', kind: 'refused', code: `c${i}`, reason: 'because' });
    expect(trace.last()).toHaveLength(DECISIONS_KEPT);
    expect(trace.last()[0]).toEqual({
      at: 7,
      what: 'message',
      kind: 'refused',
      code: 'c5',
      reason: 'because',
    });
    expect(trace.last(2).map(({ code }) => code)).toEqual(['c203', 'c204']);
  });

  it('is part of GET /api/status', async () => {
    const folder = temporaryFolder();
    writeConfig(folder.path, { port: 0, security: { allowAll: true } });
    const running = await composeGateway({ dataDir: folder.path, backend: 'scripted', env: {} });
    try {
      await running.connect();
      const client = await ChatClient.connect(running.port);
      client.prompt('p1', '[fail]');
      await client.outcome('p1');
      client.close();
      const response = await fetch(`http://127.0.0.1:${running.port}/api/status`, {
        headers: { authorization: `Bearer ${operatorToken(folder.path)}` },
      });
      const status: unknown = await response.json();
      expect(status).toMatchObject({
        decisions: [{ what: 'turn', kind: 'failed', platform: 'websocket', reason: expect.any(String) }],
      });
    } finally {
      await running.stop(0);
      folder.remove();
    }
  });
});
