import { afterEach, describe, expect, it } from 'vitest';
import { Rig } from '../rig.ts';

const JID = '447700900001@s.whatsapp.net';
const NUMBER = '+447700900001';
const SPELLINGS = [JID, NUMBER, '447700900001:12@s.whatsapp.net', '447700900001@c.us'];
let rig: Rig;
afterEach(async () => {
  await rig.stop();
  rig.remove();
});

const run = (type: 'allow' | 'revoke' | 'block' | 'unblock', userId: string) =>
  rig.operator.run({ type, platform: 'whatsapp', userId });
const stored = () =>
  ['allowlist', 'aliases', 'blocked'].flatMap((table) => rig.stores.security.all(`SELECT * FROM ${table}`));
const admitted = () =>
  SPELLINGS.filter((id) => rig.gateway.access.people.isAllowed('whatsapp', { id, name: '' }));
const blocked = () =>
  SPELLINGS.filter((id) => rig.gateway.access.people.isBlocked('whatsapp', { id, name: '' }));

describe('a phone number of WhatsApp is one person, however it is written', () => {
  it('to allow, revoke, block, unblock and limits, and in what older versions stored', async () => {
    const limit = { scope: 'person', match: `whatsapp:${NUMBER}`, per: 'day', max: { usd: 1 } } as const;
    rig = await Rig.start({ platform: 'whatsapp', config: { limits: { spend: [limit] } } });
    for (const [first, second] of [
      [JID, NUMBER],
      [NUMBER, JID],
    ] as const) {
      await run('allow', first);
      await run('allow', second);
      expect(rig.gateway.access.people.list().map(({ userId }) => userId)).toEqual([first]);
      expect(admitted()).toEqual(SPELLINGS);
      await run('revoke', second);
      expect([admitted(), stored()]).toEqual([[], []]);
      await run('block', first);
      expect(blocked()).toEqual(SPELLINGS);
      await run('unblock', second);
      expect([blocked(), stored()]).toEqual([[], []]);
    }
    await rig.stores.security.write((tx) => {
      for (const id of SPELLINGS) {
        tx.run("INSERT INTO allowlist VALUES ('whatsapp', ?, 'Ada', NULL, 'manual', 1)", [id]);
        tx.run("INSERT INTO blocked VALUES ('whatsapp', ?, 1, ?)", [id, id]);
      }
    });
    rig = await rig.restart();
    await run('unblock', NUMBER);
    expect([blocked(), admitted()]).toEqual([[], SPELLINGS]);
    await run('revoke', NUMBER);
    expect([admitted(), stored()]).toEqual([[], []]);

    const subject = `whatsapp:${JID}`;
    const raised = await rig.operator.run({
      type: 'limit.raise',
      scope: 'person',
      per: 'day',
      subject,
      usd: 5,
    });
    expect(raised.message).toContain('$6.00 per day');
  });
});

describe('a member of Slack on the allowlist twice', () => {
  it('is named when one of the two is revoked', async () => {
    rig = await Rig.start({ platform: 'slack', config: { security: { allowAll: false } } });
    const slack = (type: 'allow' | 'revoke', userId: string) =>
      rig.operator.run({ type, platform: 'slack', userId });
    await slack('allow', 'U0AAAAAA1');
    await slack('allow', 'T0AAAAAA1:U0AAAAAA1');
    await slack('allow', 'U0AAAAAA2');
    expect((await slack('revoke', 'U0AAAAAA1')).message).toBe(
      'slack U0AAAAAA1 no longer has access. Still on the allowlist, with the same member id: T0AAAAAA1:U0AAAAAA1. Revoke each: revoke slack T0AAAAAA1:U0AAAAAA1',
    );
    expect((await slack('revoke', 'T0AAAAAA1:U0AAAAAA1')).message).toBe(
      'slack T0AAAAAA1:U0AAAAAA1 no longer has access',
    );
  });
});
