import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { visibleDiscord } from './discord-markdown.ts';
import { DiscordServer } from './discord-server.ts';
import { CHANNEL, DM_OF } from './discord-state.ts';

const TOKEN = 'token';
let server: DiscordServer;
const sockets: WebSocket[] = [];

interface Frame {
  readonly op: number;
  readonly t?: string;
  readonly s?: number;
  readonly d?: Record<string, unknown>;
}

/** A client of the gateway that keeps what it receives. */
async function client(): Promise<{ ws: WebSocket; frames: Frame[]; closed: () => number | undefined }> {
  const ws = new WebSocket(server.gatewayUrl);
  const frames: Frame[] = [];
  let code: number | undefined;
  ws.on('message', (data) => frames.push(JSON.parse(String(data)) as Frame));
  ws.on('close', (closeCode) => {
    code = closeCode;
  });
  ws.on('error', () => {
    // Cut on purpose.
  });
  sockets.push(ws);
  await until(() => expect(frames[0]?.op).toBe(10));
  return { ws, frames, closed: () => code };
}

const until = (check: () => void): Promise<void> => vi.waitFor(check, 10_000);
const names = (frames: readonly Frame[]): (string | undefined)[] =>
  frames.map((frame) => frame.t).filter(Boolean);

function identify(ws: WebSocket, token = TOKEN): void {
  ws.send(JSON.stringify({ op: 2, d: { token, intents: 1 } }));
}

async function call(method: string, path: string, body?: unknown, token = TOKEN) {
  const response = await fetch(`${server.apiUrl}/v10${path}`, {
    method,
    headers: { authorization: `Bot ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> };
}

beforeEach(async () => {
  server = new DiscordServer(TOKEN);
  await server.start();
});
afterEach(async () => {
  for (const ws of sockets.splice(0)) ws.terminate();
  await server.stop();
});

describe("the local Discord server's gateway", () => {
  it('says hello, is ready after an identify, and brings the guilds', async () => {
    const { ws, frames } = await client();
    identify(ws);
    await until(() => expect(names(frames)).toEqual(['READY', 'GUILD_CREATE', 'GUILD_CREATE']));
    expect(frames.find((frame) => frame.t === 'READY')?.d).toMatchObject({ user: { username: 'gate' } });
  });

  it('answers heartbeats unless it is silent', async () => {
    const { ws, frames } = await client();
    ws.send('{"op":1,"d":null}');
    await until(() => expect(frames.some((frame) => frame.op === 11)).toBe(true));
  });

  it('refuses a wrong token with 4004', async () => {
    const { ws, closed } = await client();
    identify(ws, 'wrong');
    await until(() => expect(closed()).toBe(4004));
  });

  it('replays on resume what was missed, and nothing else', async () => {
    const first = await client();
    identify(first.ws);
    await until(() => expect(names(first.frames)).toContain('GUILD_CREATE'));
    server.say('one');
    await until(() => expect(names(first.frames)).toContain('MESSAGE_CREATE'));
    const seq = Math.max(...first.frames.map((frame) => frame.s ?? 0));
    const id = first.frames.find((frame) => frame.t === 'READY')?.d?.['session_id'];
    server.drop();
    await until(() => expect(server.gateway.connected).toBe(false));
    server.say('two');
    const second = await client();
    second.ws.send(JSON.stringify({ op: 6, d: { token: TOKEN, session_id: id, seq } }));
    await until(() => expect(names(second.frames)).toEqual(['MESSAGE_CREATE', 'RESUMED']));
    expect(second.frames.find((frame) => frame.t === 'MESSAGE_CREATE')?.d?.['content']).toBe('two');
  });

  it('answers the resume of a forgotten session with op 9', async () => {
    const { ws, frames } = await client();
    ws.send(JSON.stringify({ op: 6, d: { token: TOKEN, session_id: 'gone', seq: 1 } }));
    await until(() => expect(frames.some((frame) => frame.op === 9)).toBe(true));
  });
});

describe("the local Discord server's REST API", () => {
  const path = `/channels/${CHANNEL}/messages`;

  it('returns the first message for a nonce that it has seen', async () => {
    const body = { content: 'once', nonce: 'n1', enforce_nonce: true };
    const first = await call('POST', path, body);
    const second = await call('POST', path, body);
    expect(second.body['id']).toBe(first.body['id']);
    expect(server.state.messages).toHaveLength(1);
  });

  it.each([
    [{ content: '' }, 50006],
    [{ content: 'x'.repeat(2001) }, 50035],
    [{ content: 'x', nonce: 'n'.repeat(26) }, 50035],
  ])('refuses the message %#', async (body, code) => {
    expect(await call('POST', path, body)).toMatchObject({ status: 400, body: { code } });
  });

  it('refuses a wrong token, an unknown channel, and another author’s message', async () => {
    expect((await call('GET', '/users/@me', undefined, 'wrong')).status).toBe(401);
    expect(await call('POST', '/channels/1/messages', { content: 'x' })).toMatchObject({
      body: { code: 10003 },
    });
    const message = server.group('mine');
    expect(await call('PATCH', `${path}/${message['id']}`, { content: 'y' })).toMatchObject({ status: 403 });
  });

  it('gives history after a message, newest first', async () => {
    const channel = DM_OF['200000000000000001'] ?? '';
    const [a, b, c] = ['a', 'b', 'c'].map((text) => server.say(text));
    const history = await call('GET', `/channels/${channel}/messages?after=${a?.['id']}&limit=10`);
    expect(Object.values(history.body).map((m) => (m as { id: string }).id)).toEqual([c?.['id'], b?.['id']]);
  });

  it('tells clients of their own messages', async () => {
    const { ws, frames } = await client();
    identify(ws);
    await until(() => expect(names(frames)).toContain('GUILD_CREATE'));
    await call('POST', path, { content: 'echo' });
    await until(() => expect(names(frames)).toContain('MESSAGE_CREATE'));
  });

  it('applies a fault once', async () => {
    server.faults.push({
      method: 'createMessage',
      reply: { status: 429, body: { retry_after: 1 }, headers: { 'retry-after': '1' } },
    });
    expect((await call('POST', path, { content: 'x' })).status).toBe(429);
    expect((await call('POST', path, { content: 'x' })).status).toBe(200);
  });
});

describe("Discord's Markdown", () => {
  it('shows what a reader sees', () => {
    expect(visibleDiscord('**a** \\*b\\* `c * d` ~~e~~')).toBe('a *b* c * d e');
    expect(visibleDiscord('```js\n1 < 2 ** 3\n```')).toBe('1 < 2 ** 3\n');
  });
});
