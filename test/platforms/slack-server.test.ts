import { App, SocketModeReceiver } from '@slack/bolt';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { BOT, SlackServer } from './slack-server.ts';

let server: SlackServer;
const until = <T>(check: () => T): Promise<T> => vi.waitFor(check, { timeout: 15_000, interval: 10 });

async function call(method: string, form: Record<string, string> = {}, token = server.tokens.bot) {
  const response = await fetch(`${server.url}${method}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: new URLSearchParams(form),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function open(): Promise<{ ws: WebSocket; frames: Record<string, unknown>[] }> {
  const { body } = await call('apps.connections.open', {}, server.tokens.app);
  const ws = new WebSocket(String(body['url']));
  const frames: Record<string, unknown>[] = [];
  ws.on('message', (data) => frames.push(JSON.parse(String(data)) as Record<string, unknown>));
  await until(() => expect(frames[0]).toMatchObject({ type: 'hello', num_connections: 1 }));
  return { ws, frames };
}

beforeEach(async () => {
  server = new SlackServer();
  await server.start();
});

afterEach(() => server.stop());

describe('the local Slack', () => {
  it('tells its tokens apart and refuses others', async () => {
    expect((await call('auth.test')).body).toMatchObject({ ok: true, user_id: BOT.user });
    expect((await call('auth.test', {}, server.tokens.app)).body).toEqual({
      ok: false,
      error: 'invalid_auth',
    });
    expect((await call('apps.connections.open')).body).toEqual({ ok: false, error: 'invalid_auth' });
    expect((await call('no.such.method')).body).toEqual({ ok: false, error: 'unknown_method' });
  });

  it('delivers an event again until it is acknowledged, with the same id', async () => {
    server.sockets.redeliverAfterMs = 50;
    const { ws, frames } = await open();
    server.say({ user: 'U0ADA', channel: 'D0ADA', text: 'hi' });
    await until(() => expect(frames).toHaveLength(3));
    const [, first, second] = frames;
    expect(first).toMatchObject({ type: 'events_api', retry_attempt: 0 });
    expect(second).toMatchObject({ retry_attempt: 1, payload: first?.['payload'] });
    expect(second?.['envelope_id']).not.toBe(first?.['envelope_id']);
    ws.send(JSON.stringify({ envelope_id: second?.['envelope_id'] }));
    const { event_id: id } = (first?.['payload'] ?? {}) as { event_id?: string };
    await until(() => expect(server.sockets.acknowledged(String(id))).toBe(true));
    ws.close();
  });

  it('keeps events while nobody is connected', async () => {
    server.say({ user: 'U0ADA', channel: 'D0ADA', text: 'early' });
    const { ws, frames } = await open();
    await until(() => expect(frames[1]).toMatchObject({ type: 'events_api' }));
    ws.close();
  });

  it('makes one-shot faults, before or after it acts', async () => {
    const post = () => call('chat.postMessage', { channel: 'D0ADA', text: 'x' }).catch(() => 'cut');
    server.faults.push({ method: 'chat.postMessage', reply: { status: 503, body: {} } });
    expect(await post()).toMatchObject({ status: 503 });
    expect(server.messages).toHaveLength(0);
    server.faults.push({ method: 'chat.postMessage', when: 'after', reply: 'cut' });
    expect(await post()).toBe('cut');
    expect(server.messages).toHaveLength(1);
    expect(await post()).toMatchObject({ body: { ok: true } });
  });

  it('shows that bolt by itself acknowledges before its handler has run', async () => {
    const clientOptions = { slackApiUrl: server.url };
    const receiver = new SocketModeReceiver({
      appToken: server.tokens.app,
      installerOptions: { clientOptions },
    });
    const app = new App({ token: server.tokens.bot, receiver, clientOptions: { slackApiUrl: server.url } });
    const running = Promise.withResolvers<void>();
    app.message(() => running.promise);
    await app.start();
    const { events } = server.say({ user: 'U0ADA', channel: 'D0ADA', text: 'hi' });
    await until(() => expect(server.sockets.acknowledged(String(events[0]?.['event_id']))).toBe(true));
    running.resolve();
    await receiver.client.disconnect();
  });
});
