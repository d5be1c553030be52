import * as baileys from 'baileys';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { attr } from './whatsapp/nodes.ts';
import { silent } from './whatsapp/remote-user.ts';
import { WhatsAppServer } from './whatsapp-server.ts';

type Events = { readonly qr: string[]; readonly codes: (number | undefined)[]; readonly texts: string[] };

/** baileys as it comes, without any of the adapter's guards. */
async function bare(): Promise<{
  server: WhatsAppServer;
  events: Events;
  connect: () => baileys.WASocket;
  until: (check: () => void) => Promise<void>;
}> {
  const server = new WhatsAppServer();
  await server.start();
  const creds = baileys.initAuthCreds();
  const values = new Map<string, unknown>();
  const keys: baileys.SignalKeyStore = {
    get: <T extends keyof baileys.SignalDataTypeMap>(type: T, ids: string[]) => {
      const found: { [id: string]: baileys.SignalDataTypeMap[T] } = {};
      for (const id of ids) {
        const value = values.get(`${type} ${id}`);
        if (value !== undefined && value !== null) found[id] = value as baileys.SignalDataTypeMap[T];
      }
      return found;
    },
    set: (data) => {
      for (const [type, entries] of Object.entries(data))
        for (const [id, value] of Object.entries(entries ?? {})) values.set(`${type} ${id}`, value);
    },
  };
  const events: Events = { qr: [], codes: [], texts: [] };
  const sockets: baileys.WASocket[] = [];
  onTestFinished(async () => {
    for (const socket of sockets) void socket.end(undefined);
    await server.stop();
  });
  return {
    server,
    events,
    until: (check) => vi.waitFor(check, { timeout: 20_000, interval: 10 }),
    connect() {
      const socket = baileys.makeWASocket({
        auth: { creds, keys },
        logger: silent,
        waWebSocketUrl: server.url,
        emitOwnEvents: false,
      });
      sockets.push(socket);
      socket.ev.on('connection.update', ({ qr, connection, lastDisconnect }) => {
        if (qr !== undefined) events.qr.push(qr);
        const error: unknown = lastDisconnect?.error;
        if (connection === 'close')
          events.codes.push(error instanceof Error && 'output' in error ? statusOf(error.output) : undefined);
      });
      socket.ev.on('messages.upsert', ({ messages }) => {
        for (const message of messages) events.texts.push(message.message?.conversation ?? '');
      });
      return socket;
    },
  };
}

function statusOf(output: unknown): number | undefined {
  return typeof output === 'object' && output !== null && 'statusCode' in output
    ? Number(output.statusCode)
    : undefined;
}

async function linked({ deliverQueue = true } = {}) {
  const rig = await bare();
  rig.server.deliverQueue = deliverQueue;
  rig.connect();
  await rig.until(() => expect(rig.events.qr).toHaveLength(1));
  rig.server.scan(rig.events.qr[0] ?? '');
  await rig.until(() => expect(rig.events.codes).toEqual([515]));
  const socket = rig.connect();
  await rig.until(() => expect(rig.server.bot.preKeys.length).toBeGreaterThan(800));
  await rig.until(() => expect(rig.server.connected).toBe(true));
  return { ...rig, socket };
}

describe('the local WhatsApp', () => {
  it('links the bare client, and asks for the restart', async () => {
    const { server } = await linked();
    expect(server.logins).toBe(1);
    expect(server.problems).toEqual([]);
  });

  it('refuses a QR code with another secret', async () => {
    const rig = await bare();
    rig.connect();
    await rig.until(() => expect(rig.events.qr).toHaveLength(1));
    const parts = (rig.events.qr[0] ?? '').split(',');
    parts[3] = Buffer.alloc(32).toString('base64');
    rig.server.scan(parts.join(','));
    await rig.until(() => expect(rig.events.codes).toHaveLength(1));
    expect(rig.events.codes).not.toContain(515);
  });

  it('does not link with a wrong pairing code', async () => {
    const rig = await bare();
    const socket = rig.connect();
    await rig.until(() => expect(rig.events.qr).toHaveLength(1));
    await socket.requestPairingCode('15550001111');
    await rig.until(() => rig.server.enterCode('WRONGWRO'));
    await rig.until(() => expect(rig.server.problems.length + rig.events.codes.length).toBeGreaterThan(0));
    expect(rig.events.codes).not.toContain(515);
  });

  it('keeps a message until the client has acknowledged it', async () => {
    const { server, socket, until } = await linked();
    await server.dm(server.ada, { conversation: 'kept' });
    await until(() => expect(server.acknowledged.size).toBe(1));
    await socket.end(undefined);
    await until(() => expect(server.connected).toBe(false));
    await server.dm(server.ada, { conversation: 'waiting' });
    expect(server.acknowledged.size).toBe(1);
  });

  it('answers nobody whose device was removed', async () => {
    const rig = await linked();
    rig.server.bot.linked = false;
    rig.server.drop();
    await rig.until(() => expect(rig.server.connected).toBe(false));
    rig.connect();
    await rig.until(() => expect(rig.events.codes).toContain(401));
  });
});

// What the adapter works around. When one of these fails after an update of baileys, its guard may go.
describe('baileys as it comes', () => {
  it('acknowledges a message that it has not reported yet', async () => {
    // The server is slow to say that its queue is empty.
    const { server, events, until } = await linked({ deliverQueue: false });
    const stanza = await server.sealed(server.ada, { conversation: 'hello' });
    server.raw({ ...stanza, attrs: { ...stanza.attrs, offline: '0' } });
    await until(() => expect(server.acknowledged.size).toBe(1));
    expect(events.texts).toEqual([]);
  });

  it('calls a message sent although the server has refused it', async () => {
    const { server, socket } = await linked();
    server.faults.push({ method: 'message', reply: { status: 463 } });
    const message = await socket.sendMessage(server.ada.lid, { text: 'hello' });
    expect(message?.key.id).toBeDefined();
    expect(server.sent).toEqual([]);
  });

  it('rejects a whole group message for one device without keys', async () => {
    const { server, socket } = await linked();
    const group = server.addGroup('Friends');
    server.bob.reachable = false;
    await expect(socket.sendMessage(group.jid, { text: 'hello' })).rejects.toThrow('item-not-found');
    expect(server.sent).toEqual([]);
  });

  it('asks for the members before every message into a group', async () => {
    const { server, socket } = await linked();
    const group = server.addGroup('Friends');
    for (const text of ['one', 'two', 'three']) await socket.sendMessage(group.jid, { text });
    expect(server.called('iq:w:g2').filter((iq) => attr(iq, 'to') === group.jid)).toHaveLength(3);
  });
});
