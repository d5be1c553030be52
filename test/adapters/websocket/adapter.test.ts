import { describe, expect, it, vi } from 'vitest';
import { WebSocket as OtherClient } from 'ws';
import { createWebSocketAdapter } from '../../../src/adapters/websocket/adapter.ts';
import { CONNECTIONS_PER_CLIENT } from '../../../src/adapters/websocket/protocol.ts';
import { DeliveryError, GatewayError } from '../../../src/base/errors.ts';
import type { OutboundMeta, SendRequest } from '../../../src/gateway/adapter.ts';
import type { ChatRef, TaskView } from '../../../src/gateway/model.ts';
import { ChatClient } from '../../server/chat-client.ts';
import { chatOf, greeted, identityOf, never, request, startAdapter } from './adapter-kit.ts';

const GENEROUS = { timeout: 15_000, interval: 5 };

const task: TaskView = {
  id: 'bg-1',
  sessionId: 's2',
  parentSessionId: 's1',
  command: 'count',
  status: 'queued',
  progress: 0,
  createdAt: 1,
};

describe('the greeting', () => {
  it('gives every connection an id of its own and the key that proves it', async () => {
    const { connect } = await startAdapter();
    const [a, b] = [await connect(), await connect()];
    expect(a.clientId).not.toBe(b.clientId);
    expect(a.clientKey).not.toBe(b.clientKey);
    expect(a.clientId.length).toBeGreaterThanOrEqual(22);
  });

  it('is refused while the adapter is stopped, and works again after a start', async () => {
    const { adapter, port, gateway, connect } = await startAdapter();
    const { client } = await connect();
    await adapter.stop();
    expect((await client.gone()).code).toBe(1001);
    expect((await new ChatClient(port).gone()).code).toBe(1013);
    await adapter.start(gateway.host);
    await connect();
  });
});

describe('hello', () => {
  it('makes a new connection the same person as before, and says so to the outbox', async () => {
    const { adapter, gateway, port, connect } = await startAdapter();
    const ready: ChatRef[] = [];
    adapter.onClientReady((chat) => ready.push(chat));
    const first = await connect();
    expect(ready).toEqual([]);
    first.client.socket.close();
    await first.client.gone();

    const { client } = await greeted(port);
    client.send({
      type: 'hello',
      data: { clientId: first.clientId, clientKey: first.clientKey, name: 'Ada', language: 'de' },
    });
    expect(identityOf(await client.next('connected'))).toEqual({
      clientId: first.clientId,
      clientKey: first.clientKey,
    });
    expect(ready).toEqual([first.chat]);
    client.send({ type: 'prompt', id: 'p1', data: { message: 'hi' } });
    await vi.waitFor(() => expect(gateway.messages.length).toBe(1), GENEROUS);
    expect(gateway.messages[0]?.sender).toEqual({ id: first.clientId, name: 'Ada' });
    expect(gateway.messages[0]?.language).toBe('de');

    const other = await greeted(port);
    other.client.send({ type: 'hello', data: { clientId: first.clientId, clientKey: first.clientKey } });
    await other.client.next('connected');
    other.client.send({ type: 'prompt', id: 'p2', data: { message: 'hi' } });
    await vi.waitFor(() => expect(gateway.messages.length).toBe(2), GENEROUS);
    expect(gateway.messages[1]?.sender.name).toBe(`client ${first.clientId.slice(0, 6)}`);
  });

  it('works with the key of an earlier run of the gateway', async () => {
    const first = await (await startAdapter({ secret: 'kept' })).connect();
    const later = await (await startAdapter({ secret: 'kept' })).connect();
    later.client.send({ type: 'hello', data: { clientId: first.clientId, clientKey: first.clientKey } });
    expect(identityOf(await later.client.next('connected')).clientId).toBe(first.clientId);
  });

  it.each([
    ['a wrong key', (id: string, key: string) => ({ clientId: id, clientKey: `${key.slice(0, -2)}xx` })],
    ['an empty looking key', (id: string) => ({ clientId: id, clientKey: 'x' })],
    ['the key of another client', (_id: string, key: string) => ({ clientId: 'somebody', clientKey: key })],
  ])('with %s is refused and the connection stays what it was', async (_what, forge) => {
    const { adapter, gateway, connect } = await startAdapter();
    const ready = vi.fn();
    adapter.onClientReady(ready);
    const [victim, attacker] = [await connect(), await connect()];
    attacker.client.send({ type: 'hello', id: 'h', data: forge(victim.clientId, attacker.clientKey) });
    expect(await attacker.client.next('error')).toEqual({
      type: 'error',
      id: 'h',
      data: { error: expect.any(String), code: 'bad_client_key' },
    });
    attacker.client.send({ type: 'prompt', id: 'p', data: { message: 'hi' } });
    await vi.waitFor(() => expect(gateway.messages.length).toBe(1), GENEROUS);
    expect(gateway.messages[0]?.sender.id).toBe(attacker.clientId);
    expect(ready).not.toHaveBeenCalled();
  });

  it('of another client is refused once the connection has sent a prompt', async () => {
    const { gateway, connect } = await startAdapter();
    const [a, b] = [await connect(), await connect()];
    b.client.send({ type: 'prompt', id: 'p', data: { message: 'hi' } });
    b.client.send({ type: 'hello', data: { clientId: a.clientId, clientKey: a.clientKey } });
    expect((await b.client.next('error'))['data']).toMatchObject({ code: 'late_hello' });
    // The name may still be told.
    b.client.send({ type: 'hello', data: { clientId: b.clientId, clientKey: b.clientKey, name: 'Bob' } });
    await b.client.next('connected');
    b.client.send({ type: 'prompt', id: 'q', data: { message: 'hi' } });
    await vi.waitFor(() => expect(gateway.messages[1]?.sender.name).toBe('Bob'), GENEROUS);
  });
});

