import type { IncomingMessage } from 'node:http';
import { RequestRefused } from './refusal.ts';

function tooLarge(limit: number): RequestRefused {
  return new RequestRefused('body_too_large', `the body is larger than ${limit} bytes`, {
    status: 413,
    hint: 'Send less at once.',
    // What is left of the body is not read, so the connection cannot be used again.
    headers: { Connection: 'close' },
  });
}

/**
 * The whole body of a request, at most `limit` bytes (a larger one is refused with 413 without reading it to its
 * end). Ends with the connection or the server's request timeout.
 */
export async function readBody(incoming: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(incoming.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += bytes.length;
    if (size > limit) throw tooLarge(limit);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks, size);
}
