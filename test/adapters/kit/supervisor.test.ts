import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  backoffMs,
  HealthTracker,
  isAway,
  ParkedError,
  pause,
  REACH_MS,
  RetryAfterError,
  Supervisor,
} from '../../../src/adapters/kit/supervisor.ts';
import { silentLogger } from '../../../src/base/log.ts';
import type { AdapterHealth } from '../../../src/gateway/model.ts';
import { tries } from '../../support/tries.ts';

function harness(run: (connected: () => void, signal: AbortSignal) => Promise<void>) {
  const seen: AdapterHealth[] = [];
  const health = new HealthTracker((h) => seen.push(h));
  const supervisor = new Supervisor({ run, health, log: silentLogger, minDelayMs: 1, maxDelayMs: 4 });
  return { supervisor, seen, health };
}

describe('the supervisor', () => {
  it('reconnects for ever and reports the attempt', async () => {
    let runs = 0;
    const { supervisor, seen } = harness(async () => {
      runs += 1;
      throw new Error('refused');
    });
    supervisor.start();
    await expect.poll(() => runs).toBeGreaterThan(5);
    await supervisor.stop();
    expect(seen.some((h) => h.state === 'reconnecting' && (h.transport.attempt ?? 0) >= 5)).toBe(true);
    expect(seen.at(-1)?.state).toBe('stopped');
  });

  it('parks on an error that no retry can mend, with the next step', async () => {
    let runs = 0;
    const { supervisor, health } = harness(async () => {
      runs += 1;
      throw new ParkedError('token revoked', 'Create a new token.', 'revoked');
    });
    supervisor.start();
    await expect.poll(() => health.state).toBe('parked');
    expect(runs).toBe(1);
    expect(health.current()).toMatchObject({ authorisation: 'revoked', nextStep: 'Create a new token.' });
    await supervisor.stop();
  });

  it('waits as long as the platform asks', async () => {
    let runs = 0;
    const { supervisor, health } = harness(async () => {
      runs += 1;
      throw new RetryAfterError('slow down', 60_000);
    });
    supervisor.start();
    await expect.poll(() => health.state).toBe('reconnecting');
    await supervisor.stop();
    expect(runs).toBe(1);
  });

  it('ends a running connection on stop', async () => {
    const { supervisor, health } = harness(
      (connected, signal) =>
        new Promise((resolve) => {
          connected();
          signal.addEventListener('abort', () => resolve());
        }),
    );
    supervisor.start();
    await expect.poll(() => health.state).toBe('connected');
    await supervisor.stop();
    expect(health.current().transport.alive).toBe(false);
  });

  it('keeps the back-off between a quarter of its step and the cap', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, r) => {
        const ms = backoffMs(n, 1000, 60_000, () => r);
        expect(ms).toBeGreaterThanOrEqual(250);
        expect(ms).toBeLessThanOrEqual(60_000);
      }),
    );
  });
});

describe('after an outage', () => {
  const OUTAGE_MS = 60_000;
  /** How long after the end of an outage the connection is there again. */
  async function backAfter(
    fail: (signal: AbortSignal) => Promise<never>,
    random: () => number,
  ): Promise<number> {
    vi.useFakeTimers({ now: 0 });
    try {
      let connectedAt: number | undefined;
      const health = new HealthTracker(() => {});
      const supervisor = new Supervisor({
        health,
        log: silentLogger,
        random,
        run: async (connected, signal) => {
          if (Date.now() < OUTAGE_MS) return fail(signal);
          connectedAt ??= Date.now();
          connected();
          return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
        },
      });
      supervisor.start();
      await vi.advanceTimersByTimeAsync(OUTAGE_MS * 4);
      await supervisor.stop();
      return (connectedAt ?? Number.POSITIVE_INFINITY) - OUTAGE_MS;
    } finally {
      vi.useRealTimers();
    }
  }
  const refused = async (): Promise<never> => {
    throw new Error('the server is not reachable: connect ECONNREFUSED 127.0.0.1:1');
  };
  /** A dead path: nothing comes back until the try gives up. */
  const dead = async (signal: AbortSignal): Promise<never> => {
    await pause(REACH_MS, signal);
    throw new Error('Opening handshake has timed out');
  };

  it('of a minute the connection is back within 15 s, whatever the jitter', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(refused, dead),
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        async (fail, stream) => {
          const values = stream[Symbol.iterator]();
          expect(await backAfter(fail, () => values.next().value ?? 0)).toBeLessThan(15_000);
        },
      ),
      { numRuns: tries(40) },
    );
  });

  it('that the server itself announces, tries stay as rare as before', async () => {
    const busy = async (): Promise<never> => {
      throw new Error('Unexpected server response: 503');
    };
    expect(await backAfter(busy, () => 0.999)).toBeGreaterThan(0);
    expect(isAway(new Error('Unexpected server response: 503'))).toBe(false);
    expect(
      isAway(new Error('outer', { cause: Object.assign(new Error('x'), { code: 'ENETUNREACH' }) })),
    ).toBe(true);
    expect(isAway(new AggregateError([Object.assign(new Error(''), { code: 'ECONNREFUSED' })]))).toBe(true);
  });
});
