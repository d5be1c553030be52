import type { Agent } from 'node:https';
import type { BinaryNode, ConnectionState, UserFacingSocketConfig } from 'baileys';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { HealthTracker } from '../kit/supervisor.ts';
import { ParkedError, PULSE, Pulse, REACH_MS } from '../kit/supervisor.ts';
import { bareJid, isBroadcast, personOf, userOf } from './addresses.ts';
import type { Socket } from './baileys.ts';
import { baileysLogger, chosen, WHATSAPP_URL, type WhatsAppSettings, withProvenServer } from './baileys.ts';
import { closeReason, property } from './close-reason.ts';
import type { Credentials } from './credentials.ts';
import type { Line } from './send.ts';
import { Acks } from './send.ts';
import type { Session } from './session.ts';
import { SignalGate } from './signal-gate.ts';

/** Longest wait for the closing handshake; a peer that is gone never answers it. */
const CLOSE_GRACE_MS = 500;

/**
 * Keeps a fault inside baileys from ending the process: its stanza handlers are async functions on a plain event
 * emitter, so a frame it cannot decrypt, or a send on a closing socket, would be an unhandled rejection. Call once,
 * right after the socket is made.
 */
function containRejections(socket: Socket, onFault: (error: unknown) => void): void {
  const { ws } = socket;
  for (const event of ws.eventNames())
    for (const listener of ws.listeners(event)) {
      ws.off(event, listener as () => void);
      ws.on(event, (...args: unknown[]) => {
        const result: unknown = Reflect.apply(listener, ws, args);
        if (result instanceof Promise) result.catch(onFault);
      });
    }
}

/**
 * One member's device without keys (item-not-found) makes baileys reject a whole group send. Leaving that device out of
 * the server's answer lets the message reach all others.
 */
function skipUnreachableDevices(socket: Socket, onSkip: (jid: string) => void): void {
  socket.ws.on('frame', (frame: unknown) => {
    if (!isNode(frame) || frame.tag !== 'iq' || !Array.isArray(frame.content)) return;
    for (const list of frame.content) {
      if (list.tag !== 'list' || !Array.isArray(list.content)) continue;
      list.content = list.content.filter((user) => {
        const failed = user.tag === 'user' && Array.isArray(user.content) && user.content.some(isError);
        if (failed) onSkip(user.attrs['jid'] ?? '');
        return !failed;
      });
    }
  });
}

/**
 * Keeps messages in the order in which they come. baileys works off what waited on the server (`offline`) in a queue of
 * its own, which live messages overtake; marked like those, they line up behind them. The mark has no other effect but
 * the event's type, `append` instead of `notify`.
 */
function keepWireOrder(socket: Socket): void {
  socket.ws.on('frame', (frame: unknown) => {
    if (isNode(frame) && frame.tag === 'message') frame.attrs['offline'] ??= '0';
  });
}

/**
 * Ends a socket for good, within a second. baileys' own `end` waits up to 30 s for a closing handshake, and leaves
 * queries waiting for their timeout (a minute) because it takes their listeners away.
 */
async function endSocket(socket: Socket): Promise<void> {
  const timer = setTimeout(() => terminate(socket), CLOSE_GRACE_MS);
  try {
    await socket.end(undefined);
  } finally {
    clearTimeout(timer);
    releaseQueries(socket);
  }
}

/** Rejects what still waits for an answer on a socket that has ended. */
function releaseQueries(socket: Socket): void {
  socket.ws.emit('error', new Error('the connection has ended'));
}

/** Cuts the TCP connection. */
function terminate(socket: Socket): void {
  const raw = property(socket.ws, 'socket');
  const cut = property(raw, 'terminate');
  if (typeof cut === 'function') Reflect.apply(cut, raw, []);
}

function isNode(value: unknown): value is BinaryNode {
  return typeof property(value, 'tag') === 'string';
}

function isError(node: BinaryNode): boolean {
  return node.tag === 'error';
}

/** Where files are uploaded to; the exact host is named by WhatsApp. */
const MEDIA_URL = 'https://mmg.whatsapp.net';

