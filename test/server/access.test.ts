import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { type LogFields, type Logger, silentLogger } from '../../src/base/log.ts';
import { AccessGuard, type RequestFacts } from '../../src/server/access.ts';
import { newCounters } from '../../src/server/metric-tables.ts';
import { bearer, call, OPERATOR_TOKEN, startServer } from './server-kit.ts';

const FOREIGN = 'https://evil.example';

describe('without a token', () => {
  it('a local program gets counts and names of platforms, and nothing that a person wrote', async () => {
    const { port } = await startServer({
      status: () => ({
        running: true,
        version: '1',
        clients: 2,
        sessions: 3,
        agent: { backend: 'pi-rpc', running: 0, maxConcurrent: 4, ok: true, detail: '/home/ada/pi' },
        adapters: [
          { platform: 'telegram', state: 'connected', detail: '@adas_bot' },
          { platform: 'slack', state: 'disabled', detail: 'not enabled' },
        ],
        refusals: [{ senderName: 'Grace' }],
        decisions: [{ chatId: '42' }],
      }),
    });
    expect((await call(port, '/api/status')).json).toEqual({
      running: true,
      version: '1',
      adapters: ['telegram'],
      clients: 2,
      sessions: 3,
      agent: true,
    });
  });

  it.each([
    '/api/sessions',
    '/api/background',
    '/api/schedules',
    '/api/allowlist',
    '/api/usage',
    '/api/tasks/t/steps',
  ])('nobody reads %s, unless security.openLoopback says so', async (path) => {
    const closed = await startServer();
    expect((await call(closed.port, path)).status).toBe(401);
    const open = await startServer({ openLoopback: true });
    expect((await call(open.port, path)).status).not.toBe(401);
    const withTokens = await startServer({ openLoopback: true, tokens: ['one'] });
    expect((await call(withTokens.port, path)).status).toBe(401);
  });

  it('openLoopback opens neither pairing nor questions nor a write', async () => {
    const { port, fake } = await startServer({ openLoopback: true });
    for (const path of ['/api/pairing', '/api/dialogs', '/api/outbox'])
      expect((await call(port, path)).status).toBe(401);
    expect((await call(port, '/api/sessions/s1/reset', { method: 'POST' })).status).toBe(401);
    expect(fake.commands).toEqual([]);
  });
});

describe('reading without tokens', () => {
  it('lets a local program in', async () => {
    const { port } = await startServer();
    expect((await call(port, '/api/status')).status).toBe(200);
    expect((await call(port, '/api/status', { headers: { Host: `localhost:${port}` } })).status).toBe(200);
  });

  it.each([[[]], [['*']], [['https://chat.example']]])(
    'refuses a web page of another origin, with corsOrigins %j',
    async (corsOrigins) => {
      const { port } = await startServer({ corsOrigins });
      const answer = await call(port, '/api/status', { headers: { Origin: FOREIGN } });
      expect([answer.status, answer.json]).toEqual([
        403,
        expect.objectContaining({ code: 'origin_refused' }),
      ]);
    },
  );

  it('refuses a rebound name in the Host header', async () => {
    const { port } = await startServer();
    const answer = await call(port, '/api/status', { headers: { Host: `evil.example:${port}` } });
    expect([answer.status, answer.json]).toEqual([403, expect.objectContaining({ code: 'host_refused' })]);
    const both = { Host: `evil.example:${port}`, Origin: `http://evil.example:${port}` };
    expect((await call(port, '/api/status', { headers: both })).status).toBe(403);
  });

  it('lets a listed page in and tells its browser so', async () => {
    const origin = 'https://chat.example';
    const { port } = await startServer({ corsOrigins: [origin] });
    const answer = await call(port, '/api/status', { headers: { Origin: origin } });
    expect(answer.status).toBe(200);
    expect(answer.headers['access-control-allow-origin']).toBe(origin);
    expect(answer.headers.vary).toBe('Origin');
  });

  it('asks another machine for a token, whatever it forwards', () => {
    const guard = new AccessGuard(
      { tokens: [], operatorToken: OPERATOR_TOKEN, corsOrigins: [] },
      newCounters(),
      () => 0,
      silentLogger,
    );
    const facts: RequestFacts = {
      peer: '10.0.0.9',
      authorization: undefined,
      origin: undefined,
      host: 'localhost:3847',
      subProtocols: [],
    };
    for (const level of ['counts', 'chat', 'read'] as const)
      expect(() => guard.check(facts, level)).toThrow(expect.objectContaining({ status: 401 }));
    expect(() => guard.check({ ...facts, peer: '127.0.0.1' }, 'chat')).not.toThrow();
  });

  const outside = Object.values(networkInterfaces())
    .flat()
    .find((entry) => entry !== undefined && entry.family === 'IPv4' && !entry.internal)?.address;

  it.skipIf(outside === undefined)(
    'does not believe forwarded headers of a peer that is not local (skipped without a network address)',
    async () => {
      const { port } = await startServer({ host: '0.0.0.0' });
      const headers = {
        Host: `localhost:${port}`,
        'X-Forwarded-For': '127.0.0.1',
        'X-Real-IP': '127.0.0.1',
        Forwarded: 'for=127.0.0.1',
      };
      expect((await call(port, '/api/status', { host: outside ?? '', headers })).status).toBe(401);
    },
  );
});