describe('a prompt', () => {
  it('is handed to the gateway as a direct message of the client', async () => {
    const { gateway, connect } = await startAdapter();
    const { client, clientId, chat } = await connect();
    client.send({ type: 'prompt', id: 'p1', data: { message: ' hello\n👋 ' } });
    await vi.waitFor(() => expect(gateway.messages.length).toBe(1), GENEROUS);
    expect(gateway.messages).toEqual([
      {
        dedupeKey: `${clientId}:p1`,
        chat,
        chatKind: 'dm',
        sender: { id: clientId, name: expect.stringMatching(/^client /), unnamed: true },
        text: ' hello\n👋 ',
        messageId: 'p1',
        promptId: 'p1',
        mentioned: true,
      },
    ]);
  });

  it('sent again after a reconnect has the same identity, so that it gets no second turn', async () => {
    const { gateway, port, connect } = await startAdapter();
    const first = await connect();
    first.client.send({ type: 'prompt', id: 'p1', data: { message: 'hi' } });
    await vi.waitFor(() => expect(gateway.messages.length).toBe(1), GENEROUS);
    first.client.socket.close();
    const again = await greeted(port);
    again.client.send({ type: 'hello', data: { clientId: first.clientId, clientKey: first.clientKey } });
    again.client.send({ type: 'prompt', id: 'p1', data: { message: 'hi' } });
    await vi.waitFor(() => expect(gateway.messages.length).toBe(2), GENEROUS);
    expect(gateway.messages[1]?.dedupeKey).toBe(gateway.messages[0]?.dedupeKey);
  });

  it('without an id gets one of its own each time', async () => {
    const { gateway, connect } = await startAdapter();
    const { client } = await connect();
    for (let i = 0; i < 2; i += 1) client.send({ type: 'prompt', data: { message: 'hi' } });
    await vi.waitFor(() => expect(gateway.messages.length).toBe(2), GENEROUS);
    const [a, b] = gateway.messages;
    expect(a?.promptId).toBeTruthy();
    expect(a?.dedupeKey).not.toBe(b?.dedupeKey);
  });

  it('that the gateway does not take is answered with the code', async () => {
    const { gateway, connect } = await startAdapter();
    gateway.acceptWith(async () => {
      throw new GatewayError('storage_full', 'the disk is full');
    });
    const { client } = await connect();
    client.send({ type: 'prompt', id: 'p1', data: { message: 'hi' } });
    expect(await client.next('error')).toEqual({
      type: 'error',
      id: 'p1',
      data: { error: 'the disk is full', code: 'storage_full' },
    });
  });

  it.each<[unknown, string]>([
    [{ type: 'prompt', id: 'x' }, '"data" must be an object'],
    [{ type: 'prompt', id: 'x', data: 'hi' }, '"data" must be an object'],
    [{ type: 'prompt', id: 'x', data: {} }, '"data.message"'],
    [{ type: 'prompt', id: 'x', data: { message: '  ' } }, '"data.message"'],
    [{ type: 'prompt', id: 'x', data: { message: 5 } }, '"data.message"'],
    [
      { type: 'prompt', id: { n: 5 }, data: { message: 'hi' } },
      '"id" must be a text of 1 to 200 characters or a number',
    ],
    [{ type: 'prompt', id: 'a\nb', data: { message: 'hi' } }, '"id"'],
    [{ type: 'prompt', id: 'x'.repeat(201), data: { message: 'hi' } }, '"id"'],
    [{ type: 'hello', data: { clientId: 'x' } }, '"data.clientKey"'],
    [{ type: 'hello', data: { clientId: 'x', clientKey: 'y', name: 5 } }, '"data.name"'],
    [{ type: 'background', data: { sessionId: 's' } }, '"data.command"'],
    [{ type: 'nonsense', id: 'x' }, 'unknown frame type "nonsense"'],
    [{ data: {} }, 'unknown frame type "undefined"'],
  ])('or another frame that makes no sense is answered with bad_frame: %j', async (frame, error) => {
    const { gateway, server, connect } = await startAdapter();
    const { client } = await connect();
    client.send(frame);
    expect((await client.next('error'))['data']).toEqual({
      code: 'bad_frame',
      error: expect.stringContaining(error),
    });
    expect(gateway.messages).toEqual([]);
    expect(server.counters().badFrames).toBe(1);
    client.send({ type: 'ping' });
    await client.next('pong');
  });
});

