import { describe, expect, it, vi } from 'vitest';
import { Intake } from '../../../src/adapters/kit/run-adapter.ts';
import { silentLogger } from '../../../src/base/log.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';

function message(text: string, chatId = 'c'): InboundMessage {
  return {
    dedupeKey: text,
    chat: { platform: 'slack', accountId: 'a', chatId },
    chatKind: 'dm',
    sender: { id: 'u', name: 'U' },
    text,
    messageId: text,
    mentioned: true,
  };
}

interface Setup {
  readonly intake: Intake;
  readonly taken: string[];
  take(text: string, chatId?: string): Promise<boolean>;
}

function setup(refuse: (text: string) => boolean, patienceMs = 60_000, maxWaiting = 100): Setup {
  const taken: string[] = [];
  const intake = new Intake({
    accept: async ({ text }) => {
      if (refuse(text)) throw new Error('disk full');
      taken.push(text);
    },
    log: silentLogger,
    minDelayMs: 1,
    maxDelayMs: 4,
    patienceMs,
    maxWaiting,
  });
  return {
    intake,
    taken,
    take: (text, chatId) => {
      const made = message(text, chatId);
      return intake.take(made.chat, async () => made);
    },
  };
}

describe('the intake', () => {
  it('offers a refused message again and keeps the order of its chat', async () => {
    let refusals = 0;
    const { take, taken } = setup((text) => text === 'one' && ++refusals <= 3);
    expect(await Promise.all([take('one'), take('two'), take('three')])).toEqual([true, true, true]);
    expect(taken).toEqual(['one', 'two', 'three']);
  });

  it('does not let a stuck chat hold up another', async () => {
    const { intake, take, taken } = setup((text) => text === 'stuck');
    const stuck = take('stuck', 'a');
    expect(await take('free', 'b')).toBe(true);
    expect(taken).toEqual(['free']);
    intake.stop();
    expect(await stuck).toBe(false);
  });

  it('gives a message up when its time is over, and takes the next', async () => {
    const { take, taken } = setup((text) => text === 'never', 20);
    const never = take('never');
    const next = take('next');
    expect(await never).toBe(false);
    expect(await next).toBe(true);
    expect(taken).toEqual(['next']);
  });

  it('refuses what goes beyond the number that may wait', async () => {
    const { intake, take } = setup(() => true, 60_000, 2);
    const waiting = [take('1'), take('2')];
    expect(await take('3')).toBe(false);
    intake.stop();
    expect(await Promise.all(waiting)).toEqual([false, false]);
  });

  it('reads a message when its turn has come, and takes nothing for none', async () => {
    const { intake, take, taken } = setup(() => false);
    const read = vi.fn(async () => undefined);
    const first = take('first');
    expect(await intake.take(message('x').chat, read)).toBe(true);
    expect(read).toHaveBeenCalledOnce();
    await first;
    expect(taken).toEqual(['first']);
  });
});
