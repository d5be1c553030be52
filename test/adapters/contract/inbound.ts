import { describe, expect } from 'vitest';
import { DeliveryError } from '../../../src/base/errors.ts';
import { contractTest, type MakePeer } from './rig.ts';

/** A 1x1 PNG: platforms that look into the bytes accept it. */
export const PNG = Uint8Array.from(
  Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  ),
);

export function inboundContract(makePeer: MakePeer): void {
  describe('messages in', () => {
    contractTest(makePeer, 'hands in a direct message with its sender and its chat', ['dm'], async (rig) => {
      const said = await rig.peer.dm('hello from a DM');
      const message = await rig.arrived(said);
      expect(message).toMatchObject({
        chat: said.chat,
        chatKind: 'dm',
        mentioned: true,
        text: 'hello from a DM',
        sender: { id: said.senderId },
      });
      expect(message.chat.platform).toBe(rig.peer.platform);
      expect(message.sender.name).not.toBe('');
      expect(message.sender.isBot ?? false).toBe(false);
      expect(message.sender.isSelf ?? false).toBe(false);
      expect(message.dedupeKey).not.toBe('');
    });

    contractTest(makePeer, 'tells two people apart', [], async (rig) => {
      const ada = await rig.arrived(await rig.peer.dm('I am Ada', { user: 0 }));
      const bob = await rig.arrived(await rig.peer.dm('I am Bob', { user: 1 }));
      expect(bob.sender.id).not.toBe(ada.sender.id);
      expect(bob.chat.chatId).not.toBe(ada.chat.chatId);
    });

    contractTest(
      makePeer,
      'recognises a mention in a group and takes it out of the text',
      ['group'],
      async (rig) => {
        const said = await rig.peer.group('what is up', { mention: true });
        const message = await rig.arrived(said);
        expect(message).toMatchObject({
          chat: said.chat,
          chatKind: 'group',
          mentioned: true,
          sender: { id: said.senderId },
        });
        expect(message.text.trim()).toBe('what is up');
      },
    );

    contractTest(makePeer, 'recognises that a group message is not for the bot', ['group'], async (rig) => {
      const message = await rig.arrived(await rig.peer.group('just chatting'));
      expect(message).toMatchObject({ chatKind: 'group', mentioned: false, text: 'just chatting' });
    });

    contractTest(makePeer, 'keeps a thread apart and answers inside it', ['group', 'thread'], async (rig) => {
      const said = await rig.peer.group('in a thread', { mention: true, thread: true });
      expect(said.chat.threadId).toBeDefined();
      const message = await rig.arrived(said);
      expect(message.chat).toEqual(said.chat);
      await rig.send(message.chat, 'answer in the thread');
      await rig.until(() => expect(rig.texts(said.chat)).toEqual(['answer in the thread']));
    });

    contractTest(
      makePeer,
      'counts a reply to the bot as a mention',
      ['group', 'reply-to-bot'],
      async (rig) => {
        const first = await rig.arrived(await rig.peer.group('hello bot', { mention: true }));
        const { messageId } = await rig.send(first.chat, 'hello human', { replyTo: first.messageId });
        const reply = await rig.arrived(await rig.peer.group('and now?', { replyToBot: messageId }));
        expect(reply.mentioned).toBe(true);
        expect(reply.replyTo?.messageId).toBe(messageId);
      },
    );

    contractTest(
      makePeer,
      'marks what bots wrote, its own messages first of all',
      ['group', 'bots'],
      async (rig) => {
        const first = await rig.arrived(await rig.peer.group('hello bot', { mention: true }));
        await rig.send(first.chat, 'my own words');
        await rig.peer.fromBot('beep');
        await rig.arrived(await rig.peer.group('last', { mention: true }));
        for (const message of rig.host.accepted) {
          if (message.text.includes('my own words')) expect(message.sender.isSelf).toBe(true);
          if (message.text.includes('beep')) expect(message.sender.isBot).toBe(true);
        }
      },
    );

    contractTest(
      makePeer,
      'brings an attachment with its caption, name, type and bytes',
      ['attachment-in'],
      async (rig) => {
        const said = await rig.peer.attach(
          { name: 'dot.png', mimeType: 'image/png', bytes: PNG },
          'look at this',
        );
        const message = await rig.arrived(said);
        expect(message.text).toBe('look at this');
        const attachment = message.attachments?.[0];
        expect(attachment).toMatchObject({ kind: 'image' });
        expect(attachment?.mimeType).toMatch(/^image\//);
        if (attachment === undefined) return;
        const bytes = await rig.adapter.fetchAttachment?.(attachment, 1_000_000, AbortSignal.timeout(15_000));
        expect(Buffer.from(bytes ?? []).equals(Buffer.from(PNG))).toBe(true);
      },
    );

    contractTest(makePeer, 'fetches an attachment also after a restart', ['attachment-in'], async (rig) => {
      const said = await rig.peer.attach({ name: 'dot.png', mimeType: 'image/png', bytes: PNG }, 'later');
      const attachment = (await rig.arrived(said)).attachments?.[0];
      await rig.restart();
      if (attachment === undefined) throw new Error('the message has no attachment');
      const bytes = await rig.adapter.fetchAttachment?.(attachment, 1_000_000, AbortSignal.timeout(15_000));
      expect(bytes?.byteLength).toBe(PNG.byteLength);
    });

    contractTest(makePeer, 'refuses an attachment over the limit', ['attachment-in'], async (rig) => {
      const bytes = new Uint8Array(50_000);
      bytes.set(PNG);
      const said = await rig.peer.attach({ name: 'big.png', mimeType: 'image/png', bytes }, 'big');
      const attachment = (await rig.arrived(said)).attachments?.[0];
      if (attachment === undefined) throw new Error('the message has no attachment');
      await expect(
        rig.adapter.fetchAttachment?.(attachment, 1000, AbortSignal.timeout(15_000)),
      ).rejects.toThrow();
    });

    contractTest(
      makePeer,
      'gives the same update the same identity when it comes again',
      ['replay'],
      async (rig) => {
        const said = await rig.peer.dm('only once please');
        await rig.arrived(said);
        await rig.peer.replay(said);
        const other = await rig.peer.dm('and this', { user: 1 });
        await rig.arrived(other);
        expect(rig.host.unique().map((message) => message.text)).toEqual(['only once please', 'and this']);
      },
    );

    contractTest(makePeer, 'loses nothing when updates come out of order', ['reorder'], async (rig) => {
      const [a, b] = await rig.peer.reordered('written first', 'written second');
      await rig.arrived(a);
      await rig.arrived(b);
      expect(
        rig.host
          .unique()
          .map((message) => message.text)
          .sort(),
      ).toEqual(['written first', 'written second']);
    });

    contractTest(makePeer, 'acknowledges a message only when it is durable', ['ack'], async (rig) => {
      const durable = Promise.withResolvers<void>();
      rig.host.hold = durable.promise;
      const said = await rig.peer.dm('keep me safe');
      await rig.until(() => expect(rig.host.offered.length).toBeGreaterThan(0));
      expect(rig.peer.acknowledged(said)).toBe(false);
      rig.host.hold = undefined;
      durable.resolve();
      await rig.until(() => expect(rig.peer.acknowledged(said)).toBe(true));
    });

    contractTest(makePeer, 'offers a message again that could not be stored', [], async (rig) => {
      let refusals = 0;
      rig.host.refuse = () => {
        refusals += 1;
        return refusals === 1;
      };
      const said = await rig.peer.dm('do not lose me');
      await rig.arrived(said);
      expect(rig.host.unique().map((message) => message.text)).toEqual(['do not lose me']);
      expect(refusals).toBeGreaterThan(1);
    });

    contractTest(
      makePeer,
      'does not let one message that cannot be stored block other chats',
      [],
      async (rig) => {
        rig.host.refuse = (message) => message.text === 'poison';
        await rig.peer.dm('poison', { user: 0 });
        await rig.until(() => expect(rig.host.offered.length).toBeGreaterThan(0));
        await rig.arrived(await rig.peer.dm('healthy', { user: 1 }));
        rig.host.refuse = () => false;
        await rig.until(() => expect(rig.host.accepted.some((m) => m.text === 'poison')).toBe(true));
      },
    );

    contractTest(
      makePeer,
      'keeps the order of one chat while a message of it cannot be stored',
      [],
      async (rig) => {
        let refusals = 0;
        rig.host.refuse = (message) => message.text === 'one' && ++refusals <= 2;
        await rig.peer.dm('one');
        await rig.peer.dm('two');
        await rig.arrived(await rig.peer.dm('three'));
        expect(rig.host.unique().map((message) => message.text)).toEqual(['one', 'two', 'three']);
      },
    );

    contractTest(
      makePeer,
      'ends a fetch of an unknown attachment with an error, not with a hang',
      ['attachment-in'],
      async (rig) => {
        const fetching = rig.adapter.fetchAttachment?.(
          { kind: 'file', name: 'x', mimeType: 'text/plain', ref: 'no such thing' },
          1000,
          AbortSignal.timeout(15_000),
        );
        const error: unknown = await fetching?.catch((e: unknown) => e);
        expect(error).toBeInstanceOf(Error);
        if (error instanceof DeliveryError) expect(error.message).not.toBe('');
      },
    );
  });
}
