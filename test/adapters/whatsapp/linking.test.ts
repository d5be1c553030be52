import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEVICE_REMOVED } from '../../platforms/whatsapp/linked-session.ts';
import { attr } from '../../platforms/whatsapp/nodes.ts';
import { WhatsAppRig } from './rig.ts';

async function qrOf(rig: WhatsAppRig): Promise<string> {
  return rig.until(() => {
    const qr = rig.host.current?.qr;
    if (qr === undefined) throw new Error('no QR code is shown');
    return qr;
  });
}

describe('linking a phone', () => {
  it('shows a QR code, restarts the connection when it is scanned, and logs in', async () => {
    const rig = await WhatsAppRig.make({ linked: false });
    await rig.adapter.start(rig.host);
    const qr = await qrOf(rig);
    expect(rig.host.current).toMatchObject({ state: 'starting', authorisation: 'unknown' });
    expect(rig.host.current?.detail).toContain('QR');
    rig.server.scan(qr);
    await rig.state('connected');
    expect(rig.host.current?.qr).toBeUndefined();
    expect(rig.host.current?.account).toEqual({ id: rig.server.bot.lid, name: '+15550001111' });
    // 515 costs no attempt and no wait.
    expect(rig.host.lines.filter((line) => line.startsWith('warn'))).toHaveLength(1);
    expect(rig.host.lines.join('\n')).toContain('"retryInMs":0');
  });

  it('talks with people right after linking', async () => {
    const rig = await WhatsAppRig.make({ linked: false });
    await rig.adapter.start(rig.host);
    rig.server.scan(await qrOf(rig));
    await rig.state('connected');
    await rig.until(() => expect(rig.server.bot.preKeys.length).toBeGreaterThan(800));
    await rig.server.dm(rig.server.ada, { conversation: 'first words' });
    const message = await rig.message('first words');
    await rig.send(message.chat, 'welcome');
    expect(rig.ada()).toEqual(['welcome']);
  });

  it('does not flood the gateway with what was written before the phone was linked', async () => {
    const rig = await WhatsAppRig.make({ linked: false });
    await rig.adapter.start(rig.host);
    const qr = await qrOf(rig);
    rig.server.scan(qr);
    await rig.state('connected');
    await rig.until(() => expect(rig.server.bot.preKeys.length).toBeGreaterThan(800));
    const { ada } = rig.server;
    await rig.server.dm(ada, { conversation: 'an hour ago' }, { at: Date.now() - 3_600_000 });
    await rig.server.dm(ada, { conversation: 'now' });
    await rig.message('now');
    expect(rig.host.accepted.map((message) => message.text)).toEqual(['now']);
    expect(rig.host.lines.some((line) => line.includes('ignored: history'))).toBe(true);
  });

  it('keeps the link over a restart, in a private file', async () => {
    const rig = await WhatsAppRig.make({ linked: false });
    await rig.adapter.start(rig.host);
    rig.server.scan(await qrOf(rig));
    await rig.state('connected');
    await rig.restart();
    expect(rig.host.healths.some((health) => health.qr !== undefined)).toBe(false);
    expect((await stat(join(rig.sessionDir, 'session.log'))).mode & 0o777).toBe(0o600);
    expect((await stat(rig.sessionDir)).mode & 0o777).toBe(0o700);
  });

  it('offers a pairing code when a phone number is configured', async () => {
    const rig = await WhatsAppRig.make({ linked: false, settings: { pairingPhone: '+1 555 000-1111' } });
    await rig.adapter.start(rig.host);
    const code = await rig.until(() => {
      const shown = rig.host.current?.pairingCode;
      if (shown === undefined) throw new Error('no pairing code is shown');
      return shown;
    });
    expect(code).toMatch(/^[0-9A-Z]{4}-[0-9A-Z]{4}$/);
    expect(rig.host.current?.qr).toBeDefined();
    // The server may hear of the code a moment after it is shown.
    await rig.until(() => rig.server.enterCode(code));
    await rig.state('connected');
    expect(rig.host.current?.pairingCode).toBeUndefined();
    await rig.restart();
  });

  it('asks for a new code when the connection breaks before the code was typed', async () => {
    const rig = await WhatsAppRig.make({ linked: false, settings: { pairingPhone: '+15550001111' } });
    await rig.adapter.start(rig.host);
    const codes = (): Set<string> =>
      new Set(rig.host.healths.map((health) => health.pairingCode).filter((code) => code !== undefined));
    await rig.until(() => expect(codes().size).toBe(1));
    rig.server.drop();
    await rig.until(() => expect(codes().size).toBe(2));
    const code = rig.host.current?.pairingCode ?? '';
    // The server may hear of the code a moment after it is shown.
    await rig.until(() => rig.server.enterCode(code));
    await rig.state('connected');
  });

  it('shows new QR codes when the old ones expire, and parks when nobody comes', async () => {
    const rig = await WhatsAppRig.make({ linked: false, options: { qrTimeoutMs: 30, maxQrSeries: 2 } });
    await rig.adapter.start(rig.host);
    await rig.state('parked');
    const codes = new Set(rig.host.healths.map((health) => health.qr).filter((qr) => qr !== undefined));
    // Three references a series; the keys in the code stay the same.
    expect(codes.size).toBe(3);
    expect(rig.host.healths.filter((health) => health.state === 'reconnecting').length).toBeGreaterThan(0);
    expect(rig.host.current).toMatchObject({ state: 'parked' });
    expect(rig.host.current?.qr).toBeUndefined();
    expect(rig.host.current?.nextStep).toContain('QR');
  });

  it('starts again from parked, with a fresh QR code', async () => {
    const rig = await WhatsAppRig.make({ linked: false, options: { qrTimeoutMs: 30, maxQrSeries: 1 } });
    await rig.adapter.start(rig.host);
    await rig.state('parked');
    const before = rig.host.healths.length;
    await rig.adapter.start(rig.host);
    await rig.until(() =>
      expect(rig.host.healths.slice(before).some((health) => health.qr !== undefined)).toBe(true),
    );
  });
});

