import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Config } from '../../../src/gateway/config/schema.ts';
import { Rig } from '../rig.ts';

/** The scripted agent counts four characters as one token: an answer to "hi" takes 4. */
const CONFIG: Config = {
  security: { allowAll: true },
  limits: {
    spend: [
      { scope: 'person', per: 'day', max: { tokens: 100 }, timezone: 'UTC' },
      // biome-ignore lint/suspicious/noThenProperty: the key of the configuration
      { scope: 'all', per: 'month', max: { tokens: 150, usd: 1 }, then: 'ask', timezone: 'UTC' },
    ],
  },
};
const LONG = `[long 360] ${'x'.repeat(9)}`;

describe('spending limits in chats', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await Rig.start({ config: CONFIG, capabilities: { textLimit: 4000 } });
  });
  afterEach(async () => {
    await rig.stop();
    rig.remove();
    vi.useRealTimers();
  });

  it('end a turn with one sentence, which the operator sees; others go on', async () => {
    await rig.say(LONG);
    await rig.say(LONG);
    await rig.say('hi', { from: 'bob' });
    const said = rig.texts();
    expect(said).toHaveLength(3);
    expect(said[1]).toBe(
      'Not enough is left of your limit of 100 tokens per day (95 tokens used); it resets on Thu 2026-05-07 00:00 (UTC).',
    );
    expect(said[2]).toBe('You said: hi');
    expect(rig.seen.filter((event) => event.type === 'limit' && event.what === 'reached')).toHaveLength(1);
    expect(await rig.operator.query('limits', {})).toMatchObject([
      {
        scope: 'person',
        subject: expect.stringContaining('telegram:'),
        spent: { tokens: 95 },
        state: 'near',
      },
      { scope: 'all', subject: 'all', spent: { tokens: 99 } },
      { scope: 'person', subject: 'telegram:bob', state: 'ok' },
    ]);
    await rig.say('/usage');
    expect(rig.texts().at(-1)).toContain('Your limit: ███████████████████░  95 % of 100 tokens per day');
  });

  it('ask the operator and nobody else; an approval raises once, until the window ends', async () => {
    await rig.say(LONG);
    const waiting = rig.say(LONG, { from: 'bob' });
    await waiting;
    expect(rig.operator.snapshot().dialogs).toHaveLength(1);
    const [dialog] = rig.operator.snapshot().dialogs ?? [];
    expect(dialog?.call?.arguments).toContain('all, $1.00 and 150 tokens per month');
    expect(dialog?.requesterId).toBeUndefined();
    expect(rig.texts()).toHaveLength(1);
    await rig.operator.run({ type: 'dialog.answer', id: dialog?.id ?? '', decision: 'once' });
    await rig.settle();
    expect(rig.texts()).toHaveLength(2);
    expect(await rig.operator.query('limits', {})).toContainEqual(
      expect.objectContaining({ scope: 'all', max: { usd: 2, tokens: 300 } }),
    );
  });

  it('count side questions and background tasks of a person with their own', async () => {
    await rig.say(LONG);
    await rig.say('/btw and this?');
    await rig.say(`/bg ${LONG}`);
    const [, aside, , task] = rig.texts();
    expect(aside).toContain('Not enough is left of your limit');
    expect(task ?? rig.texts().at(-1)).toContain('Not enough is left of your limit');
  });

  it('hold for a person who is named by another id than the one under which they write', async () => {
    await rig.stop();
    rig.remove();
    const spend = CONFIG.limits?.spend?.slice(0, 1).map((limit) => ({ ...limit, match: 'telegram:7009' }));
    rig = await Rig.start({
      config: { platforms: { telegram: { allowFrom: ['7009'] } }, limits: { spend: spend ?? [] } },
    });
    const write = (text: string) => rig.say(text, { sender: { id: '7001', name: 'Ada', aliases: ['7009'] } });
    await write(LONG);
    await write(`/bg ${LONG}`);
    expect(rig.texts().at(-1)).toContain('Not enough is left of your limit');
    await rig.operator.run({
      type: 'limit.raise',
      scope: 'person',
      per: 'day',
      subject: 'telegram:7001',
    });
    expect(await rig.operator.query('limits', {})).toMatchObject([
      { subject: 'telegram:7009', max: { tokens: 200 } },
    ]);
  });

  it('can be raised by the operator, and are still what they were after a kill', async () => {
    await rig.say(LONG);
    const { subject = '' } =
      (await rig.operator.query('limits', {})).find(({ scope }) => scope === 'person') ?? {};
    const raised = await rig.operator.run({
      type: 'limit.raise',
      scope: 'person',
      per: 'day',
      subject,
      tokens: 50,
    });
    expect(raised.message).toContain('150 tokens per day (95 tokens used)');
    rig = await rig.crash();
    expect(await rig.operator.query('limits', {})).toContainEqual(
      expect.objectContaining({
        scope: 'person',
        subject,
        max: { tokens: 150 },
        spent: expect.objectContaining({ tokens: 95 }),
      }),
    );
    const found = await rig.operator.run({ type: 'doctor' });
    expect(found.message).toContain(
      'limit: person: 100 tokens per day. This is less than most first calls need',
    );
  });
});
