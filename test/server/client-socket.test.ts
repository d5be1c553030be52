import { connect, createServer } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket as OtherClient } from 'ws';
import { GatewayError } from '../../src/base/errors.ts';
import type { Adapter, ChatSocket, Frame, SendRequest } from '../../src/gateway/adapter.ts';
import { gated } from '../../src/gateway/send/send-queue.ts';
import { listenApart } from '../../src/prove/gateways.ts';
import { everyBeat } from '../../src/server/peers.ts';
import { ChatClient } from './chat-client.ts';
import { echoAcceptor, startServer } from './server-kit.ts';

const GENEROUS = { timeout: 15_000, interval: 5 };

/** A server whose accepted sockets the test holds. */
async function startHolding(limits: Parameters<typeof startServer>[0] = {}) {
  const sockets: ChatSocket[] = [];
  const started = await startServer({
    chatSockets: echoAcceptor((socket) => sockets.push(socket)),
    ...limits,
  });
  const first = () =>
    vi.waitFor(() => {
      const socket = sockets[0];
      if (socket === undefined) throw new Error('nobody connected');
      return socket;
    }, GENEROUS);
  return { ...started, sockets, first };
}

describe('frames', () => {
  it('do not leave at the end of a turn in which this gateway ceased to be the one that sends', async () => {
    const { port, first } = await startHolding();
    const client = await new ChatClient(port).open();
    const socket = await first();
    let why: GatewayError | undefined;
    const send = async () => {
      socket.sendText('{"type":"response"}');
      return { messageId: '1' };
    };
    // The gate looks at names of methods only.
    const adapter = gated({ send } as unknown as Adapter, () => why);
    await adapter.send({} as SendRequest, AbortSignal.timeout(1_000));
    await client.next('response');
    void adapter.send({} as SendRequest, AbortSignal.timeout(1_000));
    why = new GatewayError('leader_lost', 'another gateway leads the store now');
    await client.gone();
    expect(client.frames.filter(({ type }) => type === 'response')).toHaveLength(1);
  });

  it('answers a ping frame with the time', async () => {
    const { port } = await startServer({ clock: () => 1234 });
    const client = await new ChatClient(port).open();
    client.send({ type: 'ping' });
    client.send({ type: 'ping', id: 'p7' });
    expect(await client.next('pong')).toEqual({ type: 'pong', data: { time: 1234 } });
    expect(await client.next('pong')).toEqual({ type: 'pong', id: 'p7', data: { time: 1234 } });
  });

  it.each(['{"type":', '"text"', '[1]', 'null', ''])(
    'answers the malformed frame %j with an error frame and goes on',
    async (text) => {
      const { port, server } = await startServer();
      const [client, other] = await Promise.all([new ChatClient(port).open(), new ChatClient(port).open()]);
      client.send(text);
      expect(await client.next('error')).toEqual({
        type: 'error',
        data: { error: expect.any(String), code: 'bad_frame' },
      });
      for (const still of [client, other]) {
        still.send({ type: 'echo' });
        await still.next('echo');
      }
      expect(server.counters().badFrames).toBe(1);
    },
  );

  it('refuses binary data kindly', async () => {
    const { port } = await startServer();
    const client = await new ChatClient(port).open();
    client.socket.send(new Uint8Array([1, 2, 3]));
    expect((await client.next('error'))['data']).toMatchObject({
      error: expect.stringContaining('not binary'),
    });
    client.send({ type: 'echo' });
    await client.next('echo');
  });

  it('takes 900 kB and closes on more than 1 MiB, without touching others', async () => {
    const { port } = await startServer();
    const [client, other] = await Promise.all([new ChatClient(port).open(), new ChatClient(port).open()]);
    client.send({ type: 'echo', text: 'x'.repeat(900_000) });
    expect(String((await client.next('echo'))['text']).length).toBe(900_000);
    client.send({ type: 'echo', text: 'x'.repeat(1024 * 1024) });
    expect((await client.gone()).code).toBe(1009);
    other.send({ type: 'echo' });
    await other.next('echo');
  });

  it('turns what the acceptor throws into an error frame with the id of the frame', async () => {
    const failures = new Map<unknown, () => void | Promise<void>>([
      [
        'throws',
        () => {
          throw new GatewayError('no_luck', 'no luck today');
        },
      ],
      ['rejects', () => Promise.reject(new GatewayError('storage_full', 'the disk is full'))],
      ['bug', () => Promise.reject(new TypeError('secret detail'))],
    ]);
    const { port } = await startServer({
      chatSockets: { accept: (socket) => socket.onFrame((frame) => failures.get(frame['type'])?.()) },
    });
    const client = await new ChatClient(port).open();
    client.send({ type: 'throws', id: '1' });
    client.send({ type: 'rejects', id: '2' });
    client.send({ type: 'bug', id: '3' });
    const error = (id: string, code: string, text: string) => ({
      type: 'error',
      id,
      data: { error: text, code },
    });
    expect(await client.next('error')).toEqual(error('1', 'no_luck', 'no luck today'));
    const rest = [await client.next('error'), await client.next('error')];
    expect(rest).toContainEqual(error('2', 'storage_full', 'the disk is full'));
    expect(rest).toContainEqual(error('3', 'failed', 'the gateway failed on this frame'));
  });
});

