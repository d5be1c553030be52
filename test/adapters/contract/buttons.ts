import { describe, expect } from 'vitest';
import type { Part } from '../../../src/gateway/adapter.ts';
import type { Press } from './peer.ts';
import { contractTest, type MakePeer, type Rig } from './rig.ts';

const QUESTION: Part = {
  text: 'Run it?',
  plain: 'Run it?',
  buttons: [
    { label: 'Approve', command: '/approve once' },
    { label: 'Deny', command: '/deny' },
  ],
};

async function acknowledged(rig: Rig, press: Press | undefined): Promise<Press> {
  if (press === undefined) throw new Error('the peer cannot press buttons');
  await rig.until(() => expect(press.acknowledged()).toBe(true));
  return press;
}

/** A button is a message of whoever presses it: who may decide is then the gateway's own question. */
export function buttonContract(makePeer: MakePeer): void {
  describe('buttons', () => {
    contractTest(makePeer, 'shows choices as buttons', ['buttons'], async (rig) => {
      const { chat } = await rig.arrived(await rig.peer.dm('may I'));
      await rig.send(chat, QUESTION);
      await rig.until(() => expect(rig.peer.sent(chat).at(-1)?.buttons).toEqual(['Approve', 'Deny']));
    });

    contractTest(
      makePeer,
      'hands in a press as the message of its presser, and acknowledges it',
      ['buttons'],
      async (rig) => {
        const asked = await rig.arrived(await rig.peer.dm('may I'));
        const { messageId } = await rig.send(asked.chat, QUESTION);
        await acknowledged(rig, rig.peer.press?.(asked.chat, messageId, 'Deny'));
        expect(rig.host.accepted.at(-1)).toMatchObject({
          text: '/deny',
          sender: { id: asked.sender.id },
          chat: asked.chat,
          chatKind: 'dm',
          mentioned: true,
          replyTo: { messageId },
        });
      },
    );

    contractTest(
      makePeer,
      'never takes another member of the group for the one who was asked',
      ['buttons', 'group'],
      async (rig) => {
        const asked = await rig.arrived(await rig.peer.group('may I', { mention: true, user: 0 }));
        const { messageId } = await rig.send(asked.chat, QUESTION, { replyTo: asked.messageId });
        const other = await rig.arrived(await rig.peer.group('me too', { mention: true, user: 1 }));
        const press = await acknowledged(
          rig,
          rig.peer.press?.(asked.chat, messageId, 'Approve', { user: 1 }),
        );
        const pressed = rig.host.accepted.find((message) => message.text === '/approve once');
        expect(pressed?.chat).toEqual(asked.chat);
        expect(pressed?.sender.id).toBe(other.sender.id);
        expect(pressed?.sender.id).toBe(press.senderId);
        expect(pressed?.sender.id).not.toBe(asked.sender.id);
      },
    );

    contractTest(
      makePeer,
      'gives a press that is delivered again the same identity',
      ['buttons'],
      async (rig) => {
        const asked = await rig.arrived(await rig.peer.dm('may I'));
        const { messageId } = await rig.send(asked.chat, QUESTION);
        const press = await acknowledged(rig, rig.peer.press?.(asked.chat, messageId, 'Approve'));
        press.again();
        await rig.arrived(await rig.peer.dm('after'));
        await acknowledged(rig, rig.peer.press?.(asked.chat, messageId, 'Approve', { user: 0 }));
        expect(rig.host.unique().map((message) => message.text)).toEqual([
          'may I',
          '/approve once',
          'after',
          '/approve once', // pressed once more by hand: that is a press of its own
        ]);
      },
    );

    contractTest(
      makePeer,
      'does not acknowledge a press before it is durable',
      ['buttons', 'ack'],
      async (rig) => {
        const asked = await rig.arrived(await rig.peer.dm('may I'));
        const { messageId } = await rig.send(asked.chat, QUESTION);
        const durable = Promise.withResolvers<void>();
        rig.host.hold = durable.promise;
        const offered = rig.host.offered.length;
        const press = rig.peer.press?.(asked.chat, messageId, 'Approve');
        await rig.until(() => expect(rig.host.offered.length).toBeGreaterThan(offered));
        expect(press?.acknowledged()).toBe(false);
        rig.host.hold = undefined;
        durable.resolve();
        await acknowledged(rig, press);
      },
    );

    contractTest(
      makePeer,
      'takes the buttons away with an edit that has none',
      ['buttons', 'edit'],
      async (rig) => {
        const { chat } = await rig.arrived(await rig.peer.dm('may I'));
        const { messageId } = await rig.send(chat, QUESTION);
        const done: Part = { text: 'Approved by Ada', plain: 'Approved by Ada' };
        await rig.adapter.edit?.(chat, messageId, done, AbortSignal.timeout(30_000));
        await rig.until(() => expect(rig.texts(chat)).toEqual(['Approved by Ada']));
        expect(rig.peer.sent(chat).at(-1)?.buttons ?? []).toEqual([]);
      },
    );
  });
}
