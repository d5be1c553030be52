import { describe, expect, it } from 'vitest';
import { canonicalId, type IdKind, idFault, namedBy, userIdFault } from '../../src/gateway/chat.ts';
import type { Platform } from '../../src/gateway/model.ts';

const fault = (platform: Platform, kind: IdKind, id: string) => idFault(platform, kind, id);

describe('an id that can match', () => {
  it.each<[Platform, IdKind, string]>([
    ['telegram', 'user', '81234567'],
    ['telegram', 'user', '-1001234567890'], // a channel writes under its own id
    ['telegram', 'group', '-1001234567890'],
    ['telegram', 'group', '-4001'],
    ['telegram', 'chat', '81234567'],
    ['discord', 'user', '370000000000000001'],
    ['discord', 'group', '370000000000000'],
    ['slack', 'user', 'U0ADA'],
    ['slack', 'user', 'W012A3CDE'],
    ['slack', 'user', 'B012A3CDE'], // another app
    ['slack', 'user', 'T01:U0GRACE'],
    ['slack', 'user', 'E01:W0GRACE'],
    ['slack', 'group', 'C0GEN'],
    ['slack', 'group', 'G0PRIVATE'],
    ['slack', 'chat', 'D0ADA'],
    ['whatsapp', 'user', '+15550001111'],
    ['whatsapp', 'user', '15550001111@s.whatsapp.net'],
    ['whatsapp', 'user', '447700900123@lid'],
    ['whatsapp', 'group', '120363000000000000@g.us'],
    ['whatsapp', 'group', '15550001111-1600000000@g.us'],
    ['whatsapp', 'chat', '447700900123@lid'],
    ['twitch', 'user', '500123'],
    ['twitch', 'group', 'adas_room'],
    ['websocket', 'user', 'any client'],
    ['websocket', 'group', 'x'],
  ])('%s %s %j', (platform, kind, id) => {
    expect(fault(platform, kind, id)).toBeUndefined();
  });
});

describe('an id that can never match comes with what is expected, and what was meant', () => {
  it.each<[Platform, IdKind, string, string | undefined]>([
    ['telegram', 'user', '@ada', undefined],
    ['telegram', 'user', 'ada', undefined],
    ['telegram', 'user', '007', undefined],
    ['telegram', 'user', '', undefined],
    ['telegram', 'user', ' 81234', '81234'],
    ['telegram', 'user', '"81234"', '81234'],
    ['telegram', 'user', 'telegram:81234', '81234'],
    ['telegram', 'group', '1001234567890', '-1001234567890'],
    ['telegram', 'group', '@mygroup', undefined],
    ['telegram', 'chat', 'ada', undefined],
    ['discord', 'user', 'alice#1234', undefined],
    ['discord', 'user', '12', undefined],
    ['discord', 'group', '12', undefined],
    ['discord', 'user', '<@!370000000000000001>', '370000000000000001'],
    ['discord', 'group', '<#370000000000000001>', '370000000000000001'],
    ['discord', 'group', '#general', undefined],
    ['slack', 'user', '@alice', undefined],
    ['slack', 'user', 'bob', undefined],
    ['slack', 'user', 'U1', undefined],
    ['slack', 'user', 'T0123ABCD:U1', undefined],
    ['slack', 'group', 'C1', undefined],
    ['slack', 'user', 'u0ada1', 'U0ADA1'],
    ['slack', 'user', '<@U0ADA|ada>', 'U0ADA'],
    ['slack', 'user', 'U0ADA ', 'U0ADA'],
    ['slack', 'group', '#general', undefined],
    ['slack', 'group', 'D0ADA', undefined],
    ['whatsapp', 'user', '15550001111', '+15550001111'],
    ['whatsapp', 'user', '+1 (555) 000-1111', '+15550001111'],
    ['whatsapp', 'user', '15550001111@c.us', '15550001111@s.whatsapp.net'],
    ['whatsapp', 'user', '15550001111:7@s.whatsapp.net', '15550001111@s.whatsapp.net'],
    ['whatsapp', 'user', 'Mum', undefined],
    ['whatsapp', 'group', 'Family', undefined],
    ['twitch', 'user', 'alice', undefined],
    ['twitch', 'group', '#AdasRoom', 'adasroom'],
    ['websocket', 'user', '  ', undefined],
  ])('%s %s %j', (platform, kind, id, meant) => {
    const { expected, advice } = fault(platform, kind, id) ?? { expected: '', advice: '' };
    expect(expected).not.toBe('');
    expect(/Did you mean "(.*?)"/.exec(advice)?.[1]).toBe(meant);
    if (meant !== undefined) expect(fault(platform, kind, meant)).toBeUndefined();
    else expect(advice).toMatch(/find|the last part of the address/);
  });

  it('in one sentence for a prompt', () => {
    expect(userIdFault('telegram', '@ada')).toBe(
      'Expected a numeric Telegram user id such as 81234567; names never match. To find it: when someone writes to the bot, the pairing list shows their id.',
    );
  });
});

describe('the one spelling of an id', () => {
  it.each<[Platform, string, string]>([
    ['whatsapp', '+447700900001', '447700900001@s.whatsapp.net'],
    ['whatsapp', '447700900001@s.whatsapp.net', '447700900001@s.whatsapp.net'],
    ['whatsapp', '447700900001:12@s.whatsapp.net', '447700900001@s.whatsapp.net'],
    ['whatsapp', '447700900001_1:12@s.whatsapp.net', '447700900001@s.whatsapp.net'],
    ['whatsapp', '447700900001@c.us', '447700900001@s.whatsapp.net'],
    ['whatsapp', '447700900001@hosted', '447700900001@s.whatsapp.net'],
    ['whatsapp', '447700900001:3@lid', '447700900001@lid'],
    // Not a number of a phone: a bare one may be a LID.
    ['whatsapp', '447700900001', '447700900001'],
    ['whatsapp', '13135550002@bot', '13135550002@bot'],
    ['whatsapp', '120363000000000000@g.us', '120363000000000000@g.us'],
    ['telegram', '+447700900001', '+447700900001'],
    ['slack', 'T01:U0GRACE', 'T01:U0GRACE'],
    ['websocket', '447700900001@c.us', '447700900001@c.us'],
  ])('%s %s is %s', (platform, id, canonical) => {
    expect(canonicalId(platform, id)).toBe(canonical);
    expect(namedBy(platform, [id, 'else'], [canonical])).toEqual([id]);
  });
});