describe('proof of reading', () => {
  it('is a pong behind the whole text, in the order of sending', async () => {
    const { port, first } = await startHolding();
    const client = new OtherClient(`ws://127.0.0.1:${port}/`);
    const order: string[] = [];
    client.on('message', (data) => order.push(String(data)));
    client.on('ping', (data) => order.push(`ping ${String(data)}`));
    const socket = await first();
    socket.send({ n: 1 });
    const proofs = [socket.sendProven('{"n":2}'), socket.sendProven('{"n":3}')];
    socket.send({ n: 4 });
    await Promise.all(proofs);
    expect(order.slice(0, 5)).toEqual(['{"n":1}', 'ping 1', '{"n":2}', 'ping 2', '{"n":3}']);
    await vi.waitFor(() => expect(order.at(-1)).toBe('{"n":4}'), GENEROUS);
    client.close();
  });

  it('is given by clients that close the moment they have the message', async () => {
    const { port, sockets } = await startHolding();
    const other = new OtherClient(`ws://127.0.0.1:${port}/`);
    other.on('message', () => other.close());
    await new Promise((resolve) => other.on('open', resolve));
    const builtIn = await new ChatClient(port).open();
    builtIn.socket.addEventListener('message', () => builtIn.socket.close());
    await vi.waitFor(() => expect(sockets.length).toBe(2), GENEROUS);
    await Promise.all(sockets.map((socket) => socket.sendProven('{"type":"response"}')));
    await vi.waitFor(() => expect(builtIn.frames).toEqual([{ type: 'response' }]), GENEROUS);
  });

  it('fails when the client goes away first', async () => {
    const { port, first } = await startHolding();
    const client = new OtherClient(`ws://127.0.0.1:${port}/`, { autoPong: false });
    const socket = await first();
    const proof = socket.sendProven('{}');
    client.on('ping', () => client.terminate());
    await expect(proof).rejects.toThrow('closed before');
    expect(socket.sendProven('{}')).toBeUndefined();
    expect(socket.send({ n: 1 })).toBe(false);
  });

  it('is not given by a pong that nobody asked for', async () => {
    const { port, first } = await startHolding();
    const client = new OtherClient(`ws://127.0.0.1:${port}/`, { autoPong: false });
    const socket = await first();
    let proven = false;
    const asked = Promise.withResolvers<Buffer>();
    client.on('ping', (data) => asked.resolve(data));
    void socket.sendProven('{}')?.then(() => {
      proven = true;
    });
    const payload = await asked.promise;
    client.pong('');
    client.pong('999');
    client.pong('not a number');
    const echoed = new Promise((resolve) =>
      client.on('message', (data) => String(data) !== '{}' && resolve(data)),
    );
    client.send('{"type":"echo"}');
    await echoed;
    expect(proven).toBe(false);
    client.pong(payload);
    await vi.waitFor(() => expect(proven).toBe(true), GENEROUS);
    client.close();
  });
});

