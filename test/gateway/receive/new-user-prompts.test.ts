import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ChatRef } from '../../../src/gateway/model.ts';
import { tries } from '../../support/tries.ts';
import { Rig } from '../rig.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** What a program that is not approved yet hears of its prompts: never silence, and one outcome for each. */
describe('a prompt of a new user', () => {
  let rig: Rig;

  beforeEach(async () => {
    rig = await Rig.start({ config: {}, capabilities: { edit: false, typing: false } });
  });
  afterEach(async () => {
    await rig.stop();
    rig.remove();
    vi.useRealTimers();
  });

  const chatOf = (who: string): ChatRef => rig.chat({ chatId: `dm-${who}` });
  const prompt = (who: string, promptId: string, text = 'hello'): Promise<void> =>
    rig.say(text, {
      chat: chatOf(who),
      sender: { id: who, name: who },
      dedupeKey: `${who}:${promptId}`,
      messageId: promptId,
      promptId,
    });
  /** Kind, prompt and code of every frame that the program got. */
  const heard = (who: string): (readonly unknown[])[] =>
    rig.world.shown({ chatId: `dm-${who}` }).map(({ request: { meta } }) => {
      if (meta.pairing === undefined) return [meta.kind, meta.promptId];
      return [meta.kind, meta.promptId, typeof meta.pairing.code];
    });
  const requestOf = (who: string): string =>
    rig.gateway.access.requests.list().find(({ senderId }) => senderId === who)?.id ?? '';
  const approve = async (who: string): Promise<void> => {
    await rig.operator.run({ type: 'pairing.approve', requestId: requestOf(who) });
    await rig.pass(100);
  };
  const fillCodes = async (): Promise<void> => {
    for (const who of ['a', 'b', 'c']) await prompt(who, 'p');
  };

  it('hears that it waits when there is no code left for it, and is answered once it is approved', async () => {
    await fillCodes();
    await prompt('late', 'p1');
    expect(heard('late')).toEqual([['pairing', 'p1', 'object']]); // null
    await approve('late');
    expect(heard('late').slice(1)).toEqual([
      ['paired', undefined],
      ['reply', 'p1'],
    ]);
  });

  it('sent again by a program that was cut off still waits, under the same code', async () => {
    await prompt('ada', 'p1');
    await prompt('ada', 'p1');
    expect(heard('ada')).toEqual([
      ['pairing', 'p1', 'string'],
      ['pairing', 'p1', 'string'],
    ]);
    const [first, second] = rig.world.shown({ chatId: 'dm-ada' });
    expect(second?.request.meta.pairing?.code).toBe(first?.request.meta.pairing?.code);
    await approve('ada');
    expect(heard('ada').filter(([, id]) => id === 'p1')).toHaveLength(3);
    expect(heard('ada').at(-1)).toEqual(['reply', 'p1']);
  });

  it('is refused beside the one that is kept, and the code that it brings is for the kept one', async () => {
    await fillCodes();
    await prompt('late', 'p1');
    await prompt('late', 'p2');
    expect(heard('late').at(-1)).toEqual(['outcome', 'p2']);
    await approve('a');
    await prompt('late', 'p3');
    expect(heard('late').slice(2)).toEqual([
      ['pairing', 'p1', 'string'],
      ['outcome', 'p3'],
    ]);
    await approve('late');
    expect(heard('late').slice(4)).toEqual([
      ['paired', undefined],
      ['reply', 'p1'],
    ]);
  });

  it('that is too long to be kept without a code is refused, and its id can be used again', async () => {
    await fillCodes();
    const long = 'x'.repeat(20_000);
    await prompt('late', 'p1', long);
    expect(heard('late')).toEqual([['outcome', 'p1']]);
    await approve('late');
    await prompt('late', 'p1', long);
    await rig.pass(MINUTE);
    expect(heard('late').at(-1)).toEqual(['reply', 'p1']);
  });

  it('ends with its request, whatever ends it', async () => {
    await prompt('expired', 'p1');
    await prompt('blocked', 'p1');
    await prompt('denied', 'p1');
    await rig.operator.run({ type: 'pairing.block', requestId: requestOf('blocked') });
    await rig.operator.run({ type: 'pairing.deny', requestId: requestOf('denied') });
    await rig.pass(HOUR + MINUTE);
    for (const who of ['expired', 'blocked'])
      expect(heard(who)).toEqual([
        ['pairing', 'p1', 'string'],
        ['outcome', 'p1'],
      ]);
    expect(heard('denied').at(-1)).toEqual(['denied', 'p1']);
    await prompt('expired', 'p1');
    expect(heard('expired').at(-1)).toEqual(['outcome', 'p1']);
    expect(heard('expired')).toHaveLength(3);
  });

  it('that waited for more than an hour ends when its sender is approved at last', async () => {
    await fillCodes();
    await prompt('late', 'p1');
    await rig.pass(2 * HOUR);
    await approve('late');
    expect(heard('late').slice(1)).toEqual([
      ['paired', undefined],
      ['outcome', 'p1'],
    ]);
  });

  it('whose request ended in the very moment of a crash hears of it after the restart', async () => {
    await prompt('ada', 'p1');
    const { access } = rig.gateway;
    const request = access.requests.get(requestOf('ada'));
    if (request === undefined) throw new Error('no request');
    await rig.stores.security.write((tx) => access.requests.close(tx, request, 'denied'));
    rig = await rig.crash();
    await rig.pass(1000);
    expect(heard('ada').at(-1)).toEqual(['denied', 'p1']);
  });

  it('that was denied has its outcome: taking the denial back and approving gives no second one', async () => {
    await prompt('ada', 'p1');
    const requestId = requestOf('ada');
    await rig.operator.run({ type: 'pairing.deny', requestId });
    await rig.pass(100);
    await rig.operator.run({ type: 'pairing.undo', requestId });
    await approve('ada');
    expect(heard('ada').slice(1)).toEqual([
      ['denied', 'p1'],
      ['paired', undefined],
    ]);
    await prompt('ada', 'p2');
    await rig.pass(100);
    expect(heard('ada').at(-1)).toEqual(['reply', 'p2']);
  });

  it('has exactly one outcome, whatever is decided about its sender and taken back, however fast', async () => {
    const ends = new Set(['reply', 'command', 'outcome', 'denied']);
    const acts = ['pairing.approve', 'pairing.deny', 'pairing.block', 'pairing.undo'] as const;
    const step = fc.record({ act: fc.constantFrom(...acts), pause: fc.constantFrom(0, 0, 1, 50) });
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 7 }), async (steps) => {
        runs += 1;
        const who = `who${runs}`;
        await prompt(who, 'p1');
        const requestId = requestOf(who);
        const done: Promise<unknown>[] = [];
        for (const { act, pause } of steps) {
          done.push(rig.operator.run({ type: act, requestId }).catch(() => {})); // not possible any more
          if (pause > 0) await rig.pass(pause);
        }
        await rig.pass(100);
        await Promise.all(done);
        // Whoever still waits is decided at last.
        await rig.operator.run({ type: 'pairing.deny', requestId }).catch(() => {});
        await rig.pass(500);
        const outcomes = heard(who).filter(([kind, id]) => id === 'p1' && ends.has(String(kind)));
        expect(outcomes, JSON.stringify(steps)).toHaveLength(1);
        // The next one of the limits on codes finds room again.
        await rig.pass(2 * HOUR);
      }),
      { numRuns: tries(60) },
    );
  }, 120_000);
});
