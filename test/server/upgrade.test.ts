import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WebSocket as OtherClient } from 'ws';
import { ChatClient } from './chat-client.ts';
import { bearer, call, OPERATOR_TOKEN, startServer } from './server-kit.ts';

/** The status line's number and the JSON body of a refused upgrade, or 101. */
function upgrade(
  port: number,
  path: string,
  headers: Record<string, string> = {},
  protocols: string[] = [],
): Promise<{ status: number; body: string; protocol: string }> {
  return new Promise((resolve, reject) => {
    const socket = new OtherClient(`ws://127.0.0.1:${port}${path}`, protocols, { headers });
    socket.on('open', () => {
      resolve({ status: 101, body: '', protocol: socket.protocol });
      socket.close();
    });
    socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += String(chunk);
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, protocol: '' }));
    });
    socket.on('error', reject);
  });
}

describe('opening a chat socket', () => {
  it.each(['/', '/ws', '/any/free/path?x=1'])('works at %s', async (path) => {
    const { port, server } = await startServer();
    const client = await new ChatClient(port, { path }).open();
    client.send({ type: 'echo', data: { text: 'grüße 👋' } });
    expect(await client.next('echo')).toEqual({ type: 'echo', data: { text: 'grüße 👋' } });
    expect(server.clients()).toBe(1);
  });

  it.each(['/api/status', '/healthz', '/metrics', '/hook'])('is refused at the route %s', async (path) => {
    const { port } = await startServer({
      routes: () => [{ path: '/hook', handle: async () => new Response() }],
    });
    const { status, body } = await upgrade(port, path);
    expect([status, JSON.parse(body)]).toEqual([400, expect.objectContaining({ code: 'not_a_socket' })]);
  });

  it.each([[[]], [['*']]])(
    'is refused to foreign pages without tokens, with corsOrigins %j',
    async (corsOrigins) => {
      const { port, server } = await startServer({ corsOrigins });
      const { status, body } = await upgrade(port, '/', { Origin: 'https://evil.example' });
      expect([status, JSON.parse(body)]).toEqual([403, expect.objectContaining({ code: 'origin_refused' })]);
      expect(server.clients()).toBe(0);
      expect(server.counters().originRefusals).toBe(1);
    },
  );

  it('is refused to a rebound name', async () => {
    const { port } = await startServer();
    const host = `evil.example:${port}`;
    expect((await upgrade(port, '/', { Host: host })).status).toBe(403);
    expect((await upgrade(port, '/', { Host: host, Origin: `http://${host}` })).status).toBe(403);
  });

  it('works for listed pages and for programs that name the gateway itself as Origin', async () => {
    const { port } = await startServer({ corsOrigins: ['https://chat.example'] });
    expect((await upgrade(port, '/', { Origin: 'https://chat.example' })).status).toBe(101);
    expect((await upgrade(port, '/', { Origin: `http://127.0.0.1:${port}` })).status).toBe(101);
  });

  it('needs a token when tokens are set: header or sub-protocol, never the URL', async () => {
    const { port } = await startServer({ tokens: ['secret-1'] });
    const refused = await upgrade(port, '/?token=secret-1');
    expect([refused.status, JSON.parse(refused.body)]).toEqual([
      401,
      expect.objectContaining({ code: 'token_missing' }),
    ]);
    expect((await upgrade(port, '/', bearer('wrong'))).status).toBe(401);
    expect((await upgrade(port, '/', {}, ['bearer.wrong'])).status).toBe(401);
    expect((await upgrade(port, '/', bearer('secret-1'))).status).toBe(101);
    expect((await upgrade(port, '/', bearer(OPERATOR_TOKEN))).status).toBe(101);
    expect(await upgrade(port, '/', {}, ['bearer.secret-1'])).toMatchObject({
      status: 101,
      protocol: 'bearer.secret-1',
    });
    expect((await upgrade(port, '/', {}, ['chat', 'bearer.secret-1'])).protocol).toBe('chat');
  });

  it("works in a browser's way: the built-in WebSocket with a sub-protocol only", async () => {
    const { port } = await startServer({ tokens: ['secret-1'] });
    const client = await new ChatClient(port, { protocols: ['bearer.secret-1'] }).open();
    expect(client.socket.protocol).toBe('bearer.secret-1');
    await expect(new ChatClient(port).open()).rejects.toThrow('refused');
  });

  it('counts wrong tokens of upgrades like any others, and lets the right one pass all the same', async () => {
    const { port } = await startServer({ tokens: ['secret-1'] });
    for (let i = 0; i < 10; i += 1) await upgrade(port, '/', {}, [`bearer.guess-${i}`]);
    expect((await upgrade(port, '/', {}, ['bearer.guess-11'])).status).toBe(429);
    expect((await call(port, '/api/status', { headers: bearer('guess-12') })).status).toBe(429);
    expect((await upgrade(port, '/', {}, ['bearer.secret-1'])).status).toBe(101);
  });

  it('is refused when chat sockets are switched off or nobody takes them', async () => {
    const off = await startServer({ enableWebSocket: false });
    const { status, body } = await upgrade(off.port, '/');
    expect([status, JSON.parse(body)]).toEqual([
      404,
      expect.objectContaining({ code: 'websocket_disabled' }),
    ]);
  });

  it('is refused when too many are open', async () => {
    const { port } = await startServer({ limits: { sockets: 1 } });
    await new ChatClient(port).open();
    expect((await upgrade(port, '/')).status).toBe(503);
  });

  it('is no matter for the operator link, which takes the operator token in the header or a proof of it', async () => {
    const { port } = await startServer({ tokens: ['secret-1'] });
    expect((await upgrade(port, '/operator', { Origin: 'http://localhost' })).status).toBe(403);
    expect((await upgrade(port, '/operator', bearer('secret-1'))).status).toBe(403);
    expect((await upgrade(port, '/operator', bearer(OPERATOR_TOKEN))).status).toBe(101);
    const page = { ...bearer(OPERATOR_TOKEN), Origin: 'https://evil.example' };
    expect((await upgrade(port, '/operator', page)).status).toBe(403);
  });

  it('survives a peer that sends nonsense or goes away in the middle', async () => {
    const { port } = await startServer();
    const nonsense = [
      'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
      'GET //evil/../ HTTP/1.1\r\nHost: a b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      '\u0000\u0001\u0002\r\n\r\n',
    ];
    for (const text of nonsense) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(text, () => socket.resetAndDestroy());
    }
    expect((await call(port, '/healthz')).status).toBe(200);
    await new ChatClient(port).open();
  });
});
