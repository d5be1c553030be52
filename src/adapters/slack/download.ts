import type { Attachment } from '../../gateway/model.ts';
import { attachmentUnavailable, readLimited } from '../kit/download.ts';
import type { Way } from '../kit/way.ts';
import { fieldsOf } from './fields.ts';
import { readRef, urlOf } from './files.ts';
import type { WebClient } from './web-client.ts';

interface DownloadOptions {
  readonly client: WebClient;
  readonly way: Way;
  readonly botToken: string;
  readonly apiUrl: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

const MAX_REDIRECTS = 3;

/**
 * The bytes of a file in Slack. The bot token goes only to Slack's own hosts and to the configured server: the address
 * in an event may lead anywhere (a file on another service).
 */
export async function downloadFile(attachment: Attachment, options: DownloadOptions): Promise<Uint8Array> {
  const ref = readRef(attachment.ref);
  if (ref === undefined) throw attachmentUnavailable(attachment.name, 'this is not a Slack file');
  let url = ref.url ?? urlOf(fieldsOf((await options.client.files.info({ file: ref.id })).file));
  const origin = url === undefined ? '' : new URL(url).origin;
  for (let hop = 0; url !== undefined && hop <= MAX_REDIRECTS; hop += 1) {
    const here = new URL(url);
    if (!isOurs(here, options.apiUrl))
      throw attachmentUnavailable(attachment.name, `it is outside Slack, at ${here.host}`);
    const response: Response = await options.way.fetch(here.href, {
      headers: { authorization: `Bearer ${options.botToken}` },
      redirect: 'manual',
      signal: options.signal,
    });
    const next = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
    if (next === null) return body(response, attachment, options.maxBytes, here.origin !== origin);
    await response.body?.cancel();
    url = new URL(next, here).href;
  }
  throw attachmentUnavailable(attachment.name, 'Slack named no address for it');
}

function isOurs(url: URL, apiUrl: string): boolean {
  if (url.origin === new URL(apiUrl).origin) return true;
  return (
    url.protocol === 'https:' &&
    /(^|\.)(slack\.com|slack-gov\.com|slack-edge\.com|slack-files\.com)$/.test(url.hostname)
  );
}

/** `led`: Slack led to another host. */
async function body(
  response: Response,
  attachment: Attachment,
  maxBytes: number,
  led: boolean,
): Promise<Uint8Array> {
  const { name, mimeType } = attachment;
  const type = response.headers.get('content-type') ?? '';
  // Without the scope files:read Slack answers with its sign-in page and status 200.
  const signIn = type.startsWith('text/html') && (led || !mimeType.startsWith('text/'));
  if (response.ok && !signIn) return readLimited(response, name, maxBytes);
  await response.body?.cancel();
  throw attachmentUnavailable(
    name,
    signIn ? 'the app lacks the scope files:read' : `HTTP ${response.status}`,
  );
}
