import { connect } from 'node:net';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { messageOf } from '../../base/errors.ts';
import type { AdapterCheck } from '../../gateway/adapter.ts';
import { type Baileys, loadBaileys } from './baileys.ts';
import { ACCOUNT, SESSION_FILE } from './credentials.ts';
import { userOf } from './jid.ts';
import { readSessionValue } from './session-file.ts';
import { chosen, sessionFolder, WHATSAPP_URL, type WhatsAppSettings } from './settings.ts';

const Creds = Type.Object({
  me: Type.Optional(Type.Object({ id: Type.String(), name: Type.Optional(Type.String()) })),
});

/**
 * Looks whether WhatsApp can be reached and which account is linked, without connecting: a second connection would end
 * the one of a gateway that runs. The session is only read.
 */
export async function checkWhatsApp(
  settings: WhatsAppSettings,
  options: { readonly load?: (() => Promise<Baileys>) | undefined; readonly stateDir: string | undefined },
  signal: AbortSignal,
): Promise<AdapterCheck> {
  const bad: string[] = [];
  const good: string[] = [];
  await loadBaileys(options.stateDir, options.load).catch((error: unknown) => bad.push(messageOf(error)));
  const url = new URL(chosen(settings.url) ?? WHATSAPP_URL);
  const proxied = settings.way?.agent(url.href) !== undefined;
  const reached = proxied ? reachByProxy(url, settings, signal) : reach(url, signal);
  await reached.catch((error: unknown) =>
    bad.push(`WhatsApp cannot be reached at ${url.host}: ${messageOf(error)}.`),
  );
  if (options.stateDir !== undefined) {
    const folder = sessionFolder(settings, options.stateDir);
    try {
      good.push(linkedAs(await readSessionValue(join(folder, SESSION_FILE), ACCOUNT, 'creds')));
    } catch (error) {
      bad.push(`${messageOf(error)}. Restore it from a backup, or delete it and link the phone again.`);
    }
  }
  return { ok: bad.length === 0, findings: [...bad, ...good] };
}

function linkedAs(stored: string | undefined): string {
  const creds: unknown = stored === undefined ? undefined : JSON.parse(stored);
  const me = Value.Check(Creds, creds) ? creds.me : undefined;
  if (me === undefined)
    return 'No account is linked yet: start the adapter and scan the QR code in the console with the phone (Settings > Linked devices), or set platforms.whatsapp.pairingPhone for a code to type.';
  const name = me.name === undefined || me.name === '~' ? '' : `${me.name} `;
  return `Linked as ${name}+${userOf(me.id)}.`;
}

/** Whatever the server answers, it is there. */
async function reachByProxy(url: URL, { way }: WhatsAppSettings, signal: AbortSignal): Promise<void> {
  const response = await way?.fetch(url.href.replace(/^ws/, 'http'), { signal });
  await response?.body?.cancel();
}

/** Opens a connection and closes it again: whether anybody is there, nothing more. */
function reach(url: URL, signal: AbortSignal): Promise<void> {
  const port = Number(url.port) || (url.protocol === 'wss:' ? 443 : 80);
  return new Promise((done, fail) => {
    const socket = connect({ host: url.hostname, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      done();
    });
    socket.once('error', fail);
  });
}
