import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ChatClient } from './chat-client.ts';
import { call, startServer } from './server-kit.ts';

function listen(host: string, port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ host, port }, () => {
      onTestFinished(() => void server.close());
      resolve(server);
    });
  });
}

const hasIpv6 = await (async () => {
  const server = createServer();
  const works = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ host: '::1', port: 0 }, () => resolve(true));
  });
  server.close();
  return works;
})();

describe('listening', () => {
  it.skipIf(!hasIpv6)(
    'on localhost means both loopback families on one port (skipped without IPv6)',
    async () => {
      const { port } = await startServer({ host: 'localhost' });
      expect((await call(port, '/healthz', { host: '127.0.0.1' })).status).toBe(200);
      expect((await call(port, '/healthz', { host: '::1' })).status).toBe(200);
      expect((await call(port, '/api/status', { host: '::1' })).status).toBe(200);
      await new ChatClient(port, { host: '[::1]' }).open();
    },
  );

  it('on a port that is taken fails with the port and the next step', async () => {
    const { port } = await startServer();
    await expect(startServer({ port })).rejects.toMatchObject({
      code: 'port_in_use',
      message: expect.stringContaining(String(port)),
      hint: expect.stringContaining('--port'),
    });
  });

  it.skipIf(!hasIpv6)(
    'on localhost fails too when only the IPv6 side is taken, and frees the other (skipped without IPv6)',
    async () => {
      const other = await listen('::1', 0);
      const address = other?.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      await expect(startServer({ host: 'localhost', port })).rejects.toMatchObject({ code: 'port_in_use' });
      expect(await listen('127.0.0.1', port)).toBeDefined();
    },
  );

  it('on an address of another machine fails with the key to change', async () => {
    await expect(startServer({ host: '192.0.2.1' })).rejects.toMatchObject({
      code: 'host_unavailable',
      hint: expect.stringContaining('"host"'),
    });
  });
});

describe('stopping', () => {
  it('says goodbye to chat clients, ends idle connections and frees the port', async () => {
    const { port, server } = await startServer();
    const client = await new ChatClient(port).open();
    await fetch(`http://127.0.0.1:${port}/healthz`);
    await server.stop();
    expect(await client.gone()).toMatchObject({ code: 1001, reason: 'the gateway stops' });
    expect(server.clients()).toBe(0);
    expect(await listen('127.0.0.1', port)).toBeDefined();
  });

  it('lets a running request finish', async () => {
    const entered = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const { port, server } = await startServer({
      routes: () => [
        {
          path: '/slow',
          handle: async () => {
            entered.resolve();
            await gate.promise;
            return Response.json({ done: true });
          },
        },
      ],
    });
    const answer = call(port, '/slow', { method: 'POST' });
    await entered.promise;
    const stopped = server.stop();
    gate.resolve();
    expect((await answer).json).toEqual({ done: true });
    await stopped;
  });

  it('does not wait for peers that never answer', async () => {
    const { port, server } = await startServer({
      limits: { closeMs: 100 },
      routes: () => [{ path: '/hang', handle: () => new Promise<Response>(() => {}) }],
    });
    // One peer hangs in a request, one never says a word after its upgrade, one never even sends a request.
    const hanging = call(port, '/hang', { method: 'POST' }).catch(() => 'cut');
    const mute = connect(port, '127.0.0.1');
    mute.on('error', () => {});
    mute.write(
      'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    mute.pause();
    const idle = connect(port, '127.0.0.1');
    idle.on('error', () => {});
    await vi.waitFor(() => expect(server.clients()).toBe(1), { timeout: 15_000 });
    await server.stop();
    expect(await hanging).toBe('cut');
    mute.destroy();
    idle.destroy();
  });

  it('may be asked twice, and before anything was opened', async () => {
    const { server } = await startServer();
    await Promise.all([server.stop(), server.stop()]);
  });
});
