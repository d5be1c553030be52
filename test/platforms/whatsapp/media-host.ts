/** Where files lie: encrypted, over plain HTTP for downloads and HTTPS with its own certificate for uploads. */
import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getMediaKeys } from 'baileys';
import { CERTIFICATE, PRIVATE_KEY } from './certificate.ts';
import { must } from './nodes.ts';

export type FileKind = 'image' | 'video' | 'audio' | 'document' | 'sticker';

/** The fields of a media message that lead to a file. */
export interface FileReference {
  readonly url: string;
  readonly mediaKey: Uint8Array;
  readonly fileSha256: Uint8Array;
  readonly fileEncSha256: Uint8Array;
  readonly fileLength: number;
}

export class MediaHost {
  readonly #files = new Map<string, Buffer>();
  readonly #download: Server;
  readonly #upload: Server;
  #port = 0;
  /** `host:port` that takes uploads. */
  uploadHost = '';
  /** While set, downloads end in the middle. */
  breakDownloads = false;
  /** While set, uploads are refused with this status. */
  refuseUploads: number | undefined;

  constructor() {
    this.#download = createServer((request, response) => {
      const file = this.#files.get(request.url ?? '');
      if (file === undefined) return response.writeHead(404).end();
      response.writeHead(200, { 'content-length': file.length });
      if (!this.breakDownloads) return response.end(file);
      response.write(file.subarray(0, file.length / 2), () => response.destroy());
      return undefined;
    });
    this.#upload = createSecureServer({ key: PRIVATE_KEY, cert: CERTIFICATE }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (this.refuseUploads !== undefined) return response.writeHead(this.refuseUploads).end('{}');
        const path = new URL(request.url ?? '', 'https://x').pathname;
        this.#files.set(path, Buffer.concat(chunks));
        return response.end(JSON.stringify({ url: `http://127.0.0.1:${this.#port}${path}` }));
      });
    });
  }

  async start(): Promise<void> {
    this.#port = await listen(this.#download);
    this.uploadHost = `127.0.0.1:${await listen(this.#upload)}`;
  }

  async stop(): Promise<void> {
    for (const server of [this.#download, this.#upload]) {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  }

  /** Encrypts a file as a phone does and stores it. */
  async put(bytes: Uint8Array, kind: FileKind): Promise<FileReference> {
    const mediaKey = randomBytes(32);
    const { iv, cipherKey, macKey } = await getMediaKeys(mediaKey, kind);
    const cipher = createCipheriv('aes-256-cbc', cipherKey, iv);
    const body = Buffer.concat([cipher.update(bytes), cipher.final()]);
    const mac = createHmac('sha256', must(macKey, 'key')).update(iv).update(body).digest().subarray(0, 10);
    const file = Buffer.concat([body, mac]);
    const path = `/v/${randomBytes(8).toString('hex')}`;
    this.#files.set(path, file);
    return {
      url: `http://127.0.0.1:${this.#port}${path}`,
      mediaKey,
      fileSha256: createHash('sha256').update(bytes).digest(),
      fileEncSha256: createHash('sha256').update(file).digest(),
      fileLength: bytes.length,
    };
  }

  /** Decrypts a file that the bot uploaded. */
  async get(url: string, mediaKey: Uint8Array, kind: FileKind): Promise<Buffer> {
    const file = must(this.#files.get(new URL(url).pathname), 'such file');
    const { iv, cipherKey, macKey } = await getMediaKeys(mediaKey, kind);
    const body = file.subarray(0, -10);
    const mac = createHmac('sha256', must(macKey, 'key')).update(iv).update(body).digest().subarray(0, 10);
    if (!mac.equals(file.subarray(-10))) throw new Error('the uploaded file is not authentic');
    const cipher = createDecipheriv('aes-256-cbc', cipherKey, iv);
    return Buffer.concat([cipher.update(body), cipher.final()]);
  }

  /** Changes one byte of a stored file. */
  damage(url: string): void {
    const file = must(this.#files.get(new URL(url).pathname), 'such file');
    file[0] = (file[0] ?? 0) ^ 1;
  }

  remove(url: string): void {
    this.#files.delete(new URL(url).pathname);
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
