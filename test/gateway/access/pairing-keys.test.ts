import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Config } from '../../../src/gateway/config/schema.ts';
import { Rig } from '../rig.ts';

const MINUTE = 60_000;
let rig: Rig;

async function start(pairing: Config['pairing'], more: Config = {}): Promise<void> {
  rig = await Rig.start({
    config: { ...more, ...(pairing === undefined ? {} : { pairing }) },
    capabilities: { edit: false, typing: false },
  });
}
afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const write = (who: string, text = 'hello'): Promise<void> =>
  rig.say(text, { chat: rig.chat({ chatId: `dm-${who}` }), sender: { id: who, name: who } });
const told = (who: string): string[] => rig.texts({ chatId: `dm-${who}` });
const requests = () => rig.gateway.access.requests.list();
const coded = (): string[] =>
  requests().flatMap(({ code, senderId }) => (code === undefined ? [] : [senderId]));
const refusals = (): string[] => rig.gateway.refusals.map(({ senderId, code }) => `${senderId} ${code}`);
const redeem = (code: string) => rig.operator.run({ type: 'pairing.approve', code });

describe('each key of pairing takes effect', () => {
  it('codeLength, for pairing codes and invite codes, as they are shown and as they are typed', async () => {
    await start({ codeLength: 10 });
    await write('81001');
    const [request] = requests();
    expect(request?.code).toMatch(/^[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{2}$/);
    expect(told('81001')[0]).toContain(request?.code);
    await redeem((request?.code ?? '').toLowerCase().replaceAll('-', ' '));
    const { data } = await rig.operator.run({ type: 'pairing.invite' });
    const code = String((data as { code?: unknown }).code);
    expect(code).toHaveLength(12);
    await write('81002', code);
    await rig.pass(100);
    expect(rig.gateway.access.people.list().map(({ userId }) => userId)).toEqual(['81001', '81002']);
  });

  it('codeMinutes, reminderMinutes and cooldownMinutes', async () => {
    await start({ codeMinutes: 8, reminderMinutes: 3, cooldownMinutes: 2 });
    await write('81001');
    expect(told('81001')[0]).toContain('It expires in 8 minutes');
    await rig.pass(2 * MINUTE);
    await write('81001');
    expect(told('81001')).toHaveLength(1);
    await rig.pass(2 * MINUTE);
    await write('81001');
    expect(told('81001')).toHaveLength(2);
    await rig.pass(5 * MINUTE);
    expect(requests()).toEqual([]);
    await write('81001');
    expect(refusals().at(-1)).toBe('81001 pairing_cooldown');
    await rig.pass(2 * MINUTE);
    await write('81001');
    expect(requests()).toHaveLength(1);
  });

  it('maxPerPlatform, and firstMessageChars', async () => {
    await start({ maxPerPlatform: 1, firstMessageChars: 3 });
    await write('81001', 'hello there');
    await write('81002');
    expect(coded()).toEqual(['81001']);
    expect(requests().map(({ firstWords }) => firstWords)).toEqual(['hel', 'hel']);
  });

  it('maxTotal', async () => {
    await start({ maxPerPlatform: 2, maxTotal: 2 });
    for (const who of ['81001', '81002', '81003']) await write(who);
    expect(coded()).toEqual(['81001', '81002']);
  });

  it('codesPerHour, queueMax and queueHours', async () => {
    await start({ codesPerHour: 1, queueMax: 2, queueHours: 2, codeMinutes: 11 });
    for (const who of ['81001', '81002', '81003', '81004']) await write(who);
    await rig.pass(100);
    expect(coded()).toEqual(['81001']);
    expect(requests().map(({ senderId }) => senderId)).toEqual(['81001', '81003', '81004']);
    await rig.pass(119 * MINUTE);
    expect(requests().map(({ senderId }) => senderId)).toEqual(['81003', '81004']);
    await rig.pass(2 * MINUTE);
    expect(requests()).toEqual([]);
  });

  it('queuePerMinute and queueKeptChars', async () => {
    await start({ codesPerHour: 1, queuePerMinute: 1, queueKeptChars: 5 });
    await write('81001');
    await write('81002', 'longer than that');
    await write('81003');
    expect(requests().map(({ senderId }) => senderId)).toEqual(['81001', '81002']);
    expect(refusals()).toEqual(['81003 turned_away']);
    await rig.operator.run({ type: 'pairing.approve', requestId: requests()[1]?.id ?? '' });
    await rig.pass(100);
    expect(told('81002')).toEqual(["You're approved. Welcome!"]); // the message itself was not kept
  });

  it('wrongCodes and lockMinutes', async () => {
    await start({ wrongCodes: 2, lockMinutes: 5 });
    await write('81001');
    const code = requests()[0]?.code ?? '';
    const wrong = code === 'ABCD-EFG2' ? 'ABCD-EFG3' : 'ABCD-EFG2';
    await expect(redeem(wrong)).rejects.toMatchObject({
      hint: expect.stringContaining('after 2 invalid codes entry is locked for 5 minutes'),
    });
    await expect(redeem(wrong)).rejects.toMatchObject({ code: 'code_unknown' });
    await expect(redeem(code)).rejects.toMatchObject({ code: 'code_locked' });
    await rig.pass(5 * MINUTE);
    await redeem(code);
    await rig.pass(100);
    expect(rig.gateway.access.people.list()).toHaveLength(1);
  });

  it('security.botLoop', async () => {
    const open: Config = {
      security: { allowAll: true, botLoop: { messages: 2, minutes: 1, muteMinutes: 2 } },
    };
    await start(undefined, {
      ...open,
      platforms: { telegram: { groupPolicy: 'open', requireMention: false } },
    });
    const bot = (text: string): Promise<void> =>
      rig.say(text, {
        chat: rig.chat({ chatId: '-100' }),
        chatKind: 'group',
        sender: { id: '9', name: 'bot', isBot: true },
      });
    await rig.operator.run({ type: 'allow', platform: 'telegram', userId: '9' });
    const texts = (): string[] => rig.texts({ chatId: '-100' });
    await bot('one');
    await rig.pass(100);
    await bot('two');
    await rig.pass(MINUTE);
    expect(texts()).toEqual(['You said: one']);
    await rig.pass(MINUTE);
    await bot('three');
    await rig.pass(100);
    expect(texts()).toEqual(['You said: one', 'You said: three']);
  });
});
