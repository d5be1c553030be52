import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { Intake } from '../../../src/adapters/whatsapp/receive.ts';
import { silentLogger } from '../../../src/base/log.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import { tries } from '../../support/tries.ts';

function message(chatId: string, text: string): InboundMessage {
  return {
    dedupeKey: `${chatId} ${text}`,
    chat: { platform: 'whatsapp', accountId: 'default', chatId },
    chatKind: 'dm',
    sender: { id: chatId, name: chatId },
    text,
    messageId: text,
    mentioned: true,
  };
}

function harness(refuse: (message: InboundMessage) => boolean) {
  const accepted: string[] = [];
  const removed: string[] = [];
  const intake = new Intake({
    accept: async (m) => {
      await Promise.resolve();
      if (refuse(m)) throw new Error('the disk is full');
      accepted.push(m.text);
    },
    remove: async (id) => void removed.push(id),
    log: silentLogger,
    retryMs: 1,
  });
  return { intake, accepted, removed };
}

describe('the intake', () => {
  it('hands a message over and takes it off the disk', async () => {
    const { intake, accepted, removed } = harness(() => false);
    await intake.offer('1', message('a', 'hello'));
    expect({ accepted, removed, waiting: intake.waiting }).toEqual({
      accepted: ['hello'],
      removed: ['1'],
      waiting: 0,
    });
  });

  it('keeps what is refused, and the order of its chat, without holding back others', async () => {
    let full = true;
    const { intake, accepted, removed } = harness((m) => full && m.text === 'a1');
    await intake.offer('1', message('a', 'a1'));
    await intake.offer('2', message('a', 'a2'));
    await intake.offer('3', message('b', 'b1'));
    expect(accepted).toEqual(['b1']);
    expect(intake.waiting).toBe(2);
    full = false;
    await expect.poll(() => accepted).toEqual(['b1', 'a1', 'a2']);
    await expect.poll(() => removed).toEqual(['3', '1', '2']);
    expect(intake.waiting).toBe(0);
  });

  it('begins with what an earlier run left behind', async () => {
    const { intake, accepted } = harness(() => false);
    intake.resume([
      ['1', message('a', 'left 1')],
      ['2', message('a', 'left 2')],
    ]);
    await intake.offer('3', message('a', 'new'));
    await expect.poll(() => accepted).toEqual(['left 1', 'left 2', 'new']);
  });

  it('offers nothing more once it is stopped', async () => {
    const { intake, accepted } = harness(() => false);
    intake.stop();
    await intake.offer('1', message('a', 'late'));
    expect(accepted).toEqual([]);
    expect(intake.waiting).toBe(1);
  });

  it('delivers each message once and in the order of its chat, whatever is refused how often', {
    timeout: 180_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(3)), { maxLength: 15 }),
        async (sends) => {
          const refusals = new Map(sends.map(([chat, times], n) => [`${chat}${n}`, times]));
          const { intake, accepted } = harness((m) => {
            const left = refusals.get(m.text) ?? 0;
            refusals.set(m.text, left - 1);
            return left > 0;
          });
          for (const [n, [chat]] of sends.entries()) await intake.offer(`${n}`, message(chat, `${chat}${n}`));
          await vi.waitFor(() => expect(accepted).toHaveLength(sends.length), {
            timeout: 10_000,
            interval: 1,
          });
          for (const chat of ['a', 'b', 'c'])
            expect(accepted.filter((text) => text.startsWith(chat))).toEqual(
              sends.flatMap(([to], n) => (to === chat ? [`${chat}${n}`] : [])),
            );
        },
      ),
      { numRuns: tries(25) },
    );
  });
});