describe('a phone that removes the device', () => {
  it('costs the keys, parks, and offers a new QR code at the next start', async () => {
    const rig = await WhatsAppRig.connected();
    rig.server.bot.linked = false;
    rig.server.streamError(401, DEVICE_REMOVED);
    await rig.state('parked');
    expect(rig.host.current).toMatchObject({ authorisation: 'revoked' });
    expect(rig.host.current?.nextStep).toContain('scan the new QR code');
    expect(existsSync(join(rig.sessionDir, 'session.log'))).toBe(false);
    await rig.adapter.start(rig.host);
    rig.server.scan(await qrOf(rig));
    await rig.state('connected');
  });

  it('is noticed at login as well', async () => {
    const rig = await WhatsAppRig.make();
    rig.server.rejectLogins = 401;
    await rig.adapter.start(rig.host);
    await rig.state('parked');
    expect(rig.host.current).toMatchObject({ authorisation: 'revoked' });
    expect(existsSync(join(rig.sessionDir, 'session.log'))).toBe(false);
  });

  it('is not taken from a proxy that answers 401 or 403', async () => {
    const rig = await WhatsAppRig.make();
    for (const status of [401, 403]) {
      rig.server.rejectUpgrades = status;
      const before = rig.host.healths.length;
      await rig.adapter.start(rig.host);
      await rig.until(() =>
        expect(rig.host.healths.slice(before).some((health) => health.state === 'reconnecting')).toBe(true),
      );
      expect(rig.host.current?.state).not.toBe('parked');
      expect(existsSync(join(rig.sessionDir, 'session.log'))).toBe(true);
    }
    rig.server.rejectUpgrades = undefined;
    await rig.state('connected');
  });
});

describe('the account', () => {
  it('is shown as offline unless configured otherwise', async () => {
    const quiet = await WhatsAppRig.connected();
    const types = (rig: WhatsAppRig) => rig.server.called('presence').map((node) => attr(node, 'type'));
    await quiet.until(() => expect(quiet.server.called('iq:passive')).toHaveLength(1));
    expect(types(quiet)).not.toContain('available');
  });
});
