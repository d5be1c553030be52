import { mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSlackAdapter } from '../../../src/adapters/slack/definition.ts';
import type { Adapter, Part, SendReceipt } from '../../../src/gateway/adapter.ts';
import { SlackServer, TEAM } from '../../platforms/slack-server.ts';
import { RecordingHost } from '../contract/recording-host.ts';
import { QUICK } from './peer.ts';

let server: SlackServer;
let host: RecordingHost;
let adapter: Adapter;
let folder: string;

const until = <T>(check: () => T): Promise<T> => vi.waitFor(check, { timeout: 15_000, interval: 10 });
const chat = { platform: 'slack' as const, accountId: TEAM, chatId: 'C0GEN', threadId: '1.000001' };
const signal = (): AbortSignal => AbortSignal.timeout(15_000);
const plain = (text: string): Part => ({ text, plain: text });

function send(part: Part, to = chat, abort = signal()): Promise<SendReceipt> {
  return adapter.send(
    { idempotencyKey: 'k', chat: to, part, partIndex: 0, partCount: 1, meta: { kind: 'reply' } },
    abort,
  );
}

async function file(bytes = 'contents'): Promise<Part> {
  const path = join(folder, 'notes.txt');
  await writeFile(path, bytes);
  return { text: 'look', plain: 'look', attachment: { path, name: 'notes.txt', mimeType: 'text/plain' } };
}

beforeEach(async () => {
  server = new SlackServer();
  await server.start();
  folder = await mkdtemp(join(tmpdir(), 'slack-'));
  host = new RecordingHost(folder);
  adapter = createSlackAdapter(
    { botToken: `${server.tokens.bot}\n`, appToken: ` ${server.tokens.app}`, apiUrl: server.url },
    QUICK,
  );
  await adapter.start(host);
  await until(() => expect(host.current?.state).toBe('connected'));
});

afterEach(async () => {
  await adapter.stop();
  await server.stop();
  for (const secret of Object.values(server.tokens)) expect(host.output().includes(secret)).toBe(false);
});

describe('a message to Slack', () => {
  it('goes into its thread, loads no pages and pings nobody', async () => {
    const { messageId } = await send(plain('see https://example.com @here'));
    expect(server.messages.at(-1)).toMatchObject({ ts: messageId, thread_ts: chat.threadId });
    const { body } = server.calls.findLast((call) => call.method === 'chat.postMessage') ?? {};
    expect(body).toMatchObject({ link_names: 'false', unfurl_links: 'false', unfurl_media: 'false' });
  });

  it('is asked for once, whatever Slack answers', async () => {
    for (const reply of [
      { status: 503, body: 'x' },
      { status: 429, headers: { 'retry-after': '0' } },
      'cut' as const,
    ])
      server.faults.push({ method: 'chat.postMessage', reply });
    const posts = (): number => server.calls.filter((call) => call.method === 'chat.postMessage').length;
    for (let n = 1; n <= 3; n += 1) {
      await expect(send(plain('once'), { ...chat, chatId: `C${n}` })).rejects.toThrow();
      expect(posts()).toBe(n);
    }
  });

  it('waits when its channel is too busy, and no other', async () => {
    await adapter.stop();
    adapter = createSlackAdapter(
      { botToken: server.tokens.bot, appToken: server.tokens.app, apiUrl: server.url },
      { ...QUICK, channelPace: { burst: 1, everyMs: 3000 } },
    );
    await adapter.start(host);
    const started = performance.now();
    await send(plain('one'));
    await send(plain('elsewhere'), { ...chat, chatId: 'C0OTHER' });
    expect(performance.now() - started).toBeLessThan(2900);
    await send(plain('two'));
    expect(performance.now() - started).toBeGreaterThan(2900);
  });

  it('that is cancelled on its way may have arrived', async () => {
    server.faults.push({ method: 'chat.postMessage', reply: 'hang' });
    const cancel = new AbortController();
    const sending = send(plain('hm'), chat, cancel.signal);
    await until(() => expect(server.calls.some((call) => call.method === 'chat.postMessage')).toBe(true));
    cancel.abort();
    await expect(sending).rejects.toMatchObject({ failure: 'unknown' });
  });

  it('loses its buttons when it is edited without any', async () => {
    const { messageId } = await send({ ...plain('Run?'), buttons: [{ label: 'Yes', command: '/approve' }] });
    expect(server.buttons(messageId)).toEqual(['Yes']);
    await adapter.edit?.(chat, messageId, plain('Running.'), signal());
    expect(server.buttons(messageId)).toEqual([]);
  });

  it('with buttons may be longer than a section', async () => {
    const text = `${'a line of the answer\n'.repeat(180)}`;
    const { messageId } = await send({
      text,
      plain: text,
      buttons: [{ label: 'x'.repeat(90), command: '/approve' }],
    });
    const blocks = server.messages.find((m) => m.ts === messageId)?.blocks ?? [];
    const sections = blocks.filter((block) => block['type'] === 'section').map((block) => block['text']);
    for (const section of sections as { text: string }[])
      expect(section.text.length).toBeLessThanOrEqual(3000);
    expect((sections as { text: string }[]).map((s) => s.text).join('\n')).toBe(text);
    expect(server.buttons(messageId)[0]).toHaveLength(75);
  });

  it('is typed visibly below a thread, until Slack says that it may not', async () => {
    await adapter.typing?.(chat, true);
    await adapter.typing?.(chat, false);
    expect(server.statuses.map((s) => s.status !== '')).toEqual([true, false]);
    server.faults.push({
      method: 'assistant.threads.setStatus',
      reply: { status: 200, body: { ok: false, error: 'missing_scope' } },
    });
    await adapter.typing?.(chat, true);
    const asked = server.calls.length;
    await adapter.typing?.(chat, true);
    expect(server.calls).toHaveLength(asked);
  });
});

