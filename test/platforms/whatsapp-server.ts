/**
 * A local WhatsApp for the real baileys client: Noise handshake, linking by QR and by code, login, Signal sessions in
 * direct chats and groups, an offline queue, acks and refusals, files.
 *
 * Both ends use baileys' binary codec, protobufs and Signal code, so faults of those cancel out; rules of the real
 * server that are not known (bans, privacy tokens, history, app state) are not modelled. What a test shows with it is that
 * the adapter's session life, addressing, encryption plumbing, files and error paths work with the real library.
 */
import { createServer, type Server } from 'node:http';
import type { BinaryNode, proto } from 'baileys';
import { WebSocketServer } from 'ws';
import { listenApart } from '../../src/prove/gateways.ts';
import { Blackhole } from './blackhole.ts';
import type { PlatformCall, PlatformFault, PlatformServer } from './control.ts';
import { answer, type TestGroup, type World } from './whatsapp/answers.ts';
import { BotDevice, type CodeEntry } from './whatsapp/bot-device.ts';
import { ClientConnection } from './whatsapp/connection.ts';
import { MediaHost } from './whatsapp/media-host.ts';
import { attr, child, must, node, SERVER } from './whatsapp/nodes.ts';
import { trustTestRoot } from './whatsapp/noise.ts';
import { asRead, openStanza, type ReadMessage, type SentMessage } from './whatsapp/outbox.ts';
import { RemoteUser } from './whatsapp/remote-user.ts';
import { type DeliverOptions, seal } from './whatsapp/sealing.ts';

interface Original {
  readonly user: RemoteUser;
  readonly message: proto.IMessage;
  readonly stanza: BinaryNode;
  readonly group: TestGroup | undefined;
}

