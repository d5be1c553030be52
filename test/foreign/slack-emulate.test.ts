/**
 * The Slack adapter against `emulate`, a Web API that others wrote. It has no socket mode: a front adds
 * `apps.connections.open` and the socket, everything else goes through to it.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createSlackAdapter } from '../../src/adapters/slack/definition.ts';
import type { Adapter, Part, SendReceipt } from '../../src/gateway/adapter.ts';
import { RecordingHost } from '../adapters/contract/recording-host.ts';
import { LocalHttp } from '../platforms/local-http.ts';
import { SlackSockets } from '../platforms/slack-socket.ts';
import { foreignPeer } from './foreign-peer.ts';

interface Emulator {
  readonly url: string;
  close(): Promise<void>;
}

interface EmulateModule {
  createEmulator(options: { service: 'slack'; port: number; baseUrl: string }): Promise<Emulator>;
}

const peer = await foreignPeer('emulate/dist/api.js');

class Front {
  readonly sockets = new SlackSockets();
  readonly http = new LocalHttp({
    request: (request, body, response) => this.#request(request, body, response),
    upgrade: (request, socket, head) => this.sockets.upgrade(request, socket, head),
  });
  behind = '';

  async call(method: string, form: Record<string, string>): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.behind}/api/${method}`, {
      method: 'POST',
      headers: { authorization: 'Bearer xoxb-test' },
      body: new URLSearchParams(form),
    });
    return (await response.json()) as Record<string, unknown>;
  }

  async #request(request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> {
    if (request.url === '/api/apps.connections.open') {
      const url = `ws://127.0.0.1:${this.http.port}/link`;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ok: true, url }));
      return;
    }
    const headers = new Headers();
    for (const name of ['authorization', 'content-type']) {
      const value = request.headers[name];
      if (typeof value === 'string') headers.set(name, value);
    }
    const method = request.method ?? 'GET';
    const through = await fetch(`${this.behind}${request.url}`, {
      method,
      headers,
      ...(method === 'GET' ? {} : { body: new Uint8Array(body) }),
    });
    response.writeHead(through.status, {
      'content-type': through.headers.get('content-type') ?? 'text/plain',
    });
    response.end(Buffer.from(await through.arrayBuffer()));
  }
}

function foreignTest(title: string, body: () => Promise<void>): void {
  if ('absent' in peer) it.skip(`${title} [${peer.absent}]`);
  else it(title, body);
}

describe("Slack's Web API as emulate speaks it", () => {
  const front = new Front();
  let emulator: Emulator | undefined;
  let adapter: Adapter;
  let host: RecordingHost;
  const chat = { platform: 'slack' as const, accountId: 'T000000001', chatId: 'C000000001' };
  const signal = (): AbortSignal => AbortSignal.timeout(20_000);
  const plain = (text: string): Part => ({ text, plain: text });

  const send = (part: Part, to: typeof chat & { threadId?: string } = chat): Promise<SendReceipt> =>
    adapter.send(
      { idempotencyKey: 'k', chat: to, part, partIndex: 0, partCount: 1, meta: { kind: 'reply' } },
      signal(),
    );

  async function history(ts?: string): Promise<readonly Record<string, unknown>[]> {
    const answer =
      ts === undefined
        ? await front.call('conversations.history', { channel: chat.chatId })
        : await front.call('conversations.replies', { channel: chat.chatId, ts });
    return answer['messages'] as Record<string, unknown>[];
  }

  beforeAll(async () => {
    if ('absent' in peer) return;
    await front.http.up();
    const { createEmulator } = peer.module as EmulateModule;
    // Port 0 is not understood: a free one is asked for first.
    const probe = new LocalHttp({ request: () => {} });
    await probe.up();
    const { port } = probe;
    await probe.down();
    emulator = await createEmulator({ service: 'slack', port, baseUrl: front.http.url });
    front.behind = `http://127.0.0.1:${port}`;
    host = new RecordingHost(await mkdtemp(join(tmpdir(), 'emulate-')));
    adapter = createSlackAdapter({
      botToken: 'xoxb-test',
      appToken: 'xapp-test',
      apiUrl: `${front.http.url}/api`,
    });
    await adapter.start(host);
    await vi.waitFor(() => expect(host.current?.state).toBe('connected'), { timeout: 15_000 });
  });

  afterAll(async () => {
    if ('absent' in peer) return;
    await adapter.stop();
    front.sockets.stop();
    await front.http.down();
    await emulator?.close();
  });

  foreignTest('tells who the bot is', async () => {
    expect(host.current?.account).toEqual({ id: 'T000000001:U000000001', name: '@admin (Emulate)' });
  });

  foreignTest('takes messages, edits and deletes', async () => {
    const [part] = adapter.format('**bold** & `code <x>`');
    if (part === undefined) throw new Error('nothing to send');
    const { messageId } = await send(part);
    expect((await history()).find((m) => m['ts'] === messageId)?.['text']).toBe(part.text);
    await adapter.edit?.(chat, messageId, plain('edited'), signal());
    expect((await history()).find((m) => m['ts'] === messageId)?.['text']).toBe('edited');
    await adapter.delete?.(chat, messageId, signal());
    await adapter.delete?.(chat, messageId, signal());
    expect((await history()).some((m) => m['ts'] === messageId)).toBe(false);
  });

  foreignTest('takes answers in a thread', async () => {
    const root = await send(plain('root'));
    const { messageId } = await send(plain('answer'), { ...chat, threadId: root.messageId });
    const thread = await history(root.messageId);
    expect(thread.map((m) => m['ts'])).toEqual([root.messageId, messageId]);
  });

  foreignTest('takes a file and gives it back', async () => {
    const path = join(host.stateDir, 'notes.txt');
    await writeFile(path, 'some notes');
    await send({ ...plain('look'), attachment: { path, name: 'notes.txt', mimeType: 'text/plain' } });
    const shared = (await history()).find((m) => Array.isArray(m['files']));
    const [file] = (shared?.['files'] ?? []) as Record<string, unknown>[];
    const ref = JSON.stringify({ id: file?.['id'], url: file?.['url_private'] });
    const attachment = { kind: 'file' as const, name: 'notes.txt', mimeType: 'text/plain', ref };
    const bytes = await adapter.fetchAttachment?.(attachment, 1000, signal());
    expect(Buffer.from(bytes ?? []).toString()).toBe('some notes');
  });

  foreignTest('refuses a channel that does not exist, in words we know', async () => {
    await expect(send(plain('x'), { ...chat, chatId: 'C000000404' })).rejects.toMatchObject({
      failure: 'gone',
    });
  });

  foreignTest(
    'names the channel of a message that comes in, and keeps the id of a person it does not know',
    async () => {
      front.sockets.deliver('events_api', {
        event_id: 'Ev1',
        team_id: 'T000000001',
        event: {
          type: 'message',
          channel: chat.chatId,
          channel_type: 'channel',
          user: 'U0STRANGER',
          text: '<@U000000001> in <#C000000002>',
          ts: '1.000001',
        },
      });
      await vi.waitFor(() => expect(host.accepted).toHaveLength(1), { timeout: 15_000 });
      expect(host.accepted[0]).toMatchObject({
        chatName: '#general',
        text: 'in #random',
        mentioned: true,
        sender: { name: 'U0STRANGER' },
      });
    },
  );
});