describe('sending', () => {
  it.each<[OutboundMeta, unknown]>([
    [
      { kind: 'reply', promptId: 'p', sessionId: 's' },
      { type: 'response', id: 'p', data: { text: 'T', sessionId: 's' } },
    ],
    [
      { kind: 'reply', promptId: 'p', sessionId: 's', repeat: true, joinedTo: 'q' },
      { type: 'response', id: 'p', data: { text: 'T', sessionId: 's', repeat: true, joinedTo: 'q' } },
    ],
    [
      { kind: 'command', promptId: 'p' },
      { type: 'response', id: 'p', data: { text: 'T' } },
    ],
    [
      { kind: 'outcome', promptId: 'p', code: 'timed_out' },
      { type: 'error', id: 'p', data: { error: 'T', code: 'timed_out' } },
    ],
    [
      { kind: 'pairing', promptId: 'p', pairing: { code: 'ABCD-EFGH', expiresInMs: 5 } },
      { type: 'pairing_required', id: 'p', data: { code: 'ABCD-EFGH', expiresInMs: 5 } },
    ],
    [{ kind: 'paired', promptId: 'p' }, { type: 'paired' }],
    [
      { kind: 'denied', promptId: 'p' },
      { type: 'error', id: 'p', data: { error: 'T', code: 'denied' } },
    ],
    [{ kind: 'notice' }, { type: 'message', data: { id: 'KEY', text: 'T' } }],
    [
      { kind: 'task', repeat: true },
      { type: 'message', data: { id: 'KEY', text: 'T', repeat: true } },
    ],
    [{ kind: 'operator' }, { type: 'message', data: { id: 'KEY', text: 'T' } }],
  ])('%j reaches the client as %j', async (meta, frame) => {
    const { adapter, connect } = await startAdapter();
    const { client, chat } = await connect();
    const receipt = await adapter.send({ ...request(chat, 'T', meta), idempotencyKey: 'KEY' }, never);
    expect(receipt).toEqual({ messageId: 'KEY' });
    expect(client.frames.at(-1)).toEqual(frame);
  });

  it('gives further parts of an answer as messages', async () => {
    const { adapter, connect } = await startAdapter();
    const { client, chat } = await connect();
    const second: SendRequest = {
      ...request(chat, 'more', { kind: 'reply', promptId: 'p' }),
      partIndex: 1,
      partCount: 2,
    };
    await adapter.send(second, never);
    expect(client.frames.at(-1)).toEqual({
      type: 'message',
      data: { id: second.idempotencyKey, text: 'more' },
    });
  });

  it('to nobody fails as certainly not delivered', async () => {
    const { adapter } = await startAdapter();
    const sent = adapter.send(request(chatOf('nobody'), 'T', { kind: 'reply' }), never);
    await expect(sent).rejects.toBeInstanceOf(DeliveryError);
    await expect(sent).rejects.toMatchObject({ failure: 'unreachable' });
  });

  it('is proven by the pong only: a client that goes without one leaves it unknown', async () => {
    const { adapter, port } = await startAdapter();
    const client = new OtherClient(`ws://127.0.0.1:${port}/`, { autoPong: false });
    const frames: string[] = [];
    client.on('message', (data) => frames.push(String(data)));
    await vi.waitFor(() => expect(frames.length).toBe(1), GENEROUS);
    const { clientId } = identityOf(JSON.parse(frames[0] ?? ''));
    const sent = adapter.send(request(chatOf(clientId), 'T', { kind: 'reply' }), never);
    let settled = false;
    void sent
      .catch(() => {})
      .then(() => {
        settled = true;
      });
    await vi.waitFor(() => expect(frames.length).toBe(2), GENEROUS);
    expect(settled).toBe(false);
    client.terminate();
    await expect(sent).rejects.toMatchObject({ failure: 'unknown' });
  });

  it('ends with its signal, as unknown when the frame is on its way', async () => {
    const { adapter, port } = await startAdapter();
    const client = new OtherClient(`ws://127.0.0.1:${port}/`, { autoPong: false });
    const greeting = await new Promise((resolve) => client.once('message', (data) => resolve(String(data))));
    const chat = chatOf(identityOf(JSON.parse(String(greeting))).clientId);
    const ending = new AbortController();
    const sent = adapter.send(request(chat, 'T', { kind: 'reply' }), ending.signal);
    ending.abort();
    await expect(sent).rejects.toMatchObject({ failure: 'unknown' });
    const late = adapter.send(request(chat, 'T', { kind: 'reply' }), ending.signal);
    await expect(late).rejects.toMatchObject({ failure: 'unreachable' });
    client.terminate();
  });

  it('in a burst arrives whole and in order', async () => {
    const { adapter, port } = await startAdapter();
    const client = new OtherClient(`ws://127.0.0.1:${port}/`);
    const frames: string[] = [];
    client.on('message', (data) => frames.push(String(data)));
    await vi.waitFor(() => expect(frames.length).toBe(1), GENEROUS);
    const chat = chatOf(identityOf(JSON.parse(frames[0] ?? '')).clientId);
    await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        adapter.send(request(chat, String(i), { kind: 'reply', promptId: String(i) }), never),
      ),
    );
    expect(frames.slice(1).map((text) => JSON.parse(text).id)).toEqual(
      Array.from({ length: 200 }, (_, i) => String(i)),
    );
    client.close();
  });

  it('formats text as it is, in one part', () => {
    const adapter = createWebSocketAdapter({ secret: 's' });
    const text = '# Title\n\n```js\nlet a = 1;\n```\n'.repeat(10_000);
    expect(adapter.format(text)).toEqual([{ text, plain: text }]);
  });
});