export class WhatsAppServer implements PlatformServer, World {
  readonly calls: PlatformCall[] = [];
  readonly faults: PlatformFault[] = [];
  readonly bot = new BotDevice('15550001111', '900001111');
  readonly ada = RemoteUser.create('Ada', '15551110001', '811110001');
  readonly bob = RemoteUser.create('Bob', '15551110002', '811110002');
  readonly users = [this.ada, this.bob];
  readonly groups = new Map<string, TestGroup>();
  readonly media = new MediaHost();
  readonly sent: SentMessage[] = [];
  /** Receipts and acks by which the client took messages. */
  readonly acknowledged = new Set<string>();
  /** Frames or messages that this server could not make sense of. */
  readonly problems: unknown[] = [];
  logins = 0;
  /** Every login is refused with this reason. */
  rejectLogins: number | undefined;
  /** Every HTTP upgrade is refused with this status, as by a proxy. */
  rejectUpgrades: number | undefined;
  /** Whether the server sends what it has queued as soon as the client has logged in. */
  deliverQueue = true;
  /** Whether messages are acked. */
  acks = true;
  /** Stanzas that the client has not acknowledged, oldest first. */
  readonly #queue = new Map<string, BinaryNode>();
  readonly #originals = new Map<string, Original>();
  readonly #connections = new Set<ClientConnection>();
  #http: Server | undefined;
  #port = 0;
  readonly #hole = new Blackhole();
  #client: ClientConnection | undefined;
  #entry: CodeEntry | undefined;
  #hello: BinaryNode | undefined;

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/ws/chat`;
  }

  get mediaHosts(): string[] {
    return [this.media.uploadHost];
  }

  async start(): Promise<void> {
    trustTestRoot();
    await this.media.start();
    await this.comeBack();
  }

  async stop(): Promise<void> {
    await this.goDown();
    await this.media.stop();
  }

  blackhole(on: boolean): void {
    this.#hole.set(on);
  }

  /** The port refuses and connections are cut; everything else is kept. */
  async goDown(): Promise<void> {
    const http = this.#http;
    this.#http = undefined;
    for (const connection of this.#connections) connection.cut();
    await new Promise<void>((resolve) => (http === undefined ? resolve() : http.close(() => resolve())));
  }

  async comeBack(): Promise<void> {
    const http = createServer();
    this.#hole.watch(http);
    const sockets = new WebSocketServer({ noServer: true });
    http.on('upgrade', (request, socket, head) => {
      if (this.rejectUpgrades !== undefined)
        return void socket.end(`HTTP/1.1 ${this.rejectUpgrades} No\r\ncontent-length: 0\r\n\r\n`);
      sockets.handleUpgrade(request, socket, head, (ws) => {
        const connection = new ClientConnection(ws, {
          onClient: (client, payload) => this.#onClient(client, payload),
          onNode: (client, stanza) => this.#onNode(client, stanza),
          onClose: (client) => this.#onClose(client),
          onFault: (error) => this.problems.push(error),
        });
        this.#connections.add(connection);
      });
    });
    this.#http = http;
    if (this.#port === 0) this.#port = await listenApart(http);
    else
      await new Promise<void>((resolve, reject) => {
        http.once('error', reject);
        http.listen(this.#port, '127.0.0.1', resolve);
      });
  }

  /** The logged-in client. */
  get client(): ClientConnection {
    return must(this.#client, 'client');
  }

  get connected(): boolean {
    return this.#client?.open === true && this.#client.ready;
  }

  drop(): void {
    this.#client?.cut();
  }

  replay(update: unknown): void {
    const stanza = update as BinaryNode;
    this.#queue.set(attr(stanza, 'id'), stanza);
    if (this.connected) this.client.send(stanza);
  }

  // ---- linking ------------------------------------------------------------------------------------------------

  scan(qr: string): void {
    this.client.send(this.bot.scanned(qr));
  }

  /** Somebody types the pairing code on the phone. */
  async enterCode(code: string): Promise<void> {
    this.#entry = this.bot.codeEntry(must(this.#hello, 'pairing request'), code);
    this.client.send(await this.#entry.notification());
  }

  // ---- people write -------------------------------------------------------------------------------------------

  addGroup(subject: string, members: readonly RemoteUser[] = this.users): TestGroup {
    const group = { jid: `1203630000000${this.groups.size}@g.us`, subject, members };
    this.groups.set(group.jid, group);
    return group;
  }

  async dm(user: RemoteUser, message: proto.IMessage, options: DeliverOptions = {}): Promise<BinaryNode> {
    return this.deliver(await this.sealed(user, message, options));
  }

  async group(
    group: TestGroup,
    user: RemoteUser,
    message: proto.IMessage,
    options: DeliverOptions = {},
  ): Promise<BinaryNode> {
    return this.deliver(await this.sealed(user, message, options, group));
  }

  /** Encrypts a message to the bot without delivering it. */
  async sealed(
    user: RemoteUser,
    message: proto.IMessage,
    options: DeliverOptions = {},
    group?: TestGroup,
  ): Promise<BinaryNode> {
    const stanza = await seal(user, this.bot, message, options, group);
    this.#originals.set(attr(stanza, 'id'), { user, message, stanza, group });
    return stanza;
  }

  /** Delivers now, or as soon as the client is back. Queued until the client has acknowledged it. */
  deliver(stanza: BinaryNode): BinaryNode {
    this.#queue.set(attr(stanza, 'id'), stanza);
    if (this.connected) this.client.send(stanza);
    return stanza;
  }

  /** Sends a stanza as it is, if a client is there. */
  raw(stanza: BinaryNode): void {
    this.client.send(stanza);
  }

  // ---- what became of it --------------------------------------------------------------------------------------

  /** The chat as one of its readers sees it. */
  chat(jid: string): ReadMessage[] {
    return asRead(this.sent.filter((message) => message.to === jid));
  }

  called(method: string): BinaryNode[] {
    return this.calls.filter((call) => call.method === method).map((call) => call.body as BinaryNode);
  }

  // ---- the server ends a connection ---------------------------------------------------------------------------

  streamError(code: number | undefined, reason?: BinaryNode, client = this.client): void {
    client.send(
      node(
        'stream:error',
        code === undefined ? {} : { code: String(code) },
        reason === undefined ? undefined : [reason],
      ),
    );
    client.close();
  }

  #onClient(client: ClientConnection, payload: proto.ClientPayload): void {
    this.#client = client;
    // A pairing code belongs to the connection on which it was asked for.
    this.#hello = undefined;
    this.#entry = undefined;
    if (this.rejectLogins !== undefined) {
      client.send(node('failure', { reason: String(this.rejectLogins), location: 'x' }));
      client.close();
      return;
    }
    if (payload.devicePairingData) {
      const refs = [1, 2, 3].map((n) => node('ref', {}, Buffer.from(`ref${n}`)));
      client.send(
        node('iq', { from: SERVER, type: 'set', id: 'pair-device', xmlns: 'md' }, [
          node('pair-device', {}, refs),
        ]),
      );
      return;
    }
    if (!this.bot.linked) {
      client.send(node('failure', { reason: '401', location: 'x' }));
      client.close();
      return;
    }
    this.logins += 1;
    const t = String(Math.floor(Date.now() / 1000));
    client.send(node('success', { t, props: '1', lid: this.bot.lidDevice, location: 'lo' }));
  }

  #onClose(client: ClientConnection): void {
    this.#connections.delete(client);
    if (this.#client === client) this.#client = undefined;
  }

  async #onNode(client: ClientConnection, stanza: BinaryNode): Promise<void> {
    const method = stanza.tag === 'iq' ? `iq:${attr(stanza, 'xmlns')}` : stanza.tag;
    this.calls.push({ at: Date.now(), method, body: stanza });
    const fault = this.#fault(method);
    if (fault?.when !== 'after' && this.#fail(client, stanza, fault)) return;
    await this.#act(client, stanza, fault);
    if (fault?.when === 'after') this.#fail(client, stanza, fault);
  }

  async #act(client: ClientConnection, stanza: BinaryNode, fault: PlatformFault | undefined): Promise<void> {
    if (stanza.tag === 'iq') await this.#onIq(client, stanza);
    else if (stanza.tag === 'message') {
      this.sent.push(...(await openStanza(this, stanza)));
      if (this.acks && fault === undefined) this.#ack(client, stanza);
    } else if (stanza.tag === 'receipt') {
      if (attr(stanza, 'type') === 'retry') await this.#again(attr(stanza, 'id'));
      else this.#taken(attr(stanza, 'id'));
      client.send(node('ack', { id: attr(stanza, 'id'), class: 'receipt', from: attr(stanza, 'to') }));
    } else if (stanza.tag === 'ack' && attr(stanza, 'class') === 'message') {
      // 500 follows a retry receipt: the phone is encrypting the message anew. Every other word ends its delivery.
      if (attr(stanza, 'error') !== '500') this.#taken(attr(stanza, 'id'));
    }
  }

  async #onIq(client: ClientConnection, iq: BinaryNode): Promise<void> {
    if (attr(iq, 'type') === 'result') {
      // The device has confirmed the link: it is told to log in.
      if (attr(iq, 'id') === 'pair-success') this.streamError(515, undefined, client);
      return;
    }
    const registration = child(iq, 'link_code_companion_reg');
    if (registration?.attrs['stage'] === 'companion_hello' && client === this.#client) this.#hello = iq;
    const reply = node(
      'iq',
      { id: attr(iq, 'id'), type: 'result', from: attr(iq, 'to') || SERVER },
      await answer(this, iq),
    );
    client.send(reply);
    if (registration?.attrs['stage'] === 'companion_finish' && this.#entry !== undefined)
      client.send(await this.#entry.finish(iq));
    if (attr(iq, 'xmlns') === 'passive') {
      client.ready = true;
      if (this.deliverQueue) this.flushQueue(client);
    }
  }

  /** Sends what has waited, marked as such, and says that this was all. */
  flushQueue(client = this.client): void {
    for (const stanza of this.#queue.values())
      client.send({ ...stanza, attrs: { ...stanza.attrs, offline: '0' } });
    client.send(node('ib', { from: SERVER }, [node('offline', { count: String(this.#queue.size) })]));
  }

  #taken(id: string): void {
    this.#queue.delete(id);
    this.acknowledged.add(id);
  }

  /** The client could not decrypt a message: the phone that wrote it encrypts it anew, under the same id. */
  async #again(id: string): Promise<void> {
    const original = this.#originals.get(id);
    if (original === undefined) return;
    const { user, message, group, stanza } = original;
    const again = await this.sealed(user, message, { id }, group);
    this.deliver({ ...again, attrs: { ...stanza.attrs } });
  }

  #ack(client: ClientConnection, stanza: BinaryNode, error?: string): void {
    const t = String(Math.floor(Date.now() / 1000));
    client.send(
      node('ack', {
        id: attr(stanza, 'id'),
        class: 'message',
        from: attr(stanza, 'to'),
        t,
        ...(error === undefined ? {} : { error }),
      }),
    );
  }

  #fault(method: string): PlatformFault | undefined {
    const index = this.faults.findIndex((fault) => fault.method === method);
    return index < 0 ? undefined : this.faults.splice(index, 1)[0];
  }

  /** Acts out a fault; true when the stanza has been dealt with. */
  #fail(client: ClientConnection, stanza: BinaryNode, fault: PlatformFault | undefined): boolean {
    if (fault === undefined) return false;
    if (fault.reply === 'hang') return true;
    if (fault.reply === 'cut' || fault.reply.cutInside === true) {
      client.cut();
      return true;
    }
    const code = String(fault.reply.status ?? 500);
    if (stanza.tag === 'message') this.#ack(client, stanza, code);
    else
      client.send(
        node('iq', { id: attr(stanza, 'id'), type: 'error', from: attr(stanza, 'to') || SERVER }, [
          node('error', { code, text: typeof fault.reply.body === 'string' ? fault.reply.body : 'fault' }),
        ]),
      );
    return true;
  }
}
