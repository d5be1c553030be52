import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { REPLACED } from '../../platforms/whatsapp/linked-session.ts';
import { node } from '../../platforms/whatsapp/nodes.ts';
import type { WhatsAppServer } from '../../platforms/whatsapp-server.ts';
import { WhatsAppRig } from './rig.ts';

type End = (server: WhatsAppServer) => void;

describe('a connection that ends', () => {
  const passing: [string, End][] = [
    ['a cut cable', (server) => server.drop()],
    ['the end of the stream', (server) => server.raw(node('xmlstreamend', {}))],
    ['a closing handshake', (server) => server.client.close()],
    ['503, try again', (server) => server.streamError(503)],
    ['500, bad session', (server) => server.streamError(500)],
    ['515, restart', (server) => server.streamError(515)],
    ['a reason nobody knows', (server) => server.streamError(undefined, node('mystery', {}))],
    ['bytes that cannot be decrypted', (server) => server.client.sendGarbage()],
  ];
  it.each(passing)('by %s comes back', async (_name, end) => {
    const rig = await WhatsAppRig.connected();
    await rig.until(() => expect(rig.server.connected).toBe(true));
    end(rig.server);
    await rig.until(() => expect(rig.host.healths.some((h) => h.state === 'reconnecting')).toBe(true));
    await rig.state('connected');
    await rig.until(() => expect(rig.server.logins).toBe(2));
    await rig.server.dm(rig.server.ada, { conversation: 'still there?' });
    await rig.message('still there?');
    const parked = rig.host.healths.filter((health) => health.state === 'parked');
    expect(parked).toEqual([]);
  });

  const lasting: [string, End, RegExp, string][] = [
    [
      '440, replaced',
      (s) => s.streamError(undefined, REPLACED),
      /another process uses this session/,
      'valid',
    ],
    ['402, banned for a time', (s) => s.streamError(402), /banned/, 'unknown'],
    ['403, blocked', (s) => s.streamError(403), /blocked/, 'revoked'],
    ['405, too old', (s) => s.streamError(405), /client version/, 'valid'],
    ['411, no linked devices', (s) => s.streamError(411), /linked devices/, 'unknown'],
  ];
  it.each(lasting)('by %s parks with the next step', async (_name, end, detail, authorisation) => {
    const rig = await WhatsAppRig.connected();
    await rig.until(() => expect(rig.server.connected).toBe(true));
    end(rig.server);
    await rig.state('parked');
    expect(rig.host.current).toMatchObject({ authorisation, transport: { alive: false } });
    expect(rig.host.current?.detail).toMatch(detail);
    expect(rig.host.current?.nextStep).toMatch(/start the WhatsApp adapter/);
    expect(rig.server.logins).toBe(1);
    // The keys are kept: the next start needs no new link.
    await rig.adapter.start(rig.host);
    await rig.state('connected');
  });

  it.each([403, 405, 406, 409, 411])('by failure %i at login parks as well', async (reason) => {
    const rig = await WhatsAppRig.make();
    rig.server.rejectLogins = reason;
    await rig.adapter.start(rig.host);
    await rig.state('parked');
    rig.server.rejectLogins = undefined;
    await rig.adapter.start(rig.host);
    await rig.state('connected');
  });

  it.each([500, 503])('by failure %i at login tries again', async (reason) => {
    const rig = await WhatsAppRig.make();
    rig.server.rejectLogins = reason;
    await rig.adapter.start(rig.host);
    await rig.until(() => expect(rig.host.current?.transport.attempt ?? 0).toBeGreaterThan(1));
    rig.server.rejectLogins = undefined;
    await rig.state('connected');
  });

  it('waits longer before every further attempt, with the reason on show', async () => {
    const rig = await WhatsAppRig.make();
    await rig.server.goDown();
    await rig.adapter.start(rig.host);
    await rig.until(() => expect(rig.host.current?.transport.attempt ?? 0).toBeGreaterThan(3));
    expect(rig.host.current?.detail).toMatch(/try \d+: .*ECONNREFUSED/);
    expect(rig.host.current?.transport.nextTryAt).toBeGreaterThan(Date.now() - 1000);
  });

  it('without a word is noticed by its silence', async () => {
    const rig = await WhatsAppRig.connected({ options: { quietMs: 300, answerMs: 600 } });
    await rig.until(() => expect(rig.server.connected).toBe(true));
    rig.server.client.freeze();
    await rig.until(() => expect(rig.host.healths.some((h) => h.state === 'reconnecting')).toBe(true));
    await rig.state('connected');
    expect(rig.server.logins).toBeGreaterThan(1);
  });

  it('does not stop the adapter from stopping at once, even when the peer is silent', async () => {
    const rig = await WhatsAppRig.connected();
    rig.server.client.freeze();
    const started = performance.now();
    await rig.adapter.stop();
    expect(performance.now() - started).toBeLessThan(3000);
    expect(rig.host.current?.state).toBe('stopped');
  });

  it('leaves no timer behind, even when baileys was waiting for an answer', async () => {
    const held = (): string[] =>
      process.getActiveResourcesInfo().filter((kind) => /Timeout|TCP|TLS|Socket|Pipe/i.test(kind));
    const rig = await WhatsAppRig.make();
    await sleep(50);
    const before = held();
    await rig.adapter.start(rig.host);
    await rig.state('connected');
    await rig.until(() => expect(rig.server.connected).toBe(true));
    rig.server.faults.push({ method: 'iq:usync', reply: 'hang' });
    const sending = rig.failure(rig.send(rig.server.ada.lid, 'hello'));
    await rig.until(() => expect(rig.server.called('iq:usync').length).toBeGreaterThan(0));
    await rig.adapter.stop();
    expect((await sending).failure).toBe('unreachable');
    let after = held();
    for (let n = 0; n < 60 && after.length > before.length; n += 1) {
      await sleep(50);
      after = held();
    }
    // Fewer is possible: earlier tests may have left timers of the test runner.
    expect(after.length, `${after} after ${before}`).toBeLessThanOrEqual(before.length);
  });
});