export interface ConnectionOptions {
  readonly settings: WhatsAppSettings;
  readonly session: Session;
  readonly health: HealthTracker;
  readonly log: Logger;
  readonly now: () => number;
  /** The connection that messages can go out on; undefined when it has ended. */
  readonly onLine: (line: Line | undefined) => void;
  /** For uploads to a server with a certificate of its own. */
  readonly uploadAgent?: Agent;
  /** How long one QR code is shown; default 60 s for the first of a series and 20 s for each that follows. */
  readonly qrTimeoutMs?: number;
  /** When a silent server is asked for a heartbeat, and how long it has for it; default 4 s and 4.5 s. */
  readonly quietMs?: number;
  readonly answerMs?: number;
}

/** baileys' own question for a heartbeat; ours comes sooner, but only once logged in. */
const KEEP_ALIVE_MS = 30_000;
const HEARTBEAT_REPORT_MS = 15_000;

/** One connection's whole life: settles when it has ended, with the error that says what to do next. */
export async function runConnection(
  options: ConnectionOptions,
  connected: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { session, health, log } = options;
  const { baileys, credentials, linking, reception, groups, messages } = session;
  const ended = new AbortController();
  const closed = Promise.withResolvers<unknown>();
  const gate = new SignalGate({
    baileys,
    me: () => ({ id: credentials.creds.me?.id ?? '', lid: credentials.creds.me?.lid ?? '' }),
    take: (raw) => reception.take(raw),
  });
  credentials.forgetHalfLink();
  const socket = openSocket(options, gate);
  const acks = new Acks();
  containRejections(socket, (error) => {
    log.error(`the connection failed: ${messageOf(error)}`);
    void socket.end(error instanceof Error ? error : undefined);
  });
  skipUnreachableDevices(socket, () => log.debug('a device without keys was left out of a group message'));
  keepWireOrder(socket);
  socket.ws.on('CB:message', gate.stanza);
  listenForAcks(socket, acks);
  // baileys listens for an HTTP refusal of the upgrade without doing anything about it: nothing more would happen.
  socket.ws.on('unexpected-response', (_request: unknown, response: unknown) =>
    closed.resolve(new Error(`the server answers HTTP ${property(response, 'statusCode')}`)),
  );

  const pulse = watch(socket, options, () => closed.resolve(new Error('WhatsApp stopped responding')));
  const onUpdate = (update: Partial<ConnectionState>): void => {
    if (update.connection === 'close') closed.resolve(update.lastDisconnect?.error);
    if (signal.aborted) return;
    if (update.qr !== undefined) linking.show(update.qr, socket);
    if (update.isNewLogin === true) {
      linking.linked();
      credentials.setLinkedAt(options.now()).catch((error: unknown) => saveFailed(log, error));
    }
    if (update.connection === 'open') {
      linking.hide();
      health.change({ account: accountOf(credentials), lastHeartbeatAt: options.now() });
      options.onLine({
        baileys,
        socket,
        acks,
        messages,
        groups,
        logger: baileysLogger(log),
        ended: ended.signal,
      });
      connected();
      pulse.start();
    }
  };
  socket.ev.on('connection.update', onUpdate);
  socket.ev.on('creds.update', () => {
    credentials.save().catch((error: unknown) => saveFailed(log, error));
  });
  socket.ev.on('messages.upsert', ({ messages: raws }) => void reception.upsert(raws));
  socket.ev.on('groups.update', (changed) => {
    for (const group of changed) groups.forget(group.id);
  });
  socket.ev.on('group-participants.update', ({ id }) => groups.forget(id));
  const onAbort = (): void => closed.resolve(undefined);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();

  try {
    const error = await closed.promise;
    if (signal.aborted) return;
    if (!credentials.linked && messageOf(error).startsWith('QR refs')) throw linking.expired();
    const reason = closeReason(error);
    if (reason.loggedOut) await credentials.wipe();
    throw reason.error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    pulse.stop();
    options.onLine(undefined);
    groups.forgetAll();
    linking.hide();
    ended.abort();
    acks.end();
    await endSocket(socket);
  }
}