describe('a file to Slack', () => {
  it('is shared in its thread with its caption, and its message can be deleted', async () => {
    const { messageId } = await send(await file());
    const shared = server.messages.find((m) => m.ts === messageId);
    expect(shared).toMatchObject({ text: 'look', thread_ts: chat.threadId });
    expect(String(server.file(shared?.files?.[0] ?? '')?.bytes)).toBe('contents');
    await adapter.delete?.(chat, messageId, signal());
    expect(shared?.deleted).toBe(true);
  });

  it('whose message stays unknown is deleted as a file', async () => {
    server.faults.push({
      method: 'files.info',
      reply: { status: 200, body: { ok: false, error: 'missing_scope' } },
    });
    const { messageId } = await send(await file());
    expect(messageId).toMatch(/^F/);
    await adapter.delete?.(chat, messageId, signal());
    expect(server.file(messageId)?.deleted).toBe(true);
  });

  it.each([
    ['files.getUploadURLExternal', { status: 503, body: 'x' }],
    ['files.getUploadURLExternal', 'cut' as const],
    ['upload', { status: 500, body: 'x' }],
    ['upload', 'cut' as const],
  ])('that fails in %s is certainly not delivered', async (method, reply) => {
    server.faults.push({ method, reply });
    await expect(send(await file())).rejects.toMatchObject({ failure: 'unreachable' });
    expect(server.messages).toHaveLength(0);
  });

  it('that is cut while it is shared may have been delivered', async () => {
    server.faults.push({ method: 'files.completeUploadExternal', when: 'after', reply: 'cut' });
    await expect(send(await file())).rejects.toMatchObject({ failure: 'unknown' });
    expect(server.messages).toHaveLength(1);
  });
});

describe('a file from Slack', () => {
  const fetched = (ref: object, max = 1000, mimeType = 'image/png'): Promise<Uint8Array> | undefined =>
    adapter.fetchAttachment?.(
      { kind: 'image', name: 'a.png', mimeType, ref: JSON.stringify(ref) },
      max,
      signal(),
    );

  it('of which only the id is known is looked up', async () => {
    server.say({
      user: 'U0ADA',
      channel: 'D0ADA',
      text: '',
      files: [{ name: 'a.png', mimeType: 'image/png', bytes: Buffer.from('bytes') }],
    });
    expect(String(Buffer.from((await fetched({ id: 'F1' })) ?? []))).toBe('bytes');
  });

  it('on another host never gets to see the token', async () => {
    const seen: unknown[] = [];
    const foreign = createServer((request, response) => {
      seen.push(request.headers);
      response.end('x');
    });
    await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve));
    const { port } = foreign.address() as AddressInfo;
    await expect(fetched({ id: 'F1', url: `http://127.0.0.1:${port}/x` })).rejects.toThrow('outside Slack');
    const moved = { status: 302, headers: { location: `http://127.0.0.1:${port}/x` } };
    server.faults.push({ method: 'files-pri', reply: moved });
    await expect(fetched({ id: 'F1', url: `${new URL(server.url).origin}/files-pri/F1/x` })).rejects.toThrow(
      'outside',
    );
    expect(seen).toEqual([]);
    foreign.close();
  });

  it('that turns out to be a sign-in page says which scope is missing', async () => {
    server.faults.push({
      method: 'files-pri',
      reply: { status: 200, body: '<html>', headers: { 'content-type': 'text/html' } },
    });
    await expect(fetched({ id: 'F1', url: `${new URL(server.url).origin}/files-pri/F1/x` })).rejects.toThrow(
      'files:read',
    );
  });
});

describe('a deleted message', () => {
  const deliver = (event: Record<string, unknown>): void => {
    server.sockets.deliver('events_api', {
      type: 'event_callback',
      team_id: TEAM,
      api_app_id: 'A1',
      event_id: `Ev${Math.random()}`,
      event: { type: 'message', ...event },
    });
  };

  it('is told to the gateway, behind the message itself; one with answers below it becomes a tombstone', async () => {
    await adapter.start(host);
    await until(() => expect(host.current?.state).toBe('connected'));
    const durable = Promise.withResolvers<void>();
    host.hold = durable.promise;
    const channel = 'D0ADA';
    const user = 'U0ADA';
    const { ts } = server.say({ user, channel, text: 'oops' });
    await until(() => expect(host.offered).toHaveLength(1));
    const before = { type: 'message', user, ts, text: 'oops' };
    deliver({
      subtype: 'message_deleted',
      channel,
      channel_type: 'im',
      deleted_ts: ts,
      previous_message: before,
      ts: '9.1',
      hidden: true,
    });
    deliver({
      subtype: 'message_changed',
      channel: 'C0GEN',
      channel_type: 'channel',
      message: { subtype: 'tombstone', ts: '5.5', thread_ts: '5.5', text: 'This message was deleted.' },
      ts: '9.2',
    });
    await until(() => expect(host.deletions).toEqual(['C0GEN 5.5 5.5']));
    durable.resolve();
    await until(() => expect(host.deletions).toEqual(['C0GEN 5.5 5.5', `${channel}  ${ts}`]));
    expect(host.accepted.map(({ text }) => text)).toEqual(['oops']);
  });
});
