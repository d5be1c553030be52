import { describe, expect, it, vi } from 'vitest';
import {
  answersTo,
  PATIENT,
  type PlatformGateway,
  visible,
  withPlatformGateway,
} from '../../support/platform-gateway.ts';
import type { ContractFeature, ContractPeer, SendFault, UserMessage } from '../contract.ts';
import { PEERS } from './peers.ts';

const MARK = /may be a repeat/;

/** How a send may go wrong, and whether the platform had the message all the same. */
const SEND_FAULTS: readonly (readonly [string, SendFault])[] = [
  ['429 with a wait', 'rate-limited'],
  ['a server error before the message was taken', 'error-before'],
  ['a server error after the message was taken', 'error-after'],
  ['a socket cut before the message was taken', 'cut-before'],
  ['a socket cut after the message was taken', 'cut-after'],
];

/** The answer is there, complete, and stands once, or a second time with a mark. */
async function answeredOnce(
  rig: PlatformGateway,
  peer: ContractPeer,
  asked: UserMessage,
  text: string,
  before: readonly string[] = [],
): Promise<void> {
  await vi.waitFor(() => expect(answersTo(peer, asked, text).length).toBeGreaterThan(0), PATIENT);
  await rig.quiet();
  const seen = visible(peer, asked.chat);
  const answers = answersTo(peer, asked, text);
  const marks = seen.filter((message) => MARK.test(message.text));
  expect(answers.length - marks.length, seen.map((message) => message.text).join('\n')).toBeLessThanOrEqual(
    1,
  );
  // No half of an answer is left over beside the whole one.
  const halves = seen.filter(
    (m) => m.text.includes('You said') && !m.text.includes(text) && !before.some((t) => m.text.includes(t)),
  );
  expect(halves.length, seen.map((message) => message.text).join('\n')).toBeLessThanOrEqual(marks.length);
}

/** WhatsApp says no time: the gateway rests the chat for a minute, and the operator sees that and why. */
async function restsForAMinute(rig: PlatformGateway): Promise<void> {
  const resting = await vi.waitFor(() => {
    const row = rig.snapshot().outbox.find(({ state }) => state === 'pending');
    expect(row?.nextTryAt).toBeGreaterThan(Date.now() + 30_000);
    return row;
  }, PATIENT);
  expect(resting?.nextTryAt).toBeLessThan(Date.now() + 61_000);
  expect(resting?.error).toContain('429');
}

describe.each(PEERS)('%s, when something goes wrong', (_name, makePeer) => {
  const { lacks } = makePeer();
  const test = (
    title: string,
    needs: readonly ContractFeature[],
    body: (rig: PlatformGateway, peer: ContractPeer) => Promise<void>,
  ): void => {
    const missing = needs.find((feature) => lacks[feature] !== undefined);
    if (missing !== undefined) {
      it.skip(`${title} [no ${missing}: ${lacks[missing]}]`);
      return;
    }
    // Each has a gateway and a server of its own, and mostly waits.
    it(title, { timeout: 180_000, concurrent: true }, async () => {
      const peer = makePeer();
      await withPlatformGateway([peer], (rig) => body(rig, peer));
    });
  };

  for (const [what, fault] of SEND_FAULTS)
    test(`answers after ${what}, and never twice without a mark`, [fault], async (rig, peer) => {
      await answeredOnce(rig, peer, await peer.dm('first of all'), 'first of all');
      peer.failNextSend(fault);
      const asked = await peer.dm('and this one');
      if (fault === 'rate-limited' && peer.platform === 'whatsapp') return restsForAMinute(rig);
      await answeredOnce(rig, peer, asked, 'and this one', ['first of all']);
    });

  test(
    'answers an update once that is delivered twice, also after a restart of the adapter',
    ['replay'],
    async (rig, peer) => {
      const asked = await peer.dm('only once');
      await answeredOnce(rig, peer, asked, 'only once');
      await peer.replay(asked);
      await rig.running.gateway.adapters.restart(peer.platform);
      await vi.waitFor(
        () => expect(rig.running.gateway.adapters.view(peer.platform).state).toBe('connected'),
        PATIENT,
      );
      await peer.replay(asked);
      const last = await peer.dm('afterwards');
      await answeredOnce(rig, peer, last, 'afterwards', ['only once']);
      expect(answersTo(peer, asked, 'only once')).toHaveLength(1);
    },
  );

  test('answers both of two updates that come out of order', ['reorder'], async (rig, peer) => {
    const [a, b] = await peer.reordered('written first', 'written second');
    for (const text of ['written first', 'written second'])
      await vi.waitFor(() => expect(answersTo(peer, a, text).length).toBe(1), PATIENT);
    expect(a.chat).toEqual(b.chat);
    await rig.quiet();
  });

  test('delivers what fell due while the server was gone, and says so within 10 s', [], async (rig, peer) => {
    const asked = await peer.dm('answer me later [sleep 1500]');
    await vi.waitFor(
      () =>
        expect(rig.running.gateway.conversations.views().some(({ state }) => state === 'running')).toBe(true),
      PATIENT,
    );
    await peer.goDown();
    const goneAt = performance.now();
    await vi.waitFor(async () => expect((await rig.status(peer.platform))?.state).not.toBe('connected'), {
      timeout: 20_000,
      interval: 50,
    });
    expect(performance.now() - goneAt).toBeLessThan(10_000);
    expect(rig.snapshot().adapters.find(({ platform }) => platform === peer.platform)?.transport.alive).toBe(
      false,
    );
    // The answer is ready and waits.
    await vi.waitFor(() => expect(rig.snapshot().outbox.length).toBeGreaterThan(0), PATIENT);
    await peer.comeBack();
    await answeredOnce(rig, peer, asked, 'answer me later');
    await vi.waitFor(async () => expect((await rig.status(peer.platform))?.state).toBe('connected'), PATIENT);
  });

  test('answers what was written while the connection was lost', ['offline-queue'], async (rig, peer) => {
    await answeredOnce(rig, peer, await peer.dm('before'), 'before');
    await peer.goDown();
    const asked = await peer.dm('in the dark');
    await peer.comeBack();
    await answeredOnce(rig, peer, asked, 'in the dark', ['before']);
  });

  test(
    'parks within 10 s of a revoked token, says what to do, and keeps what was not sent',
    ['revoke'],
    async (rig, peer) => {
      await peer.dm('too late for this [sleep 1500]');
      await vi.waitFor(
        () =>
          expect(rig.running.gateway.conversations.views().some(({ state }) => state === 'running')).toBe(
            true,
          ),
        PATIENT,
      );
      const revokedAt = performance.now();
      peer.revoke();
      await vi.waitFor(async () => expect((await rig.status(peer.platform))?.state).toBe('parked'), {
        timeout: 20_000,
        interval: 50,
      });
      expect(performance.now() - revokedAt).toBeLessThan(10_000);
      expect((await rig.status(peer.platform))?.nextStep).toMatch(/\w+ .*\./);
      await vi.waitFor(() => {
        const waiting = rig.snapshot().outbox.filter(({ chat }) => chat.platform === peer.platform);
        expect(waiting.map(({ state }) => state)).toContain('pending');
      }, PATIENT);
    },
  );
});