function openSocket(options: ConnectionOptions, gate: SignalGate): Socket {
  const { settings, session, log } = options;
  const { baileys, credentials, groups, messages } = session;
  const version = chosen(settings.version);
  const config: UserFacingSocketConfig = {
    auth: { creds: credentials.creds, keys: credentials.keys },
    logger: baileysLogger(log),
    makeSignalRepository: gate.makeRepository,
    getMessage: async (key) => messages.find(key.remoteJid, key.id),
    cachedGroupMetadata: async (jid) => groups.fresh(jid),
    // Status updates and channels are not even decrypted.
    shouldIgnoreJid: (jid) => isBroadcast(jid),
    markOnlineOnConnect: settings.markOnline ?? false,
    syncFullHistory: false,
    emitOwnEvents: false,
    connectTimeoutMs: REACH_MS,
    keepAliveIntervalMs: KEEP_ALIVE_MS,
    defaultQueryTimeoutMs: 30_000,
    transactionOpts: { maxCommitRetries: 3, delayBetweenTriesMs: 200 },
    waWebSocketUrl: settings.url ?? WHATSAPP_URL,
    ...(version === undefined ? {} : { version: versionOf(version) }),
    ...agentsOf(options),
    ...defined({ qrTimeout: options.qrTimeoutMs }),
  };
  try {
    return withProvenServer(settings.url ?? WHATSAPP_URL, () => baileys.makeWASocket(config));
  } catch (error) {
    throw new ParkedError(
      `the connection cannot be made: ${messageOf(error)}`,
      'Correct platforms.whatsapp.url in the configuration, then start the WhatsApp adapter again.',
    );
  }
}

/** Sockets and uploads take the same way; a proxy's agent is one for every scheme. */
function agentsOf({ settings: { url = WHATSAPP_URL, way }, uploadAgent }: ConnectionOptions): {
  readonly agent?: Agent;
  readonly fetchAgent?: Agent;
} {
  const agent = way?.agent(url);
  const fetchAgent = uploadAgent ?? way?.agent(MEDIA_URL);
  return {
    ...(agent === undefined ? {} : { agent: agent as Agent }),
    ...(fetchAgent === undefined ? {} : { fetchAgent: fetchAgent as Agent }),
  };
}

function versionOf(version: string): [number, number, number] {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return [major, minor, patch];
}

/** baileys tells of refused messages only; the ack of a message that was taken is seen on the wire alone. */
function listenForAcks(socket: Socket, acks: Acks): void {
  const text = (node: unknown, name: string): string | undefined => {
    const value = property(property(node, 'attrs'), name);
    return typeof value === 'string' ? value : undefined;
  };
  socket.ws.on('CB:ack,class:message', (node: unknown) =>
    acks.arrived(text(node, 'id'), text(node, 'error')),
  );
  // A receipt of the reader proves delivery as well.
  socket.ws.on('CB:receipt', (node: unknown) => {
    if (text(node, 'type') === undefined || text(node, 'type') === 'read')
      acks.arrived(text(node, 'id'), undefined);
  });
}

/**
 * Notes heartbeat, and notices a peer that has stopped responding. baileys itself asks every 30 s and only then waits
 * 5 s more; the question is the same small one that WhatsApp's own client asks.
 */
function watch(
  socket: Socket,
  { health, log, now, quietMs = PULSE.quietMs, answerMs = PULSE.answerMs }: ConnectionOptions,
  silent: () => void,
): Pulse {
  const pulse = new Pulse({
    quietMs,
    answerMs,
    ask: () => {
      const attrs = { id: socket.generateMessageTag(), to: 's.whatsapp.net', type: 'get', xmlns: 'w:p' };
      socket
        .sendNode({ tag: 'iq', attrs, content: [{ tag: 'ping', attrs: {} }] })
        .catch((error: unknown) => log.debug(`the heartbeat failed: ${messageOf(error)}`));
    },
    silent,
  });
  let reportedAt = performance.now();
  socket.ws.on('frame', () => {
    pulse.heard();
    if (performance.now() - reportedAt < HEARTBEAT_REPORT_MS) return;
    reportedAt = performance.now();
    health.change({ lastHeartbeatAt: now() });
  });
  return pulse;
}

function accountOf({ creds }: Credentials): { readonly id: string; readonly name: string } {
  const { lid, phone } = personOf([creds.me?.lid, creds.me?.id]);
  const number = phone === undefined ? undefined : `+${userOf(phone)}`;
  const id = lid ?? phone ?? bareJid(creds.me?.id) ?? '';
  const name = creds.me?.name === '~' ? undefined : creds.me?.name;
  return { id, name: [name, number].filter((part) => part !== undefined && part !== '').join(' ') || id };
}

function saveFailed(log: Logger, error: unknown): void {
  log.error(`the WhatsApp session could not be saved: ${messageOf(error)}`);
}
