import { describe, expect } from 'vitest';
import { contractTest, type MakePeer } from './rig.ts';

export function faultContract(makePeer: MakePeer): void {
  describe('when a send goes wrong', () => {
    contractTest(makePeer, 'says how long to wait when it is too fast', ['rate-limited'], async (rig) => {
      const { chat } = await rig.arrived(await rig.peer.dm('hello'));
      rig.peer.failNextSend('rate-limited');
      const error = await rig.refused(rig.send(chat, 'too fast', { key: 'k-rate' }));
      expect(error.failure).toBe('rate-limited');
      expect(error.retryAfterMs).toBeGreaterThan(0);
      await rig.until(async () => {
        await rig.send(chat, 'too fast', { key: 'k-rate' });
      });
      expect(rig.texts(chat)).toEqual(['too fast']);
    });

    contractTest(makePeer, 'does not claim delivery after a server error', ['error-before'], async (rig) => {
      const { chat } = await rig.arrived(await rig.peer.dm('hello'));
      rig.peer.failNextSend('error-before');
      const error = await rig.refused(rig.send(chat, 'again', { key: 'k-5xx' }));
      expect(['unreachable', 'unknown']).toContain(error.failure);
      await rig.send(chat, 'again', { key: 'k-5xx' });
      expect(rig.texts(chat)).toEqual(['again']);
    });

    contractTest(makePeer, 'calls a server error after delivery unknown', ['error-after'], async (rig) => {
      const { chat } = await rig.arrived(await rig.peer.dm('hello'));
      rig.peer.failNextSend('error-after');
      const error = await rig.refused(rig.send(chat, 'perhaps', { key: 'k-after' }));
      expect(error.failure).toBe('unknown');
      expect(rig.texts(chat)).toEqual(['perhaps']);
      await rig.send(chat, 'perhaps', { key: 'k-after' });
      expect(rig.texts(chat)).toHaveLength(rig.adapter.capabilities.idempotentSend ? 1 : 2);
    });

    contractTest(
      makePeer,
      'calls a cut socket unknown, and does not send twice by itself',
      ['cut-after'],
      async (rig) => {
        const { chat } = await rig.arrived(await rig.peer.dm('hello'));
        rig.peer.failNextSend('cut-after');
        const error = await rig.refused(rig.send(chat, 'cut', { key: 'k-cut' }));
        expect(error.failure).toBe('unknown');
        expect(rig.texts(chat)).toEqual(['cut']);
      },
    );

    contractTest(
      makePeer,
      'sends again what a cut socket kept from the platform',
      ['cut-before'],
      async (rig) => {
        const { chat } = await rig.arrived(await rig.peer.dm('hello'));
        rig.peer.failNextSend('cut-before');
        const error = await rig.refused(rig.send(chat, 'cut', { key: 'k-cut-before' }));
        expect(['unreachable', 'unknown']).toContain(error.failure);
        await rig.until(async () => {
          await rig.send(chat, 'cut', { key: 'k-cut-before' });
        });
        expect(rig.texts(chat)).toEqual(['cut']);
      },
    );

    contractTest(makePeer, 'knows a chat that is gone', ['gone'], async (rig) => {
      const { chat } = await rig.arrived(await rig.peer.dm('hello'));
      rig.peer.failNextSend('gone');
      expect((await rig.refused(rig.send(chat, 'anybody?'))).failure).toBe('gone');
    });

    contractTest(makePeer, 'knows a refusal of its markup', ['markup'], async (rig) => {
      const { chat } = await rig.arrived(await rig.peer.dm('hello'));
      rig.peer.failNextSend('markup');
      expect((await rig.refused(rig.send(chat, 'so so'))).failure).toBe('markup');
    });

    contractTest(makePeer, 'knows a message that will never be taken', ['too-long'], async (rig) => {
      const { chat } = await rig.arrived(await rig.peer.dm('hello'));
      rig.peer.failNextSend('too-long');
      expect((await rig.refused(rig.send(chat, 'x'))).failure).toBe('rejected');
    });
  });
}
