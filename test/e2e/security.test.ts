import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket as WsClient } from 'ws';
import { ChatClient } from '../support/chat-client.ts';
import {
  GatewayProcess,
  operatorToken,
  runCli,
  temporaryFolder,
  writeConfig,
} from '../support/gateway-process.ts';

describe('nobody gets in by themselves', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let gateway: GatewayProcess;
  let port: number;
  const clients: ChatClient[] = [];

  // One for those who follow each other; the tests that leave requests behind have another.
  const start = async (): Promise<void> => {
    folder = temporaryFolder();
    gateway = new GatewayProcess([
      '--no-tui',
      '--port',
      '0',
      '--agent',
      'scripted',
      '--data-dir',
      folder.path,
      '--log-level',
      'debug',
    ]);
    port = await gateway.ready();
  };
  const end = async (): Promise<void> => {
    await gateway.stop();
    folder.remove();
  };
  beforeAll(start);
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  afterAll(end);

  async function connect(): Promise<ChatClient> {
    const client = await ChatClient.connect(port);
    clients.push(client);
    return client;
  }

  const code = async (client: ChatClient): Promise<string> =>
    String((await client.next((frame) => frame.type === 'pairing_required')).data?.['code']);
  const api = (
    method: string,
    path: string,
    body?: unknown,
    token = operatorToken(folder.path),
  ): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const status = async (): Promise<Record<string, unknown>> =>
    (await api('GET', '/api/status')).json() as Promise<Record<string, unknown>>;

  it('never shows a denied stranger’s words to the agent', async () => {
    const client = await connect();
    client.prompt('p1', 'let me in');
    await runCli(['deny', await code(client), '--data-dir', folder.path]);
    expect(await client.outcome('p1')).toMatchObject({ type: 'error', data: { code: 'refused' } });
    client.prompt('p2', 'again');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(client.frames.filter((frame) => frame.type === 'response' || frame.type === 'event')).toEqual([]);
    expect(client.frames.filter((frame) => frame.type === 'pairing_required')).toHaveLength(1);
    expect(await status()).toMatchObject({ sessions: 0, pairing: 0 });
  });

  it('keeps codes off the disk and out of the log, and refuses web pages and operator routes without the token', async () => {
    const client = await connect();
    client.prompt('p1', 'hello');
    const clear = await code(client);
    const bare = clear.replace('-', '');
    const files = readdirSync(folder.path, { recursive: true, withFileTypes: true }).filter((each) =>
      each.isFile(),
    );
    for (const file of files) {
      const bytes = readFileSync(join(file.parentPath, file.name), 'latin1');
      expect(bytes.includes(clear) || bytes.includes(bare)).toBe(false);
    }
    expect(gateway.stdout.includes(clear) || gateway.stdout.includes(bare)).toBe(false);

    const page = new WsClient(`ws://127.0.0.1:${port}/`, { origin: 'https://evil.example' });
    const answer = await new Promise((resolve) => {
      page.on('open', () => resolve('open'));
      page.on('error', (error) => resolve(error.message));
    });
    expect(String(answer)).toMatch(/403/);
    expect((await api('GET', '/api/pairing', undefined, '')).status).toBe(401);
    expect((await api('POST', '/api/allowlist', { platform: 'websocket', userId: 'x' }, '')).status).toBe(
      401,
    );
    expect(
      (await api('POST', '/api/allowlist', { platform: 'websocket', userId: 'x' }, 'wrong-token')).status,
    ).toBe(401);
    expect((await api('GET', '/api/status', undefined, '')).status).toBe(200);
  });

  it('lets only the holder of the key be a known client again, and takes access away at once: running turn ended, queue dropped', async () => {
    const client = await connect();
    const { clientId } = client.identity;
    await runCli(['allow', 'websocket', clientId, '--data-dir', folder.path]);
    const thief = await connect();
    thief.send({ type: 'hello', data: { clientId, clientKey: thief.identity.clientKey, name: 'x' } });
    await thief.next((frame) => frame.type === 'error' && frame.data?.['code'] === 'bad_client_key');
    thief.prompt('p1', 'let me in');
    await thief.next((frame) => frame.type === 'pairing_required');

    client.prompt('p1', '[hang]');
    await client.next((frame) => frame.id === 'p1' && frame.type === 'event');
    expect((await api('DELETE', `/api/allowlist/websocket/${encodeURIComponent(clientId)}`)).status).toBe(
      200,
    );
    expect(await client.outcome('p1')).toMatchObject({ type: 'error', data: { code: 'aborted' } });
    client.prompt('p2', 'still there?');
    await client.next((frame) => frame.type === 'pairing_required' && frame.id === 'p2');
  });

  describe('of many at once', () => {
    beforeAll(async () => {
      await end();
      await start();
    });

    it('locks code entry after five wrong codes, but approving the row still works', async () => {
      const client = await connect();
      client.prompt('p1', 'hello');
      const right = await code(client);
      for (let i = 0; i < 5; i += 1) {
        const wrong = await api('POST', '/api/pairing/approve', { code: 'ABCD-EFG2' });
        expect([404, 429]).toContain(wrong.status);
      }
      const locked = await api('POST', '/api/pairing/approve', { code: right });
      expect(locked.status).toBe(429);
      expect(await locked.json()).toMatchObject({ code: 'code_locked' });
      const list = (await (await api('GET', '/api/pairing')).json()) as unknown;
      const requestId = JSON.stringify(list).match(/"id":"([^"]+)"/)?.[1];
      expect((await api('POST', '/api/pairing/approve', { requestId })).status).toBe(200);
      expect(await client.outcome('p1')).toMatchObject({ type: 'response' });
    });

    it('gives the fourth pending new user no code, but a place in the queue, and says so', async () => {
      for (let i = 0; i < 3; i += 1) {
        const client = await connect();
        client.prompt('p', 'hello');
        await code(client);
      }
      const fourth = await connect();
      fourth.prompt('p', 'me too');
      const waits = await fourth.next((frame) => frame.type === 'pairing_required');
      expect(waits).toMatchObject({ id: 'p', data: { code: null } });
      expect(await status()).toMatchObject({ pairing: 4, turnedAway: 0 });
    });
  });
});

describe('unsafe settings', () => {
  it('refuse to start on a foreign host without tokens, naming the key', async () => {
    const folder = temporaryFolder();
    const { code, stderr } = await runCli([
      '--no-tui',
      '--host',
      '0.0.0.0',
      '--port',
      '0',
      '--data-dir',
      folder.path,
    ]);
    expect(code).toBe(78);
    expect(stderr).toContain('tokens');
    folder.remove();
  });

  it('obey allowAll, with a badge', async () => {
    const folder = temporaryFolder();
    writeConfig(folder.path, { security: { allowAll: true } });
    const gateway = new GatewayProcess([
      '--no-tui',
      '--port',
      '0',
      '--agent',
      'scripted',
      '--data-dir',
      folder.path,
    ]);
    const port = await gateway.ready();
    const client = await ChatClient.connect(port);
    client.prompt('p1', 'hi');
    expect(await client.outcome('p1')).toMatchObject({ type: 'response', data: { text: 'You said: hi' } });
    const headers = { authorization: `Bearer ${operatorToken(folder.path)}` };
    const answer = await fetch(`http://127.0.0.1:${port}/api/status`, { headers });
    const body = (await answer.json()) as { badges: string[] };
    expect(body.badges.join()).toContain('allowAll');
    client.close();
    await gateway.stop();
    folder.remove();
  });
});
