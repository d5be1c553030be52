/** What the fault of one platform costs the others. Shared by the test and the bench. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Platform } from '../../src/gateway/model.ts';
import type { ContractPeer } from '../adapters/contract/peer.ts';

/** One way for a platform to be broken, until the returned function is called. */
export interface PlatformFaultKind {
  readonly name: string;
  readonly platform: Platform;
  begin(peer: ContractPeer): () => void;
}

const noise = (peer: ContractPeer): Promise<unknown> =>
  peer.dm(`into the fire ${Math.random()}`).catch(() => undefined);

function every(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms);
  return () => clearInterval(timer);
}

/** Each with people who go on writing to the broken platform. */
export const FAULT_KINDS: readonly PlatformFaultKind[] = [
  {
    name: 'Discord crashes over and over',
    platform: 'discord',
    begin: (peer) =>
      every(50, () => {
        peer.drop();
        void noise(peer);
      }),
  },
  {
    name: 'Slack hangs',
    platform: 'slack',
    begin(peer) {
      const stop = every(50, () => void noise(peer));
      peer.blackhole(true);
      return () => {
        stop();
        peer.blackhole(false);
      };
    },
  },
  {
    name: 'Telegram rejects everything',
    platform: 'telegram',
    begin: (peer) =>
      every(50, () => {
        peer.failNextSend('error-before');
        peer.failNextSend('rate-limited');
        void noise(peer);
      }),
  },
];

const GIVE_UP_MS = 60_000;

/** Milliseconds from a message to its answer, asked one after the other on every platform at the same time. */
export async function latencies(
  peers: readonly ContractPeer[],
  rounds: number,
): Promise<Map<Platform, number[]>> {
  const found = new Map<Platform, number[]>();
  await Promise.all(
    peers.map(async (peer) => {
      const times: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const text = `ask${round}x${Math.random().toString(36).slice(2, 10)}`;
        const began = performance.now();
        const asked = await peer.dm(text, { user: 1 });
        while (!peer.sent(asked.chat).some((m) => m.text.includes('You said') && m.text.includes(text))) {
          if (performance.now() - began > GIVE_UP_MS) throw new Error(`${peer.platform} does not answer`);
          await sleep(2);
        }
        times.push(performance.now() - began);
      }
      found.set(peer.platform, times);
    }),
  );
  return found;
}

export function median(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
