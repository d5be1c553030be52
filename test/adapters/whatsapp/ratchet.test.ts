import { describe, expect, it } from 'vitest';
import { withRig } from '../contract.ts';
import { WhatsAppPeer } from './contract-peer.ts';

describe('a person who writes while the bot writes to them', () => {
  it('understands every answer, and every message of theirs is understood', { timeout: 90_000 }, () =>
    withRig(
      () => new WhatsAppPeer(),
      async (rig) => {
        await rig.connect();
        const { chat } = await rig.arrived(await rig.peer.dm('hello'));
        const answers: string[] = [];
        const written: string[] = [];
        for (let round = 0; round < 40; round += 1) {
          answers.push(`answer ${round}`);
          written.push(`word ${round}`);
          const sending = rig.send(chat, `answer ${round}`);
          // Crosses the answer: at another moment of its way in every round.
          await new Promise((resolve) => setTimeout(resolve, round % 8));
          const said = await rig.peer.dm(`word ${round}`);
          await Promise.all([sending, rig.arrived(said)]);
        }
        expect(rig.texts(chat)).toEqual(answers);
        expect(rig.host.unique().map(({ text }) => text)).toEqual(['hello', ...written]);
      },
    ),
  );
});
