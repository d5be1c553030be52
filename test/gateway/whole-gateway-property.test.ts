import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DeliveryError } from '../../src/base/errors.ts';
import { systemError } from '../store/kit/memory-disk.ts';
import { tries } from '../support/tries.ts';
import { Rig } from './rig.ts';
import type { ShownMessage } from './test-platform.ts';

const RUNS = 100;
const MARK = '(The connection was lost while sending: the next message may be a repeat.)';

type Action =
  | { readonly type: 'say'; readonly chat: number; readonly text: string }
  | { readonly type: 'command'; readonly chat: number; readonly text: string }
  | { readonly type: 'disk'; readonly full: boolean }
  | { readonly type: 'platform'; readonly online: boolean }
  | { readonly type: 'send'; readonly how: 'lost' | 'unreachable' | 'limited' | 'slow' }
  | { readonly type: 'crash' }
  | { readonly type: 'restart' }
  | { readonly type: 'pass'; readonly ms: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('say' as const),
      chat: fc.nat({ max: 2 }),
      text: fc.constantFrom('', '', '[sleep 40]', '[sleep 900]', '[fail]', '[crash]', '[tool bash]'),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant('pass' as const), ms: fc.constantFrom(0, 1, 20, 300, 5000) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('disk' as const), full: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('platform' as const), online: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('send' as const),
      how: fc.constantFrom('lost' as const, 'unreachable' as const, 'limited' as const, 'slow' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const) }) },
);
/** What a person may do besides: with it a message may be dropped, joined into a later one, or lapse. */
const command: fc.Arbitrary<Action> = fc.record({
  type: fc.constant('command' as const),
  chat: fc.nat({ max: 2 }),
  text: fc.constantFrom('/stop', '/stop', '/new', '/retry', '/status'),
});

interface Told {
  readonly id: string;
  readonly chatId: string;
  /** What the gateway promised: it took the message, or said that it did not. */
  readonly taken: boolean;
}

let rig: Rig;

function fillDisk(): void {
  rig.disk.before = ({ kind }) => {
    if (kind === 'write' || kind === 'open') throw systemError('ENOSPC');
  };
}

function emptyDisk(): void {
  rig.disk.before = () => {};
}

async function act(each: Action, told: Told[]): Promise<void> {
  switch (each.type) {
    case 'say': {
      const id = `token${told.length}`;
      const chatId = `chat${each.chat}`;
      const taken = await rig
        .say(`${each.text} ${id} end`, { messageId: id, chat: rig.chat({ chatId }) })
        .then(() => true)
        .catch(() => false);
      told.push({ id, chatId, taken });
      return;
    }
    case 'command':
      // Refused when the disk is full; what it did is seen in what follows.
      await rig.say(each.text, { chat: rig.chat({ chatId: `chat${each.chat}` }) }).catch(() => {});
      return;
    case 'disk':
      if (each.full) fillDisk();
      else emptyDisk();
      return;
    case 'platform':
      rig.adapter.health(each.online ? 'connected' : 'reconnecting');
      return;
    case 'send':
      if (each.how === 'lost')
        rig.world.fault({
          on: 'send',
          happens: true,
          error: new DeliveryError('unknown', 'connection lost'),
        });
      else if (each.how === 'slow') rig.world.fault({ on: 'send', happens: true, ms: 700 });
      else
        rig.world.fault({
          on: 'send',
          error:
            each.how === 'limited'
              ? new DeliveryError('rate-limited', 'slow down', { retryAfterMs: 3000 })
              : new DeliveryError('unreachable', 'no route'),
        });
      return;
    case 'crash':
      rig = await rig.crash();
      return;
    case 'restart':
      emptyDisk();
      rig = await rig.restart(500);
      return;
    case 'pass':
      await rig.pass(each.ms);
  }
}

/**
 * What people read: one outcome for everything that was taken, none for the rest, a repeat only behind its mark.
 * With commands something may have been dropped or asked for again: then at most one, whatever was asked.
 */
function expectSound(told: readonly Told[], commands: boolean): void {
  for (const { id, chatId, taken } of told) {
    const chat = rig.world.shown({ chatId });
    const about = (message: ShownMessage): boolean =>
      message.request.replyToMessageId === id && !message.text.startsWith('The disk of the gateway is full');
    const outcomes = chat.filter(about);
    if (!taken) {
      expect(outcomes, `${id} was not taken`).toEqual([]);
      continue;
    }
    if (!commands) expect(outcomes.length, `${id} was taken`).toBeGreaterThan(0);
    for (const outcome of outcomes.slice(1)) {
      expect(chat[chat.indexOf(outcome) - 1]?.text, `${id} came again`).toBe(MARK);
      expect(outcome.text, `${id} has one outcome`).toBe(outcomes[0]?.text);
    }
    for (const elsewhere of rig.world.shown())
      if (elsewhere.chat.chatId !== chatId)
        expect(elsewhere.text.includes(`${id} end`), `${id} stands in another chat`).toBe(false);
  }
  expect(rig.stores.sessions.all("SELECT state FROM inbox WHERE state NOT IN ('done', 'offered')")).toEqual(
    [],
  );
  expect(rig.gateway.outbox.pending).toBe(0);
}

afterEach(() => {
  vi.useRealTimers();
});

async function play(
  actions: fc.Arbitrary<Action[]>,
  busyMode: 'queue' | 'steer',
  commands: boolean,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(actions, async (each) => {
      rig = await Rig.start({
        capabilities: { edit: false, typing: false, textLimit: 4000 },
        config: {
          security: { allowAll: true },
          agent: { maxConcurrent: 2 },
          platforms: { telegram: { busyMode } },
        },
      });
      const told: Told[] = [];
      try {
        for (const one of each) await act(one, told);
        emptyDisk();
        rig.adapter.health('connected');
        await rig.pass(300_000);
        expectSound(told, commands);
      } finally {
        await rig.stop(0);
        rig.remove();
      }
    }),
    { numRuns: tries(RUNS) },
  );
}

describe('the whole gateway, over a disk that fills, a platform that loses things, and a process that is killed', () => {
  it('tells every chat exactly one outcome of everything it took, and nothing twice without a mark', {
    timeout: 300_000,
  }, async () => {
    await play(fc.array(action, { minLength: 1, maxLength: 25 }), 'queue', false);
  });

  it('tells nothing twice and leaves nothing open when people steer, stop, reset and retry meanwhile', {
    timeout: 300_000,
  }, async () => {
    const any = fc.oneof({ weight: 4, arbitrary: action }, { weight: 1, arbitrary: command });
    await play(fc.array(any, { minLength: 1, maxLength: 25 }), 'steer', true);
  });
});
