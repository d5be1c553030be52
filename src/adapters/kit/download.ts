import { GatewayError } from '../../base/errors.ts';

export const attachmentTooLarge = (name: string, maxBytes: number): GatewayError =>
  new GatewayError('attachment_too_large', `${name} is larger than ${maxBytes} bytes`, { status: 413 });

export const attachmentUnavailable = (name: string, why: string): GatewayError =>
  new GatewayError('attachment_unavailable', `${name} could not be fetched: ${why}`, { status: 502 });

/**
 * Reads a response's body, at most `maxBytes` of it; a longer one, or one of a failed request, is cancelled and rejects.
 * The declared length is only a hint: what counts is what arrives.
 */
export async function readLimited(response: Response, name: string, maxBytes: number): Promise<Uint8Array> {
  if (!response.ok) {
    await response.body?.cancel();
    throw attachmentUnavailable(name, `the server answered ${response.status}`);
  }
  if (Number(response.headers.get('content-length') ?? 0) > maxBytes) {
    await response.body?.cancel();
    throw attachmentTooLarge(name, maxBytes);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    // Leaving the loop cancels the body.
    if (size > maxBytes) throw attachmentTooLarge(name, maxBytes);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
