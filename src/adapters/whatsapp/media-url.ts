import type { MediaRef } from './media-ref.ts';

const MEDIA_HOST = 'https://mmg.whatsapp.net';
const OWN_HOST = /(?:^|\.)whatsapp\.net$/;

/**
 * Where a file lies. The address comes from the sender of the message, so only WhatsApp's own hosts are asked, never one
 * of the sender's choice (a machine inside the network, for instance). Undefined for any other.
 *
 * @param localHost host of a self-hosted server, trusted beside WhatsApp's own
 */
export function mediaUrl(media: Pick<MediaRef, 'path' | 'url'>, localHost?: string): URL | undefined {
  const url = parse(media);
  if (url === undefined) return undefined;
  const own = url.protocol === 'https:' && OWN_HOST.test(url.hostname);
  const local = url.hostname === localHost && /^https?:$/.test(url.protocol);
  return own || local ? url : undefined;
}

function parse({ path, url }: Pick<MediaRef, 'path' | 'url'>): URL | undefined {
  try {
    return path === undefined ? new URL(url ?? '') : new URL(path, MEDIA_HOST);
  } catch {
    return undefined;
  }
}
