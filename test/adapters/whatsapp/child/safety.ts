/**
 * Everything known to end a process that uses baileys carelessly, one after the other, without any global handler. Ends
 * by itself with "alive" when nothing was lost and nothing is left running.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createWhatsAppAdapter } from '../../../../src/adapters/whatsapp/definition.ts';
import type { SendRequest } from '../../../../src/gateway/adapter.ts';
import type { AdapterHealth, InboundMessage } from '../../../../src/gateway/model.ts';
import { linkSession } from '../../../platforms/whatsapp/linked-session.ts';
import { must, node } from '../../../platforms/whatsapp/nodes.ts';
import { WhatsAppServer } from '../../../platforms/whatsapp-server.ts';
import { plainHost } from './host.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'whatsapp-safety-'));
const server = new WhatsAppServer();
await server.start();
let health: AdapterHealth | undefined;
const accepted: InboundMessage[] = [];
const host = plainHost(
  stateDir,
  async (message) => void accepted.push(message),
  (current) => {
    health = current;
  },
);
const newAdapter = () =>
  createWhatsAppAdapter(
    { url: server.url },
    {
      minReconnectMs: 10,
      maxReconnectMs: 50,
      ackTimeoutMs: 500,
      uploadAgent: new Agent({ rejectUnauthorized: false }),
    },
  );

async function until(what: string, check: () => boolean): Promise<void> {
  for (let n = 0; n < 1500; n += 1) {
    if (check()) return;
    await sleep(10);
  }
  throw new Error(`never: ${what} (${health?.state}, ${health?.detail})`);
}

function request(text: string, file?: string): SendRequest {
  const attachment =
    file === undefined ? {} : { attachment: { path: file, name: 'f', mimeType: 'text/plain' } };
  return {
    idempotencyKey: `${Math.random()}`,
    chat: { platform: 'whatsapp', accountId: 'default', chatId: server.ada.lid },
    part: { text, plain: text, ...attachment },
    partIndex: 0,
    partCount: 1,
    meta: { kind: 'reply' },
  };
}

// ---- while linking --------------------------------------------------------------------------------------------
let adapter = newAdapter();
await adapter.start(host);
for (let n = 0; n < 3; n += 1) {
  await until('a QR code', () => health?.qr !== undefined);
  server.drop();
  await until('no QR code', () => health?.qr === undefined);
}
await adapter.stop();
rmSync(join(stateDir, 'session'), { recursive: true });
await linkSession(join(stateDir, 'session'), server.bot);

// ---- stanzas and frames that make no sense --------------------------------------------------------------------
adapter = newAdapter();
await adapter.start(host);
const connected = () => until('a connection', () => health?.state === 'connected' && server.connected);
const faults: (() => void)[] = [
  () => server.client.sendGarbage(),
  () => server.raw(node('receipt', { id: 'x' })),
  () => server.raw(node('message', { from: server.ada.lid, type: 'text' }, [node('enc', { type: 'msg' })])),
  () => server.raw(node('notification', { from: server.ada.lid, id: 'n', type: 'encrypt' })),
  () => server.raw(node('iq', { from: 's.whatsapp.net', type: 'set', id: 'p' }, [node('pair-device', {})])),
  () => server.raw(node('iq', { from: 's.whatsapp.net', type: 'set', id: 'q' }, [node('pair-success', {})])),
  () => server.raw(node('ib', { from: 's.whatsapp.net' }, [node('dirty', {})])),
  () => server.raw(node('ib', { from: 's.whatsapp.net' }, [node('edge_routing', {})])),
  () => server.raw(node('call', { id: 'c', from: server.ada.lid })),
  () => server.raw(node('presence', {})),
  () => server.raw(node('success', {})),
];
for (const [index, fault] of faults.entries()) {
  await connected();
  fault();
  await sleep(30);
  await connected();
  const text = `after fault ${index}`;
  await server.dm(server.ada, { conversation: text });
  await until(text, () => accepted.some((message) => message.text === text));
}

// ---- ciphertext that nobody can open ----------------------------------------------------------------------------
const sealed = await server.sealed(server.bob, { conversation: 'broken' });
const enc = must(Array.isArray(sealed.content) ? sealed.content[0] : undefined, 'ciphertext');
server.raw({ ...sealed, content: [{ ...enc, content: Buffer.alloc(80, 3) }] });
await until('the phone sends again', () => accepted.some((message) => message.text === 'broken'));

// ---- files --------------------------------------------------------------------------------------------------------
const reference = await server.media.put(new Uint8Array(200_000), 'image');
await server.dm(server.ada, { imageMessage: { ...reference, mimetype: 'image/png', caption: 'picture' } });
await until('the picture', () => accepted.some((message) => message.text === 'picture'));
const file = must(accepted.find((m) => m.text === 'picture')?.attachments?.[0], 'attachment');
server.media.breakDownloads = true;
const broken = await adapter.fetchAttachment?.(file, 1_000_000, AbortSignal.timeout(10_000)).then(
  () => 'fetched',
  () => 'failed',
);
if (broken !== 'failed') throw new Error('half a file was taken for a whole one');
server.media.refuseUploads = 500;
writeFileSync(join(stateDir, 'f.txt'), 'file');
await adapter.send(request('', join(stateDir, 'f.txt')), AbortSignal.timeout(10_000)).catch(() => {});

// ---- a send that is cut, and one during stop ------------------------------------------------------------------------
server.faults.push({ method: 'message', reply: 'cut' });
await adapter.send(request('cut'), AbortSignal.timeout(10_000)).catch(() => {});
await connected();
server.acks = false;
const late = adapter.send(request('late'), AbortSignal.timeout(10_000)).catch(() => {});
await sleep(50);
await adapter.stop();
await late;
await server.stop();
rmSync(stateDir, { recursive: true, force: true });
process.stdout.write('alive\n');
