import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { HealthTracker } from '../../../src/adapters/kit/health-tracker.ts';
import { backoffMs, ParkedError, RetryAfterError, Supervisor } from '../../../src/adapters/kit/supervisor.ts';
import { silentLogger } from '../../../src/gateway/log.ts';
import type { AdapterHealth } from '../../../src/gateway/model.ts';

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
    await vi.waitFor(() => expect(runs).toBeGreaterThan(5));
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
    await vi.waitFor(() => expect(health.state).toBe('parked'));
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
    await vi.waitFor(() => expect(health.state).toBe('reconnecting'));
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
    await vi.waitFor(() => expect(health.state).toBe('connected'));
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
