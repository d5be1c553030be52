import * as baileys from 'baileys';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchMedia, type MediaRef, mediaUrl, refOfMedia } from '../../../src/adapters/whatsapp/media.ts';
import { MediaHost } from '../../platforms/whatsapp/media-host.ts';

const host = new MediaHost();
beforeAll(() => host.start());
afterAll(() => host.stop());

const BYTES = new Uint8Array(100_000).map((_, n) => n % 251);

async function stored(change: Partial<MediaRef> = {}) {
  const file = await host.put(BYTES, 'document');
  const ref = refOfMedia({
    type: 'document',
    key: Buffer.from(file.mediaKey).toString('base64'),
    url: file.url,
    sha256: Buffer.from(file.fileSha256).toString('base64'),
    ...change,
  });
  return { url: file.url, attachment: { kind: 'file', name: 'f', mimeType: 'x/y', ref } as const };
}

function fetched(
  attachment: { kind: 'file'; name: string; mimeType: string; ref: string; sizeBytes?: number },
  maxBytes = 1_000_000,
  localHost: string | undefined = '127.0.0.1',
  signal = AbortSignal.timeout(15_000),
) {
  return fetchMedia(attachment, maxBytes, {
    baileys,
    signal,
    ...(localHost === undefined ? {} : { localHost }),
  });
}

describe('a file that somebody sent', () => {
  it('is decrypted and complete', async () => {
    const { attachment } = await stored();
    expect(Buffer.from(await fetched(attachment)).equals(Buffer.from(BYTES))).toBe(true);
  });

  it('may be exactly as large as allowed, and not one byte larger', async () => {
    const { attachment } = await stored();
    expect((await fetched(attachment, BYTES.length)).byteLength).toBe(BYTES.length);
    await expect(fetched(attachment, BYTES.length - 1)).rejects.toThrow('larger than');
  });

  it('is not even asked for when its announced size is too large', async () => {
    const { attachment, url } = await stored();
    host.remove(url);
    await expect(fetched({ ...attachment, sizeBytes: 2000 }, 1000)).rejects.toThrow('larger than');
  });

  it('is not read to its end when it is larger than announced', async () => {
    const { attachment } = await stored();
    await expect(fetched({ ...attachment, sizeBytes: 10 }, 1000)).rejects.toThrow('larger than');
  });

  it('is refused when a byte was changed on the way', async () => {
    const { attachment, url } = await stored();
    host.damage(url);
    await expect(fetched(attachment)).rejects.toThrow('damaged');
  });

  it('is refused when it is not the file that was announced', async () => {
    const { attachment } = await stored({ sha256: Buffer.alloc(32).toString('base64') });
    await expect(fetched(attachment)).rejects.toThrow('damaged');
  });

  it('that WhatsApp has deleted says what to do', async () => {
    const { attachment, url } = await stored();
    host.remove(url);
    await expect(fetched(attachment)).rejects.toMatchObject({
      hint: expect.stringContaining('send it again'),
    });
  });

  it('whose connection breaks is an error', async () => {
    const { attachment } = await stored();
    host.breakDownloads = true;
    await expect(fetched(attachment)).rejects.toThrow();
    host.breakDownloads = false;
  });

  it('is no longer waited for once the fetch is cancelled', async () => {
    const { attachment } = await stored();
    await expect(fetched(attachment, 1_000_000, '127.0.0.1', AbortSignal.abort())).rejects.toThrow();
  });

  it('is never fetched from an address of the sender', async () => {
    const { attachment } = await stored({ url: 'http://169.254.169.254/latest/meta-data' });
    await expect(fetched(attachment)).rejects.toMatchObject({ code: 'attachment_refused' });
  });
});

describe('the address of a file', () => {
  it.each<[string, Partial<MediaRef>]>([
    ['a host inside the network', { url: 'http://169.254.169.254/latest/meta-data' }],
    ['a host that looks like it', { url: 'https://whatsapp.net.evil.example/x' }],
    ['another that looks like it', { url: 'https://evilwhatsapp.net/x' }],
    ['WhatsApp without encryption of the way', { url: 'http://mmg.whatsapp.net/x' }],
    ['a path that names another host', { path: '//evil.example/x' }],
    ['a path that is an address', { path: 'https://evil.example/x' }],
    ['a file of this computer', { url: 'file:///etc/passwd' }],
    ['nothing', { url: '' }],
    ['no address', {}],
  ])('is not %s', (_name, media) => {
    expect(mediaUrl(media)).toBeUndefined();
    expect(mediaUrl(media, '127.0.0.1')).toBeUndefined();
  });

  it.each<[Partial<MediaRef>, string]>([
    [{ path: '/v/t62/x?a=b' }, 'https://mmg.whatsapp.net/v/t62/x?a=b'],
    [{ path: '@evil.example/x' }, 'https://mmg.whatsapp.net/@evil.example/x'],
    [{ url: 'https://media-fra3-1.cdn.whatsapp.net/x' }, 'https://media-fra3-1.cdn.whatsapp.net/x'],
    [{ path: '/v/x', url: 'http://10.0.0.1/x' }, 'https://mmg.whatsapp.net/v/x'],
  ])('%o is %s', (media, url) => {
    expect(mediaUrl(media)?.href).toBe(url);
  });

  it('may be on the local server that is configured, and only then', () => {
    expect(mediaUrl({ url: 'http://127.0.0.1:9/x' }, '127.0.0.1')?.href).toBe('http://127.0.0.1:9/x');
    expect(mediaUrl({ url: 'http://127.0.0.1:9/x' })).toBeUndefined();
  });
});