describe('a client with several connections', () => {
  async function twice() {
    const world = await startAdapter();
    const older = await world.connect();
    const newer = await greeted(world.port);
    const hello = { clientId: older.clientId, clientKey: older.clientKey };
    newer.client.send({ type: 'hello', data: hello });
    await newer.client.next('connected');
    return { ...world, older: older.client, newer: newer.client, chat: older.chat, hello };
  }

  it('sees everything on each of them', async () => {
    const { adapter, older, newer, chat } = await twice();
    adapter.turnEvent?.(chat, 'p', { type: 'text_delta', delta: 'x' });
    await adapter.send(request(chat, 'T', { kind: 'reply', promptId: 'p' }), never);
    for (const client of [older, newer]) {
      expect(await client.next('event')).toMatchObject({ id: 'p' });
      expect(await client.next('response')).toMatchObject({ id: 'p' });
    }
  });

  it('goes on with the older one when the newer one closes', async () => {
    const { adapter, server, older, newer, chat } = await twice();
    newer.socket.close();
    await vi.waitFor(() => expect(server.clients()).toBe(1), GENEROUS);
    await adapter.send(request(chat, 'T', { kind: 'reply' }), never);
    expect((await older.next('response')).type).toBe('response');
  });

  it('has a bounded number of them: the oldest makes room', async () => {
    const { port, older, newer, hello } = await twice();
    for (let i = 2; i <= CONNECTIONS_PER_CLIENT; i += 1) {
      const { client } = await greeted(port);
      client.send({ type: 'hello', data: hello });
      await client.next('connected');
    }
    expect((await older.gone()).code).toBe(1008);
    expect(newer.closed).toBeUndefined();
  });
});

