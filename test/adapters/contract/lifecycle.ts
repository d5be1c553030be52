import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { contractTest, type MakePeer, withRig } from './rig.ts';

/** What keeps the process alive, for comparison; asked outside of any timer of our own. */
function held(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => /Timeout|TCP|TLS|Socket|Pipe/i.test(kind));
}

export function lifecycleContract(makePeer: MakePeer): void {
  describe('connection', () => {
    contractTest(makePeer, 'logs in and says who it is', [], async (rig) => {
      expect(rig.host.current).toMatchObject({
        state: 'connected',
        transport: { alive: true },
        authorisation: 'valid',
      });
      expect(rig.host.current?.account?.id).toBeTruthy();
      expect(rig.host.current?.account?.name).toBeTruthy();
    });

    contractTest(makePeer, 'registers its secrets with the host', [], async (rig) => {
      for (const secret of rig.peer.secrets) expect(rig.host.secrets).toContain(secret);
    });

    contractTest(makePeer, 'finds nothing wrong with good settings', [], async (rig) => {
      const check = await rig.adapter.check?.(AbortSignal.timeout(15_000));
      if (check !== undefined) expect(check).toMatchObject({ ok: true });
    });

    contractTest(makePeer, 'notes when the last message came', [], async (rig) => {
      const before = Date.now();
      await rig.arrived(await rig.peer.dm('tick'));
      await rig.until(() =>
        expect(rig.host.current?.ingress.lastUpdateAt ?? 0).toBeGreaterThanOrEqual(before),
      );
    });

    contractTest(makePeer, 'comes back by itself after a dropped connection', ['drop'], async (rig) => {
      await rig.arrived(await rig.peer.dm('before'));
      rig.peer.drop();
      await rig.until(async () => {
        await rig.peer.dm('after');
        await rig.until(() => expect(rig.host.accepted.map((m) => m.text)).toContain('after'), 1000);
      });
      await rig.state('connected');
    });

    contractTest(makePeer, 'tells the truth while the server is gone, and recovers', [], async (rig) => {
      const { chat } = await rig.arrived(await rig.peer.dm('before'));
      await rig.peer.goDown();
      await rig.until(() => expect(rig.host.current?.state).toBe('reconnecting'), 10_000);
      expect(rig.host.current?.transport.alive).toBe(false);
      const error = await rig.refused(rig.send(chat, 'into the void', { key: 'k-void' }));
      expect(['unreachable', 'unknown']).toContain(error.failure);
      await rig.peer.comeBack();
      await rig.state('connected');
      const said = await rig.peer.dm('after');
      await rig.arrived(said);
      await rig.until(async () => {
        await rig.send(chat, 'here again', { key: 'k-back' });
      });
      expect(rig.texts(chat)).toEqual(['here again']);
    });

    contractTest(
      makePeer,
      'tells of a server that goes silent without a word within 10 s, and recovers',
      [],
      async (rig) => {
        await rig.arrived(await rig.peer.dm('before'));
        const lag = monitorEventLoopDelay({ resolution: 10 });
        lag.enable();
        const silentAt = performance.now();
        rig.peer.blackhole(true);
        await rig.until(() => expect(rig.host.current?.state).toBe('reconnecting'), 30_000);
        const noticedMs = performance.now() - silentAt;
        lag.disable();
        expect(rig.host.current?.transport.alive).toBe(false);
        // A test machine that is busy with something else counts for itself.
        expect(noticedMs).toBeLessThan(10_000 + 3 * (lag.max / 1e6));
        rig.peer.blackhole(false);
        await rig.until(() => expect(rig.host.current?.state).toBe('connected'), 30_000);
        await rig.until(async () => {
          await rig.peer.dm('after');
          await rig.until(() => expect(rig.host.accepted.map((m) => m.text)).toContain('after'), 2000);
        }, 30_000);
      },
    );

    contractTest(
      makePeer,
      'gets what was written while the gateway was off',
      ['offline-queue'],
      async (rig) => {
        await rig.arrived(await rig.peer.dm('first'));
        await rig.adapter.stop();
        const said = await rig.peer.dm('while you were out');
        await rig.restart();
        await rig.arrived(said);
      },
    );

    contractTest(
      makePeer,
      'parks with a next step when its credentials are revoked',
      ['revoke'],
      async (rig) => {
        rig.peer.revoke();
        await rig.until(() => expect(rig.host.current?.state).toBe('parked'));
        expect(rig.host.current).toMatchObject({ authorisation: 'revoked', transport: { alive: false } });
        expect(rig.host.current?.nextStep).toMatch(/\w+ .*\./);
        const parked = rig.host.healths.length;
        await sleep(300);
        expect(rig.host.healths.slice(parked).every((health) => health.state === 'parked')).toBe(true);
      },
    );

    contractTest(makePeer, 'stops twice without complaint and reports it', [], async (rig) => {
      await rig.adapter.stop();
      await rig.adapter.stop();
      expect(rig.host.current).toMatchObject({ state: 'stopped', transport: { alive: false } });
    });

    contractTest(makePeer, 'hands in nothing after stop', [], async (rig) => {
      await rig.arrived(await rig.peer.dm('before'));
      await rig.adapter.stop();
      const count = rig.host.offered.length;
      await rig.peer.dm('after');
      await sleep(200);
      expect(rig.host.offered).toHaveLength(count);
    });

    contractTest(makePeer, 'refuses to send when it is stopped', [], async (rig) => {
      const { chat } = await rig.arrived(await rig.peer.dm('hello'));
      await rig.adapter.stop();
      expect((await rig.refused(rig.send(chat, 'late'))).failure).toBe('unreachable');
    });

    it('leaves no timer and no socket behind when it is stopped while offline', { timeout: 90_000 }, () =>
      withRig(makePeer, async (rig) => {
        await rig.peer.goDown();
        await sleep(50);
        const before = held();
        await rig.peer.comeBack();
        await rig.connect();
        await rig.peer.goDown();
        await rig.until(() => expect(rig.host.current?.state).toBe('reconnecting'));
        const started = performance.now();
        await rig.adapter.stop();
        expect(performance.now() - started).toBeLessThan(5000);
        // Timers of earlier tests may have run out meanwhile: only what is new counts.
        const fresh = (): string[] => {
          const after = held();
          for (const kind of before) if (after.includes(kind)) after.splice(after.indexOf(kind), 1);
          return after;
        };
        for (let n = 0; n < 100 && fresh().length > 0; n += 1) await sleep(50);
        expect(fresh()).toEqual([]);
      }),
    );

    it('keeps trying when the server is absent at the start', { timeout: 90_000 }, () =>
      withRig(makePeer, async (rig) => {
        await rig.peer.goDown();
        const started = performance.now();
        await rig.adapter.start(rig.host);
        // It does not wait for the server, which is not there for ever.
        expect(performance.now() - started).toBeLessThan(10_000);
        await rig.state('reconnecting');
        await rig.peer.comeBack();
        await rig.state('connected');
        await rig.arrived(await rig.peer.dm('finally'));
      }),
    );
  });
}
