import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { Capabilities, Part } from '../../../src/gateway/adapter.ts';
import { PNG } from './inbound.ts';
import { contractTest, type MakePeer } from './rig.ts';

function size(text: string, unit: Capabilities['textUnit']): number {
  if (unit === 'utf16') return text.length;
  if (unit === 'codepoints') return [...text].length;
  return Buffer.byteLength(text);
}

/** 10,000 characters with paragraphs, code and emoji; every word carries its number. */
function longText(): string {
  const lines: string[] = [];
  for (let n = 0, length = 0; length < 10_000; n += 1) {
    const word = `w${String(n).padStart(4, '0')}`;
    const line =
      n % 40 === 10
        ? '\n```js'
        : n % 40 === 20
          ? '```\n'
          : n % 7 === 0
            ? `${word} 🙂👩‍👩‍👧 and some words of text.\n`
            : `${word} plain words of a sentence that goes on.`;
    lines.push(line);
    length += line.length + 1;
  }
  return lines.join('\n');
}

const numbers = (text: string): string[] => text.match(/w\d{4}/g) ?? [];

export function outboundContract(makePeer: MakePeer): void {
  describe('messages out', () => {
    contractTest(makePeer, 'answers in the chat that asked, with proof', [], async (rig) => {
      const message = await rig.arrived(await rig.peer.dm('hello'));
      const { messageId } = await rig.send(message.chat, 'hello yourself', { replyTo: message.messageId });
      await rig.until(() => expect(rig.texts(message.chat)).toEqual(['hello yourself']));
      expect(messageId).not.toBe('');
    });

    contractTest(
      makePeer,
      'cuts a long answer into parts that the platform takes, complete and in order',
      [],
      async (rig) => {
        const { chat } = await rig.arrived(await rig.peer.dm('tell me everything'));
        const text = longText();
        const parts = rig.adapter.format(text);
        const { textLimit, textUnit } = rig.adapter.capabilities;
        for (const [index, part] of parts.entries()) {
          expect(size(part.plain, textUnit)).toBeLessThanOrEqual(textLimit);
          await rig.send(chat, part, { index, count: parts.length });
        }
        await rig.until(() => expect(rig.texts(chat)).toHaveLength(parts.length));
        const got = rig.texts(chat).join('\n');
        expect(numbers(got)).toEqual(numbers(text));
        expect(got.isWellFormed()).toBe(true);
        expect(got.includes('\uFFFD')).toBe(false);
        expect(got.match(/🙂/gu)?.length).toBe(text.match(/🙂/gu)?.length);
      },
    );

    contractTest(makePeer, 'shows text that looks like markup as text', [], async (rig) => {
      const { chat } = await rig.arrived(await rig.peer.dm('code please'));
      for (const part of rig.adapter.format('if a < b && c > d then `x * y * z`')) await rig.send(chat, part);
      await rig.until(() => expect(rig.texts(chat).join('')).toContain('a < b && c > d'));
      expect(rig.texts(chat).join('')).toContain('x * y * z');
    });

    contractTest(makePeer, 'streams a draft by editing it', ['edit'], async (rig) => {
      const { chat } = await rig.arrived(await rig.peer.dm('stream'));
      const { messageId } = await rig.send(chat, 'one');
      const signal = AbortSignal.timeout(30_000);
      await rig.adapter.edit?.(chat, messageId, { text: 'one two', plain: 'one two' }, signal);
      await rig.adapter.edit?.(chat, messageId, { text: 'one two three', plain: 'one two three' }, signal);
      await rig.until(() => expect(rig.texts(chat)).toEqual(['one two three']));
    });

    contractTest(makePeer, 'takes an edit without a change as done', ['edit'], async (rig) => {
      const { chat } = await rig.arrived(await rig.peer.dm('stream'));
      const { messageId } = await rig.send(chat, 'same');
      await rig.adapter.edit?.(chat, messageId, { text: 'same', plain: 'same' }, AbortSignal.timeout(30_000));
      expect(rig.texts(chat)).toEqual(['same']);
    });

    contractTest(makePeer, 'deletes its own message', ['delete'], async (rig) => {
      const { chat } = await rig.arrived(await rig.peer.dm('oops'));
      const { messageId } = await rig.send(chat, 'forget this');
      await rig.adapter.delete?.(chat, messageId, AbortSignal.timeout(30_000));
      await rig.until(() => expect(rig.texts(chat)).toEqual([]));
      await rig.adapter.delete?.(chat, messageId, AbortSignal.timeout(30_000));
    });

    contractTest(makePeer, 'shows that it is typing', ['typing'], async (rig) => {
      const { chat } = await rig.arrived(await rig.peer.dm('are you there'));
      await rig.adapter.typing?.(chat, true);
      await rig.until(() => expect(rig.peer.typingShown(chat)).toBeGreaterThan(0));
      await rig.adapter.typing?.(chat, false);
    });

    contractTest(makePeer, 'sends a file with a caption', ['attachment-out'], async (rig) => {
      const { chat } = await rig.arrived(await rig.peer.dm('picture please'));
      const path = join(rig.stateDir, 'dot.png');
      await writeFile(path, PNG);
      const part: Part = {
        text: 'here',
        plain: 'here',
        attachment: { path, name: 'dot.png', mimeType: 'image/png' },
      };
      await rig.send(chat, part);
      await rig.until(() => {
        const sent = rig.peer.sent(chat).find((message) => message.attachment !== undefined);
        expect(Buffer.from(sent?.attachment?.bytes ?? []).equals(Buffer.from(PNG))).toBe(true);
      });
      expect(rig.texts(chat).join('')).toContain('here');
    });

    contractTest(
      makePeer,
      'refuses a file that does not exist without touching the chat',
      ['attachment-out'],
      async (rig) => {
        const { chat } = await rig.arrived(await rig.peer.dm('picture please'));
        const attachment = {
          path: join(rig.stateDir, 'absent.png'),
          name: 'absent.png',
          mimeType: 'image/png',
        };
        const error = await rig.refused(rig.send(chat, { text: 'here', plain: 'here', attachment }));
        expect(error.failure).toBe('rejected');
        expect(rig.texts(chat)).toEqual([]);
      },
    );

    contractTest(makePeer, 'ends a send at once when it is aborted', [], async (rig) => {
      const { chat } = await rig.arrived(await rig.peer.dm('hello'));
      const sending = rig.adapter.send(
        {
          idempotencyKey: 'aborted',
          chat,
          part: { text: 'never', plain: 'never' },
          partIndex: 0,
          partCount: 1,
          meta: { kind: 'reply' },
        },
        AbortSignal.abort(),
      );
      await expect(sending).rejects.toThrow();
      expect(rig.texts(chat)).toEqual([]);
    });
  });
}