describe('reading with tokens', () => {
  it('takes a token of the list or the operator token, and nothing less', async () => {
    const { port } = await startServer({ tokens: ['one', 'two'] });
    const status = async (headers: Record<string, string> = {}) =>
      (await call(port, '/api/sessions', { headers })).status;
    expect(await status(bearer('one'))).toBe(200);
    expect(await status(bearer('two'))).toBe(200);
    expect(await status(bearer(OPERATOR_TOKEN))).toBe(200);
    expect(await status(bearer('three'))).toBe(401);
    expect(await status()).toBe(401);
    expect(await status({ Authorization: 'Basic b25l' })).toBe(401);
  });

  it('never looks for a token in the URL', async () => {
    const { port } = await startServer({ tokens: ['one'] });
    for (const query of ['token=one', 'access_token=one', 'bearer=one', `token=${OPERATOR_TOKEN}`]) {
      const answer = await call(port, `/api/sessions?${query}`);
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer');
      expect(answer.json).toMatchObject({
        hint: expect.stringContaining('a token in the URL is not accepted'),
      });
    }
  });

  it('lets any page in that sends a token when corsOrigins is "*"', async () => {
    const { port } = await startServer({ tokens: ['one'], corsOrigins: ['*'] });
    const headers = { Origin: FOREIGN, ...bearer('one') };
    const answer = await call(port, '/api/sessions', { headers });
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([200, FOREIGN]);
    expect((await call(port, '/api/sessions', { headers: { Origin: FOREIGN } })).status).toBe(403);
  });

  it('refuses an origin that is not listed even with a token', async () => {
    const { port } = await startServer({ tokens: ['one'], corsOrigins: ['https://chat.example'] });
    expect(
      (await call(port, '/api/sessions', { headers: { Origin: FOREIGN, ...bearer('one') } })).status,
    ).toBe(403);
  });
});

describe('operating', () => {
  const path = '/api/sessions/s1/reset';

  it.each([[[]], [['reader']]])('needs the operator token, with tokens %j', async (tokens) => {
    const { port, fake } = await startServer({ tokens });
    expect((await call(port, path, { method: 'POST' })).status).toBe(401);
    expect((await call(port, path, { method: 'POST', headers: bearer('guess') })).status).toBe(401);
    expect(fake.commands).toEqual([]);
    expect((await call(port, path, { method: 'POST', headers: bearer(OPERATOR_TOKEN) })).status).toBe(200);
  });

  it('tells the holder of a reading token that it is not enough', async () => {
    const { port } = await startServer({ tokens: ['reader'] });
    const answer = await call(port, path, { method: 'POST', headers: bearer('reader') });
    expect([answer.status, answer.json]).toEqual([
      403,
      expect.objectContaining({ code: 'operator_token_needed' }),
    ]);
  });

  it('does not accept an empty token when none was made', async () => {
    const { port } = await startServer({ operatorToken: '' });
    const attempts: Record<string, string>[] = [
      { Authorization: 'Bearer ' },
      { Authorization: 'Bearer' },
      {},
    ];
    for (const headers of attempts)
      expect((await call(port, path, { method: 'POST', headers })).status).toBe(401);
  });
});

