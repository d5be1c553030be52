import { describe, expect, it } from 'vitest';
import {
  bareJid,
  isBroadcast,
  isSamePerson,
  jidOfChat,
  personAliases,
  personId,
  personOf,
} from '../../../src/adapters/whatsapp/addresses.ts';

describe('an address', () => {
  it.each([
    ['15551110001@s.whatsapp.net', '15551110001@s.whatsapp.net'],
    ['15551110001:7@s.whatsapp.net', '15551110001@s.whatsapp.net'],
    ['15551110001_1:7@s.whatsapp.net', '15551110001@s.whatsapp.net'],
    ['15551110001@c.us', '15551110001@s.whatsapp.net'],
    ['811110001:99@hosted.lid', '811110001@lid'],
    ['15551110001:99@hosted', '15551110001@s.whatsapp.net'],
    ['811110001@lid', '811110001@lid'],
    ['4915551110001-1600000000@g.us', '4915551110001-1600000000@g.us'],
    ['', undefined],
    ['@lid', undefined],
    ['15551110001', undefined],
    [null, undefined],
    [undefined, undefined],
  ])('%s without device is %s', (jid, bare) => {
    expect(bareJid(jid)).toBe(bare);
  });

  it('of a person is the LID, whichever came first', () => {
    const lid = '811110001@lid';
    const phone = '15551110001@s.whatsapp.net';
    for (const jids of [
      [lid, phone],
      [phone, lid],
      ['811110001:3@lid', '15551110001:3@s.whatsapp.net'],
    ])
      expect(personOf(jids)).toEqual({ lid, phone });
    expect(personId(personOf([phone]))).toBe(phone);
    expect(personId(personOf([phone], () => lid))).toBe(lid);
    expect(personId(personOf([lid, '']))).toBe(lid);
    expect(personId(personOf(['4915551110001-1600000000@g.us']))).toBeUndefined();
  });

  it('has the number as alias, as address and as people write it', () => {
    expect(personAliases(personOf(['811110001@lid', '15551110001@s.whatsapp.net']))).toEqual([
      '15551110001@s.whatsapp.net',
      '+15551110001',
    ]);
    expect(personAliases(personOf(['15551110001@s.whatsapp.net']))).toEqual(['+15551110001']);
    expect(personAliases(personOf(['811110001@lid']))).toEqual([]);
  });

  it('belongs to a person under both kinds and on every device', () => {
    const me = personOf(['900001111:1@lid', '15550001111:1@s.whatsapp.net']);
    for (const jid of ['900001111@lid', '900001111:4@lid', '15550001111@s.whatsapp.net', '15550001111@c.us'])
      expect(isSamePerson(me, jid)).toBe(true);
    for (const jid of ['90000111@lid', '15550001111@lid', '', undefined, null])
      expect(isSamePerson(me, jid)).toBe(false);
    expect(isSamePerson({}, undefined)).toBe(false);
  });

  it.each([
    ['811110001@lid', '811110001@lid'],
    ['15551110001', '15551110001@s.whatsapp.net'],
    ['+1 (555) 111-0001', '15551110001@s.whatsapp.net'],
    ['120363000@g.us', '120363000@g.us'],
    ['general', undefined],
    ['', undefined],
    ['12', undefined],
    ['+1 555 111-0001 ext. 5', undefined],
  ])('"%s" as a chat leads to %s', (chat, jid) => {
    expect(jidOfChat(chat)).toBe(jid);
  });

  it('of a status, list or channel is no conversation', () => {
    expect(['status@broadcast', '123@broadcast', '123@newsletter'].every(isBroadcast)).toBe(true);
    expect(['123@g.us', '123@lid'].some(isBroadcast)).toBe(false);
  });
});
