import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { PairingView, TaskView } from '../../src/gateway/model.ts';
import type { OperatorCommand, SessionView } from '../../src/gateway/operator/operator.ts';
import { fakeOperator } from './fake-operator.ts';
import { bearer, type Call, call, OPERATOR_TOKEN, startServer } from './server-kit.ts';

const session: SessionView = {
  id: 's1',
  chat: { platform: 'telegram', accountId: 'default', chatId: '42' },
  chatKind: 'dm',
  senderId: '42',
  senderName: 'Ada',
  title: 'hello',
  state: 'idle',
  waiting: 0,
  createdAt: 1,
  lastUserAt: 2,
  turns: 1,
};
const task: TaskView = {
  id: 't1',
  sessionId: 's2',
  parentSessionId: 's1',
  command: 'count',
  status: 'running',
  progress: 10,
  createdAt: 1,
};
const request: PairingView = {
  id: 'p1',
  platform: 'telegram',
  accountId: 'default',
  senderId: '81',
  senderName: 'Grace',
  code: 'KQ7M-2XPD',
  firstWords: 'hi',
  createdAt: 1,
  expiresAt: 2,
};

function write(method: string, body?: unknown): Call {
  return {
    method,
    headers: { ...bearer(OPERATOR_TOKEN), 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  };
}

describe('reading over HTTP', () => {
  it('answers status, sessions, tasks and allowlist to the holder of a token', async () => {
    const entry = { platform: 'slack', userId: 'U1', name: 'Bob', addedAt: 1, origin: 'manual' } as const;
    const { port } = await startServer(
      { status: () => ({ running: true, clients: 3 }), tokens: ['reader'] },
      fakeOperator({ sessions: [session], tasks: [task], allowlist: [entry] }),
    );
    const headers = bearer('reader');
    const status = await call(port, '/api/status', { headers });
    expect(status.status).toBe(200);
    expect(status.headers['content-type']).toMatch(/^application\/json/);
    expect(status.headers['cache-control']).toBe('no-store');
    expect(status.json).toMatchObject({ running: true, clients: 3 });
    expect((await call(port, '/api/sessions', { headers })).json).toEqual([expect.objectContaining(session)]);
    expect((await call(port, '/api/background', { headers })).json).toEqual([task]);
    expect((await call(port, '/api/allowlist', { headers })).json).toEqual([entry]);
  });

  it('shows open pairing codes to the operator only', async () => {
    const { port } = await startServer({}, fakeOperator({ pairing: [request] }));
    expect((await call(port, '/api/pairing')).status).toBe(401);
    const answer = await call(port, '/api/pairing', { headers: bearer(OPERATOR_TOKEN) });
    expect(answer.json).toEqual([{ ...request, expiresIn: 0 }]);
  });

  it('says whether it lives and whether it is ready, without any token', async () => {
    let ready = false;
    const { port } = await startServer({ tokens: ['t'], ready: () => ready });
    const alive = await call(port, '/healthz');
    expect([alive.status, alive.json]).toEqual([200, { ok: true, service: 'pi-gateway-tui' }]);
    expect((await call(port, '/readyz')).status).toBe(503);
    ready = true;
    expect((await call(port, '/readyz')).status).toBe(200);
  });

  it('hands out Prometheus text', async () => {
    const { port } = await startServer({ metrics: async () => 'up 1\n' });
    const answer = await call(port, '/metrics');
    expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(answer.text).toBe('up 1\n');
  });

  it('answers HEAD like GET, without a body', async () => {
    const { port } = await startServer();
    const answer = await call(port, '/api/status', { method: 'HEAD' });
    expect([answer.status, answer.text]).toEqual([200, '']);
  });

  it('answers unknown paths with a JSON 404', async () => {
    const { port } = await startServer();
    for (const path of ['/', '/nothing', '/api/nothing', '/api/tasks/x']) {
      const answer = await call(port, path);
      expect(answer.status).toBe(404);
      expect(answer.json).toEqual({
        error: expect.any(String),
        code: 'not_found',
        hint: expect.any(String),
      });
    }
  });

  it('answers wrong methods with 405 and the right ones', async () => {
    const { port } = await startServer();
    const answer = await call(port, '/api/status', { method: 'POST' });
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD']);
    expect(answer.json).toMatchObject({ code: 'method_not_allowed' });
    expect((await call(port, '/api/allowlist', { method: 'PUT' })).headers.allow).toBe('GET, HEAD, POST');
  });

  it('keeps only health when HTTP is switched off', async () => {
    const { port } = await startServer({ enableHttp: false });
    expect((await call(port, '/api/status')).json).toMatchObject({ code: 'http_disabled' });
    expect((await call(port, '/metrics')).status).toBe(404);
    expect((await call(port, '/readyz')).status).toBe(200);
  });
});

describe('writing over HTTP', () => {
  it.each<[string, string, unknown, OperatorCommand]>([
    ['POST', '/api/pairing/approve', { code: 'kq7m 2xpd' }, { type: 'pairing.approve', code: 'kq7m 2xpd' }],
    ['POST', '/api/pairing/deny', { requestId: 'p1' }, { type: 'pairing.deny', requestId: 'p1' }],
    ['POST', '/api/pairing/block', { requestId: 'p1' }, { type: 'pairing.block', requestId: 'p1' }],
    [
      'POST',
      '/api/allowlist',
      { platform: 'slack', userId: 'U1', note: 'boss' },
      { type: 'allow', platform: 'slack', userId: 'U1', note: 'boss' },
    ],
    [
      'DELETE',
      '/api/allowlist/whatsapp/49123%2F7%40s.whatsapp.net',
      undefined,
      { type: 'revoke', platform: 'whatsapp', userId: '49123/7@s.whatsapp.net' },
    ],
    [
      'POST',
      '/api/send',
      { platform: 'discord', channelId: '1', content: 'hi ✓' },
      { type: 'send', platform: 'discord', channelId: '1', content: 'hi ✓' },
    ],
    ['POST', '/api/background', { command: 'count' }, { type: 'task.start', command: 'count' }],
    ['POST', '/api/tasks/t1/cancel', undefined, { type: 'task.cancel', id: 't1' }],
    ['POST', '/api/sessions/s1/reset', undefined, { type: 'session.reset', id: 's1' }],
    ['POST', '/api/adapters/telegram/start', undefined, { type: 'adapter.start', platform: 'telegram' }],
    ['POST', '/api/adapters/telegram/stop', undefined, { type: 'adapter.stop', platform: 'telegram' }],
    ['POST', '/api/adapters/telegram/restart', undefined, { type: 'adapter.restart', platform: 'telegram' }],
  ])('%s %s becomes an operator command', async (method, path, body, command) => {
    const { port, fake } = await startServer();
    const answer = await call(port, path, write(method, body));
    expect(fake.commands).toEqual([command]);
    expect([answer.status, answer.json]).toEqual([200, { message: `did ${command.type}` }]);
  });

  it.each<[string, unknown, string]>([
    ['/api/allowlist', { platform: 'slack' }, 'missing: userId'],
    ['/api/allowlist', { platform: 'icq', userId: '1' }, '"platform" must be one of telegram, discord'],
    ['/api/limits/raise', { scope: 'x', per: 'day' }, '"scope" must be one of person, chat'],
    ['/api/allowlist', { platform: 'slack', userId: 7 }, '"userId" must be string'],
    ['/api/allowlist', { platform: 'slack', userId: 'U1', admin: true }, 'unknown key: admin'],
    ['/api/allowlist', [], 'the body must be object'],
    ['/api/pairing/approve', {}, 'give either "code" or "requestId"'],
    ['/api/pairing/approve', { code: 'a', requestId: 'b' }, 'give either "code" or "requestId"'],
    ['/api/send', { platform: 'slack', channelId: '1', content: '' }, '"content" must not have fewer'],
    ['/api/send', '{"platform":', 'the body is not valid JSON'],
    ['/api/send', '', 'the body is not valid JSON'],
  ])('refuses a wrong body for %s and names the key: %j', async (path, body, message) => {
    const { port, fake } = await startServer();
    const answer = await call(port, path, write('POST', body));
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ error: expect.stringContaining(message), hint: expect.any(String) });
    expect(fake.commands).toEqual([]);
  });

  it('answers 404 for a platform that does not exist', async () => {
    const { port } = await startServer();
    const answer = await call(port, '/api/adapters/icq/start', write('POST'));
    expect([answer.status, answer.json]).toEqual([
      404,
      expect.objectContaining({ code: 'unknown_platform' }),
    ]);
  });

  it('passes the status, code and hint of a failed command on', async () => {
    const { port, fake } = await startServer();
    fake.answerWith(async () => {
      throw new GatewayError('code_unknown', 'no request has this code', { status: 409, hint: 'List them.' });
    });
    const answer = await call(port, '/api/pairing/approve', write('POST', { code: 'x' }));
    expect(answer.status).toBe(409);
    expect(answer.json).toEqual({
      error: 'no request has this code',
      code: 'code_unknown',
      hint: 'List them.',
    });
  });

  it('keeps the text of an unexpected failure to itself', async () => {
    const { port, fake } = await startServer();
    fake.answerWith(async () => {
      throw new TypeError('/home/me/secret is not a function');
    });
    const answer = await call(port, '/api/pairing/approve', write('POST', { code: 'x' }));
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('secret');
    expect(answer.json).toMatchObject({ code: 'internal' });
  });

  it('needs no body where every part of it is optional', async () => {
    const { port, fake } = await startServer();
    const options = { method: 'POST', headers: bearer(OPERATOR_TOKEN) };
    expect((await call(port, '/api/audit/verify', options)).status).toBe(200);
    expect(fake.commands).toEqual([{ type: 'audit.verify' }]);
    expect((await call(port, '/api/send', options)).json).toMatchObject({ code: 'bad_json' });
    expect((await call(port, '/api/pairing/approve', options)).json).toMatchObject({ code: 'bad_request' });
  });

  it('refuses a body over 1 MiB, announced or not', async () => {
    const { port, fake } = await startServer();
    const content = 'x'.repeat(1024 * 1024 + 1);
    const body = JSON.stringify({ platform: 'slack', channelId: '1', content });
    const announced = await fetch(`http://127.0.0.1:${port}/api/send`, {
      method: 'POST',
      headers: bearer(OPERATOR_TOKEN),
      body,
    });
    expect(announced.status).toBe(413);
    expect(await announced.json()).toMatchObject({ code: 'body_too_large' });
    const stream = new Blob([body]).stream();
    const chunked = await fetch(`http://127.0.0.1:${port}/api/send`, {
      method: 'POST',
      headers: bearer(OPERATOR_TOKEN),
      body: stream,
      duplex: 'half',
    });
    expect(chunked.status).toBe(413);
    expect(fake.commands).toEqual([]);
  });
});