describe('guessing tokens', () => {
  it('is over after ten wrong ones a minute, for five minutes; a right one passes all the same', async () => {
    const time = { now: 1_000_000 };
    const { port, server } = await startServer({ tokens: ['one'], clock: () => time.now });
    const ask = (token: string, path = '/api/sessions') => call(port, path, { headers: bearer(token) });
    for (let i = 0; i < 10; i += 1) expect((await ask(`guess-${i}`)).status).toBe(401);
    const locked = await ask('guess-10');
    expect([locked.status, locked.headers['retry-after']]).toEqual([429, '300']);
    expect(locked.json).toMatchObject({ code: 'too_many_failures', hint: expect.stringContaining('300 s') });
    expect((await ask('one')).status).toBe(200);
    expect((await ask(OPERATOR_TOKEN, '/api/pairing')).status).toBe(200);
    time.now += 300_000;
    expect((await ask('guess-11')).status).toBe(401);
    expect(server.counters().authFailures).toBe(11);
  });

  it('does not count requests without a token or of foreign pages, which any page could cause', async () => {
    const { port } = await startServer({ tokens: ['one'] });
    for (let i = 0; i < 12; i += 1) {
      expect((await call(port, '/api/sessions')).status).toBe(401);
      const page = { Origin: FOREIGN, ...bearer('guess') };
      expect((await call(port, '/api/sessions', { headers: page })).status).toBe(403);
    }
    expect((await call(port, '/api/sessions', { headers: bearer('guess') })).status).toBe(401);
  });

  it('by a web page does not lock out the guesses of programs, so they are counted apart', async () => {
    const { port } = await startServer({ tokens: ['one'], corsOrigins: ['*'] });
    const asPage = async (token: string) =>
      (await call(port, '/api/sessions', { headers: { Origin: FOREIGN, ...bearer(token) } })).status;
    for (let i = 0; i < 10; i += 1) expect(await asPage(`guess-${i}`)).toBe(401);
    expect(await asPage('guess-10')).toBe(429);
    expect((await call(port, '/api/sessions', { headers: bearer('guess') })).status).toBe(401);
    expect(await asPage('one')).toBe(200);
  });
});

it('shows the operator each refusal, the same one once a minute, and never the token', async () => {
  const lines: { message: string; fields: LogFields | undefined }[] = [];
  const log: Logger = { ...silentLogger, warn: (message, fields) => lines.push({ message, fields }) };
  const time = { now: 1_000_000 };
  const { port } = await startServer({ tokens: ['one'], clock: () => time.now, log });
  const refuse = async () => {
    await call(port, '/api/status', { headers: bearer('a-guess') });
    await call(port, '/api/status', { headers: { Origin: FOREIGN } });
  };
  await refuse();
  await refuse();
  expect(lines).toEqual([
    { message: 'refused: the token is not known', fields: { peer: '127.0.0.1' } },
    {
      message: 'refused: web pages of this origin may not use the gateway',
      fields: { peer: '127.0.0.1', origin: FOREIGN },
    },
  ]);
  time.now += 60_000;
  await refuse();
  expect(lines.length).toBe(4);
  expect(JSON.stringify(lines)).not.toContain('a-guess');
});

describe('a CORS preflight', () => {
  const ask = (origin: string, headers = 'authorization,content-type') => ({
    method: 'OPTIONS',
    headers: {
      Origin: origin,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': headers,
    },
  });

  it('is granted to listed pages', async () => {
    const { port } = await startServer({ corsOrigins: ['https://chat.example'] });
    const answer = await call(port, '/api/send', ask('https://chat.example'));
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': 'https://chat.example',
      'access-control-allow-methods': expect.stringContaining('DELETE'),
      'access-control-allow-headers': expect.stringContaining('Authorization'),
    });
  });

  it('is refused to all others', async () => {
    const { port } = await startServer({ corsOrigins: ['https://chat.example'] });
    const answer = await call(port, '/api/send', ask(FOREIGN));
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([403, undefined]);
  });

  it('is granted by "*" only for requests that will carry a token', async () => {
    const { port } = await startServer({ corsOrigins: ['*'] });
    expect((await call(port, '/api/status', ask(FOREIGN, 'content-type'))).status).toBe(403);
    expect((await call(port, '/api/status', ask(FOREIGN))).status).toBe(204);
  });
});
