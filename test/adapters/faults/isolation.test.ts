import { describe, expect, it, vi } from 'vitest';
import { FAULT_KINDS, latencies, median } from '../../support/isolation.ts';
import { PATIENT, withPlatformGateway } from '../../support/platform-gateway.ts';
import { TelegramPeer } from '../telegram/peer.ts';
import { PEERS } from './peers.ts';

const ROUNDS = 9;
/** A busy machine and a garbage collection are nobody's fault. */
const SLACK_MS = 300;

describe('five platforms in one gateway', () => {
  it('keep their latency while one of them crashes, hangs or rejects everything', {
    timeout: 400_000,
  }, () => {
    // Telegram's own send limits would hide what the others cost it.
    const peers = PEERS.map(([name, make]) =>
      name === 'Telegram' ? new TelegramPeer({ sendLimits: false }) : make(),
    );
    return withPlatformGateway(peers, async (rig) => {
      await latencies(peers, 2); // first sessions, first keys
      const calm = await latencies(peers, ROUNDS);
      for (const fault of FAULT_KINDS) {
        const broken = peers.find((peer) => peer.platform === fault.platform);
        if (broken === undefined) throw new Error(`no ${fault.platform}`);
        const others = peers.filter((peer) => peer !== broken);
        const end = fault.begin(broken);
        try {
          const troubled = await latencies(others, ROUNDS);
          for (const { platform } of others)
            expect(
              median(troubled.get(platform) ?? []),
              `${platform} while ${fault.name}: calm ${median(calm.get(platform) ?? []).toFixed(0)} ms`,
            ).toBeLessThan(3 * median(calm.get(platform) ?? []) + SLACK_MS);
          for (const { platform } of others)
            expect(rig.running.gateway.adapters.view(platform).state, platform).toBe('connected');
        } finally {
          end();
        }
      }
      // The broken ones come back by themselves.
      await vi.waitFor(
        () =>
          expect(peers.map(({ platform }) => rig.running.gateway.adapters.view(platform).state)).toEqual(
            peers.map(() => 'connected'),
          ),
        { ...PATIENT, timeout: 90_000 },
      );
    });
  });
});
