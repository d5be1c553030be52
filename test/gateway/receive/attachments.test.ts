import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Attachment, InboundMessage } from '../../../src/gateway/model.ts';
import { ATTACHMENT_LIMITS, prepareInput, sniffImage } from '../../../src/gateway/receive/agent-input.ts';
import { InTestAdapter } from '../in-test-adapter.ts';
import { TestPlatform } from '../test-platform.ts';

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==',
  'base64',
);
let folder: string;
let adapter: InTestAdapter;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'attachments-'));
  adapter = new InTestAdapter('telegram', new TestPlatform());
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function message(
  files: Record<string, Uint8Array | Error>,
  over: Partial<InboundMessage> = {},
): InboundMessage {
  const attachments = Object.entries(files).map(([name, bytes]): Attachment => {
    adapter.files.set(name, bytes);
    return { kind: 'file', name, mimeType: 'image/png', ref: name };
  });
  return {
    dedupeKey: '1',
    chat: { platform: 'telegram', accountId: 'default', chatId: 'c' },
    chatKind: 'dm',
    sender: { id: 'ada', name: 'Ada' },
    text: 'look',
    messageId: '1',
    mentioned: true,
    attachments,
    ...over,
  };
}
const prepare = (files: Record<string, Uint8Array | Error>, over?: Partial<InboundMessage>) =>
  prepareInput(message(files, over), adapter, folder, { context: 'off' });

describe('what a file is', () => {
  it.each([
    ['image/png', [0x89, 0x50, 0x4e, 0x47, 0x0d]],
    ['image/jpeg', [0xff, 0xd8, 0xff, 0xe0]],
    ['image/gif', [...Buffer.from('GIF89a')]],
    ['image/webp', [...Buffer.from('RIFF\0\0\0\0WEBPVP8 ')]],
  ])('%s is known by its bytes', (type, bytes) => expect(sniffImage(Uint8Array.from(bytes))).toBe(type));

  it.each(['', 'GIF', 'RIFF\0\0\0\0WAVE', '<svg/>', 'PNG'])('%j is no image', (bytes) =>
    expect(sniffImage(Buffer.from(bytes))).toBeUndefined(),
  );
});

describe('the agent gets', () => {
  it('an image as an image, whatever its name says', async () => {
    const { text, images } = await prepare({ 'notes.txt': PNG });
    expect(text).toBe('look');
    expect(images).toEqual([{ mimeType: 'image/png', dataBase64: PNG.toString('base64') }]);
  });

  it('no image where there is none, whatever the platform says', async () => {
    const { text, images } = await prepare({ 'photo.png': Buffer.from('hello') });
    expect(images).toBeUndefined();
    expect(text).toContain('hello');
  });

  it('a small text inline, in a fence that its content cannot close', async () => {
    const { text } = await prepare({ 'a.md': Buffer.from('before\n```\ninside\n````\nafter') });
    expect(text).toBe('look\n\n⟦attached file "a.md"⟧\n`````\nbefore\n```\ninside\n````\nafter\n`````');
  });

  it('everything else as a file that it is told the path of', async () => {
    const large = Buffer.alloc(ATTACHMENT_LIMITS.inlineTextBytes + 1, 'a');
    for (const bytes of [Buffer.from([0, 1, 2, 3]), Buffer.from([0xff, 0xfe, 0x41]), large]) {
      const { text } = await prepare({ 'data.bin': bytes });
      const path = /saved to (.+)⟧$/.exec(text)?.[1] ?? '';
      expect(readFileSync(path).equals(bytes)).toBe(true);
    }
  });

  it('an image that is too large for a model as a file', async () => {
    const { images, text } = await prepare({ 'photo.png': Buffer.concat([PNG, Buffer.alloc(6_000_000)]) });
    expect(images).toBeUndefined();
    expect(text).toContain('saved to');
  });

  it('the files of a quoted and of a forwarded message like its own', async () => {
    const file = (name: string, bytes: Uint8Array): Attachment => {
      adapter.files.set(name, bytes);
      return { kind: 'file', name, mimeType: 'text/plain', ref: name };
    };
    const { text, images } = await prepare(
      {},
      {
        replyTo: { messageId: '0', author: 'Bob', attachments: [file('plan.txt', Buffer.from('the plan'))] },
        forwardedFrom: { author: 'Carol', attachments: [file('photo.png', PNG)] },
      },
    );
    expect(images).toHaveLength(1);
    expect(text).toBe(
      'look\n\n⟦forwarded file "photo.png" is image 1⟧\n\n⟦quoted file "plan.txt"⟧\n```\nthe plan\n```',
    );
  });

  it('what the message replies to, quoted', async () => {
    const { text } = await prepare({}, { replyTo: { messageId: '0', text: 'one\ntwo' } });
    expect(text).toBe('⟦it answers a message by an unnamed author⟧\n> one\n> two\n⟦message⟧\nlook');
  });
});

describe('a name from outside', () => {
  it.each([
    '../../../etc/passwd',
    '/etc/passwd',
    '..',
    '.',
    '.bashrc',
    'a/b\\c',
    'x'.repeat(500),
    '\u0000\u0001',
    'CON:*?"<>|',
    '日本語 ファイル.pdf',
  ])('%j never leaves the session’s folder', async (name) => {
    const { text } = await prepare({ [name]: Buffer.from([0]) });
    const path = /saved to (.+)⟧$/s.exec(text)?.[1] ?? '';
    expect(dirname(dirname(path))).toBe(folder);
    expect(path.length - dirname(path).length).toBeLessThanOrEqual(101);
    expect(readFileSync(path)).toHaveLength(1);
  });
});

describe('a file that cannot be had', () => {
  it('is a sentence, and the turn goes on; nothing of an address or a token is in it', async () => {
    const { text } = await prepare({
      'a.bin': new Error('GET https://api.telegram.org/file/bot12345:SECRET/doc failed'),
      'b.txt': Buffer.from('fine'),
    });
    expect(text).toContain('⟦attached file "a.bin" could not be fetched');
    expect(text).not.toContain('SECRET');
    expect(text).toContain('fine');
  });

  it('is too large by what the platform says, or by what comes', async () => {
    const big = { ...message({ 'a.bin': Buffer.from([0]) }) };
    const said = await prepareInput(
      { ...big, attachments: (big.attachments ?? []).map((each) => ({ ...each, sizeBytes: 30_000_000 })) },
      adapter,
      folder,
    );
    expect(said.text).toContain('larger than 20 MB');
    expect((await prepare({ 'c.bin': Buffer.alloc(ATTACHMENT_LIMITS.maxBytes + 1) })).text).toMatch(/large/);
  });

  it('is one of too many', async () => {
    const files = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`f${i}.txt`, Buffer.from('x')]));
    const { text } = await prepare(files);
    expect(text.match(/could not be fetched/g)).toHaveLength(5);
  });

  it('comes from a platform that is not connected', async () => {
    const { text } = await prepareInput(message({ 'a.bin': PNG }), undefined, folder);
    expect(text).toContain('not connected');
  });
});