describe('what comes unasked', () => {
  it('reaches the client: events of a turn, typing, deletion, tasks', async () => {
    const { adapter, connect } = await startAdapter();
    const { client, chat } = await connect();
    adapter.turnEvent?.(chat, 'p', { type: 'tool_start', id: 't', name: 'bash' });
    adapter.turnEvent?.(chat, undefined, { type: 'started' });
    await adapter.typing?.(chat, true);
    await adapter.delete?.(chat, 'm', never);
    adapter.taskChanged(chat, task);
    await client.next('task');
    expect(client.frames.slice(1)).toEqual([
      { type: 'event', id: 'p', data: { type: 'tool_start', id: 't', name: 'bash' } },
      { type: 'event', data: { type: 'started' } },
      { type: 'typing', data: { on: true } },
      { type: 'delete', data: { id: 'm' } },
      { type: 'task', data: task },
    ]);
  });

  it('is no trouble when the client is not there', async () => {
    const { adapter } = await startAdapter();
    const chat = chatOf('nobody');
    adapter.turnEvent?.(chat, 'p', { type: 'started' });
    adapter.taskChanged(chat, task);
    await adapter.typing?.(chat, true);
  });

  it('reaches everybody as a broadcast', async () => {
    const { adapter, connect } = await startAdapter();
    const clients = [await connect(), await connect()];
    adapter.broadcast('deploy', { version: 2 });
    for (const { client } of clients)
      expect(await client.next('deploy')).toEqual({ type: 'deploy', data: { version: 2 } });
  });
});

describe('a background frame', () => {
  it('starts a task for this client and answers with it', async () => {
    const background = vi.fn(() => task);
    const { connect } = await startAdapter({ background });
    const { client, clientId, chat } = await connect();
    client.send({ type: 'background', id: 'b', data: { sessionId: 's1', command: 'count' } });
    expect(await client.next('background_started')).toEqual({
      type: 'background_started',
      id: 'b',
      data: task,
    });
    expect(background).toHaveBeenCalledWith(
      chat,
      { id: clientId, name: expect.any(String) },
      {
        id: 'b',
        sessionId: 's1',
        command: 'count',
      },
    );
  });

  it('that comes twice at once starts one task, and both get it', async () => {
    const stored = Promise.withResolvers<typeof task>();
    const background = vi.fn(() => stored.promise);
    const { connect } = await startAdapter({ background });
    const { client } = await connect();
    for (let i = 0; i < 2; i++) client.send({ type: 'background', id: 'b', data: { command: 'count' } });
    await vi.waitFor(() => expect(background).toHaveBeenCalled());
    stored.resolve(task);
    const started = { type: 'background_started', id: 'b', data: task };
    expect([await client.next('background_started'), await client.next('background_started')]).toEqual([
      started,
      started,
    ]);
    expect(background).toHaveBeenCalledTimes(1);
  });

  it('passes the refusal of the gateway on', async () => {
    const { connect } = await startAdapter({
      background: async () => {
        throw new GatewayError('refused', 'pair first');
      },
    });
    const { client } = await connect();
    client.send({ type: 'background', id: 'b', data: { command: 'count' } });
    expect(await client.next('error')).toEqual({
      type: 'error',
      id: 'b',
      data: { error: 'pair first', code: 'refused' },
    });
  });

  it('is refused where nobody starts tasks', async () => {
    const { connect } = await startAdapter();
    const { client } = await connect();
    client.send({ type: 'background', data: { command: 'count' } });
    expect((await client.next('error'))['data']).toMatchObject({ code: 'unsupported' });
  });
});

describe('health', () => {
  it('tells how many clients there are and when one last wrote, without a report a frame', async () => {
    const { adapter, gateway, connect } = await startAdapter();
    expect(gateway.healths).toEqual([
      expect.objectContaining({ state: 'connected', detail: '0 clients', ingress: {} }),
    ]);
    const { client } = await connect();
    for (let i = 0; i < 100; i += 1) client.send({ type: 'prompt', data: { message: 'hi' } });
    await vi.waitFor(
      () =>
        expect(gateway.healths.at(-1)).toMatchObject({
          detail: '1 client',
          transport: { alive: true },
          ingress: { lastUpdateAt: 1_000 },
          authorisation: 'valid',
        }),
      GENEROUS,
    );
    expect(gateway.healths.length).toBeLessThan(10);
    await adapter.stop();
    expect(gateway.healths.at(-1)).toMatchObject({ state: 'stopped', transport: { alive: false } });
  });
});