describe('a client that misbehaves', () => {
  it('is dropped when it does not answer the heartbeat, the others stay', async () => {
    const { port, server } = await startHolding({ limits: { heartbeatMs: 200 } });
    const dead = new OtherClient(`ws://127.0.0.1:${port}/`, { autoPong: false });
    const dropped = new Promise((resolve) => dead.on('close', resolve));
    const alive = await new ChatClient(port).open();
    await dropped;
    await vi.waitFor(() => expect(server.clients()).toBe(1), GENEROUS);
    alive.send({ type: 'echo' });
    await alive.next('echo');
  });

  it('is judged by what came while the gateway itself was held up', async () => {
    const server = createServer();
    onTestFinished(() => void server.close());
    const peer = connect(await listenApart(server), '127.0.0.1');
    onTestFinished(() => void peer.destroy());
    const order: string[] = [];
    await new Promise<void>((resolve) =>
      server.once('connection', (socket) => {
        socket.on('data', () => order.push('heard')).on('error', () => {});
        resolve();
      }),
    );
    const beat = everyBeat(() => order.push('beat'), 20);
    onTestFinished(() => clearInterval(beat));
    peer.write('alive');
    for (const until = performance.now() + 60; performance.now() < until; );
    await vi.waitFor(() => expect(order).toContain('beat'), GENEROUS);
    expect(order[0]).toBe('heard');
  });

  it('is cut off when it does not read, and others are not held up', async () => {
    const { port, server, sockets } = await startHolding({ limits: { queueBytes: 256 * 1024 } });
    const slow = new OtherClient(`ws://127.0.0.1:${port}/`);
    await new Promise((resolve) => slow.on('open', resolve));
    slow.pause();
    const [socket] = sockets;
    const other = await new ChatClient(port).open();
    const text = 'x'.repeat(64 * 1024);
    // The system's own buffers take some megabytes before anything waits here.
    await vi.waitFor(() => {
      for (let i = 0; i < 64; i += 1) socket?.send({ type: 'event', text });
      expect(socket?.send({ type: 'event', text })).toBe(false);
    }, GENEROUS);
    expect(server.counters().slowClients).toBe(1);
    await vi.waitFor(() => expect(server.clients()).toBe(1), GENEROUS);
    other.send({ type: 'echo' });
    await other.next('echo');
    slow.terminate();
  });

  it('is not read from while too much of its work is in flight', async () => {
    const taken: Frame[] = [];
    const release: (() => void)[] = [];
    const { port } = await startServer({
      limits: { framesInFlight: 4 },
      chatSockets: {
        accept: (socket) =>
          socket.onFrame((frame) => {
            taken.push(frame);
            return new Promise<void>((resolve) => release.push(resolve));
          }),
      },
    });
    const client = await new ChatClient(port).open();
    // Larger than one read from the network, so that the pause can take effect between two frames.
    const padding = 'x'.repeat(200_000);
    for (let n = 0; n < 20; n += 1) client.send({ type: 'work', n, padding });
    await vi.waitFor(() => expect(taken.length).toBeGreaterThanOrEqual(4), GENEROUS);
    const other = await new ChatClient(port).open();
    other.send({ type: 'work' });
    await vi.waitFor(() => expect(taken.some((frame) => frame['n'] === undefined)).toBe(true), GENEROUS);
    expect(taken.length).toBeLessThan(10);
    await vi.waitFor(() => {
      for (const done of release.splice(0)) done();
      expect(taken.length).toBe(21);
    }, GENEROUS);
    expect(taken.map((frame) => frame['n']).filter((n) => n !== undefined)).toEqual([...Array(20).keys()]);
  });

  it('cannot bring the server down by breaking the protocol', async () => {
    const { port, server } = await startServer();
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => {});
    socket.write(
      'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await vi.waitFor(() => expect(server.clients()).toBe(1), GENEROUS);
    // An unmasked frame with reserved bits.
    socket.write(Buffer.from([0xff, 0x05, 1, 2, 3, 4, 5]));
    await vi.waitFor(() => expect(server.clients()).toBe(0), GENEROUS);
    await new ChatClient(port).open();
  });
});

it('tells who is interested how many clients there are', async () => {
  const counts: number[] = [];
  const { port } = await startServer({ clientsChanged: (clients) => counts.push(clients) });
  const client = await new ChatClient(port).open();
  client.socket.close();
  await vi.waitFor(() => expect(counts).toEqual([1, 0]), GENEROUS);
});