describe("an adapter's own route", () => {
  const route = {
    path: '/telegram/hook',
    handle: async (incoming: Request) =>
      Response.json({ got: await incoming.text(), secret: incoming.headers.get('x-secret') }),
  };

  it('gets the request whole and answers for itself', async () => {
    const { port } = await startServer({ routes: () => [route], tokens: ['t'] });
    const answer = await call(port, '/telegram/hook', {
      method: 'POST',
      headers: { 'X-Secret': 's' },
      body: '{"update_id":1}',
    });
    expect(answer.json).toEqual({ got: '{"update_id":1}', secret: 's' });
    expect((await call(port, '/telegram/hook')).status).toBe(405);
  });

  it('comes and goes with its adapter', async () => {
    const routes = [route];
    const { port } = await startServer({ routes: () => routes });
    const ask = async () => (await call(port, '/telegram/hook', { method: 'POST', body: '{}' })).status;
    expect(await ask()).toBe(200);
    routes.pop();
    expect(await ask()).toBe(404);
    routes.push(route);
    expect(await ask()).toBe(200);
  });

  it('may fail without taking the server along', async () => {
    const { port } = await startServer({
      routes: () => [
        {
          path: '/hook',
          handle: async () => {
            throw new Error('boom');
          },
        },
      ],
    });
    expect((await call(port, '/hook', { method: 'POST' })).status).toBe(500);
    expect((await call(port, '/healthz')).status).toBe(200);
  });

  it('gets no body over the limit', async () => {
    const { port } = await startServer({ routes: () => [route], limits: { bodyBytes: 10 } });
    const answer = await call(port, '/telegram/hook', { method: 'POST', body: 'x'.repeat(11) });
    expect(answer.status).toBe(413);
  });
});

it('takes a client that hangs up in the middle of a body for its own mistake', async () => {
  const errors: string[] = [];
  const { port, fake } = await startServer({
    log: { ...silentLogger, error: (message) => void errors.push(message) },
  });
  const socket = connect(port, '127.0.0.1');
  const head = `POST /api/allowlist HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${OPERATOR_TOKEN}\r\n`;
  socket.write(`${head}Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{"platform":`);
  // The server has the head once it has answered the next connection.
  await call(port, '/healthz');
  socket.destroy();
  await once(socket, 'close');
  await expect.poll(async () => (await call(port, '/healthz')).status).toBe(200);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect([errors, fake.commands]).toEqual([[], []]);
});
