import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSlackAdapter, type SlackTiming } from '../../../src/adapters/slack/definition.ts';
import type { Adapter } from '../../../src/gateway/adapter.ts';
import { BOT, SlackServer } from '../../platforms/slack-server.ts';
import { RecordingHost } from '../contract/recording-host.ts';
import { QUICK } from './peer.ts';

let server: SlackServer;
let host: RecordingHost;
let adapter: Adapter;

const until = <T>(check: () => T): Promise<T> => vi.waitFor(check, { timeout: 15_000, interval: 10 });
const texts = (): string[] => host.unique().map((message) => message.text);
const opened = (): number => server.calls.filter((call) => call.method === 'apps.connections.open').length;

async function connect(timing: Partial<SlackTiming> = {}): Promise<void> {
  adapter = createSlackAdapter(
    { botToken: server.tokens.bot, appToken: server.tokens.app, apiUrl: server.url },
    { ...QUICK, ...timing },
  );
  await adapter.start(host);
}

async function connected(timing: Partial<SlackTiming> = {}): Promise<void> {
  await connect(timing);
  await until(() => expect(host.current?.state).toBe('connected'));
}

beforeEach(async () => {
  server = new SlackServer();
  await server.start();
  host = new RecordingHost(await mkdtemp(join(tmpdir(), 'slack-')));
});

afterEach(async () => {
  await adapter.stop();
  await server.stop();
  const secrets = Object.values(server.tokens);
  for (const secret of secrets) expect(host.output().includes(secret)).toBe(false);
});

describe('events over the socket', () => {
  it('are handed in once although a mention comes as two events', async () => {
    await connected();
    const { events } = server.say({ user: 'U0ADA', channel: 'C0GEN', text: `<@${BOT.user}> hello` });
    expect(events).toHaveLength(2);
    await until(() => expect(host.accepted).toHaveLength(2));
    expect(host.unique()).toHaveLength(1);
    expect(host.unique()[0]).toMatchObject({
      text: 'hello',
      chatName: '#general',
      sender: { name: 'Ada Lovelace' },
    });
  });

  it('stay unacknowledged while they cannot be stored, so that Slack delivers them again', async () => {
    server.sockets.redeliverAfterMs = 200;
    await connected();
    let refusals = 0;
    host.refuse = () => ++refusals <= 3;
    const { events } = server.say({ user: 'U0ADA', channel: 'D0ADA', text: 'keep' });
    await until(() => expect(host.accepted.length).toBeGreaterThanOrEqual(2));
    expect(texts()).toEqual(['keep']);
    expect(new Set(host.accepted.map((m) => m.dedupeKey)).size).toBe(1);
    await until(() => expect(server.sockets.acknowledged(String(events[0]?.['event_id']))).toBe(true));
  });

  it('come again over a new connection when the acknowledgement was cut off', async () => {
    await connected();
    const durable = Promise.withResolvers<void>();
    host.hold = durable.promise;
    const { events } = server.say({ user: 'U0ADA', channel: 'D0ADA', text: 'cut' });
    await until(() => expect(host.offered).toHaveLength(1));
    server.drop();
    host.hold = undefined;
    durable.resolve();
    await until(() => expect(server.sockets.acknowledged(String(events[0]?.['event_id']))).toBe(true));
    expect(texts()).toEqual(['cut']);
  });

  it('of a person who rewrites a message arrive as an edit, those of our own drafts not at all', async () => {
    await connected();
    const { ts } = server.say({ user: 'U0ADA', channel: 'D0ADA', text: 'helo' });
    await until(() => expect(host.accepted).toHaveLength(1));
    const chat = { platform: 'slack' as const, accountId: 'x', chatId: 'D0ADA' };
    const part = (text: string) => ({ text, plain: text });
    const signal = AbortSignal.timeout(10_000);
    const { messageId } = await adapter.send(
      { idempotencyKey: 'k', chat, part: part('draft'), partIndex: 0, partCount: 1, meta: { kind: 'reply' } },
      signal,
    );
    await adapter.edit?.(chat, messageId, part('draft and more'), signal);
    server.reword(ts, 'hello');
    await until(() => expect(host.accepted).toHaveLength(2));
    expect(host.accepted[1]).toMatchObject({ text: 'hello', edited: true, messageId: ts });
    expect(host.unique()).toHaveLength(2);
  });

  it('that the library cannot digest are acknowledged or dropped, and the connection lives on', async () => {
    await connected();
    for (const frame of [
      'null',
      '7',
      '[]',
      'not json',
      '{"type":"events_api"}',
      '{"type":"events_api","envelope_id":"e0"}',
      '{"type":"events_api","envelope_id":"e1","payload":null}',
      '{"type":"events_api","envelope_id":"e2","payload":{"event_id":"Ev","event":{"type":"message"}}}',
      '{"type":"interactive","envelope_id":"e3","payload":null}',
      '{"type":"slash_commands","envelope_id":"e4","payload":{"command":7}}',
      '{"type":"mystery","envelope_id":"e5"}',
    ])
      server.sockets.raw(frame);
    server.sockets.deliver('events_api', {
      type: 'app_rate_limited',
      event_id: 'EvLimit',
      minute_rate_limited: 1,
    });
    server.say({ user: 'U0ADA', channel: 'D0ADA', text: 'still here' });
    await until(() => expect(texts()).toEqual(['still here']));
    await until(() => expect(server.sockets.acknowledged('EvLimit')).toBe(true));
    expect(host.lines.join('\n')).toContain('Slack drops events');
    expect(opened()).toBe(1);
  });

  it('become messages for slash commands and buttons', async () => {
    await connected();
    server.slash('U0ADA', 'D0ADA', '/pi', 'title my thing');
    await until(() => expect(texts()).toEqual(['/title my thing']));
    const buttons = [{ label: 'Approve', command: '/approve once' }];
    const chat = { platform: 'slack' as const, accountId: 'x', chatId: 'C0GEN', threadId: '1.0' };
    const { messageId } = await adapter.send(
      {
        idempotencyKey: 'k',
        chat,
        part: { text: 'Run?', plain: 'Run?', buttons },
        partIndex: 0,
        partCount: 1,
        meta: { kind: 'reply' },
      },
      AbortSignal.timeout(10_000),
    );
    server.press('U0BOB', messageId, 'Approve');
    await until(() => expect(texts()).toEqual(['/title my thing', '/approve once']));
    expect(host.accepted[1]).toMatchObject({ chat: { chatId: 'C0GEN', threadId: '1.0' }, chatKind: 'group' });
  });

  it('do not wait for names that Slack does not tell', async () => {
    server.faults.push({ method: 'users.info', reply: 'hang' });
    await connected({ nameTimeoutMs: 50 });
    server.say({ user: 'U0ADA', channel: 'D0ADA', text: 'nameless' });
    await until(() => expect(texts()).toEqual(['nameless']));
    expect(host.accepted[0]?.sender.name).toBe('U0ADA');
  });
});

describe('the connection', () => {
  it('is renewed when Slack asks for it, and nothing is lost', async () => {
    await connected();
    server.sockets.disconnectFrame('refresh_requested');
    server.say({ user: 'U0ADA', channel: 'D0ADA', text: 'in between' });
    await until(() => expect(texts()).toEqual(['in between']));
    await until(() => expect(opened()).toBe(2));
    await until(() => expect(server.sockets.open).toBe(1));
  });

  it('parks when socket mode is switched off', async () => {
    await connected();
    server.sockets.disconnectFrame('link_disabled');
    await until(() => expect(host.current).toMatchObject({ state: 'parked' }));
    expect(host.current?.nextStep).toContain('Socket Mode');
  });

  it('parks when the app token dies while it is away', async () => {
    await connected();
    server.refusals.app = 'invalid_auth';
    server.drop();
    await until(() => expect(host.current).toMatchObject({ state: 'parked', authorisation: 'revoked' }));
    expect(host.current?.nextStep).toContain('platforms.slack.appToken');
  });

  it('parks when a send finds the bot token dead', async () => {
    await connected();
    server.refusals.bot = 'token_revoked';
    const chat = { platform: 'slack' as const, accountId: 'x', chatId: 'D0ADA' };
    const sending = adapter.send(
      {
        idempotencyKey: 'k',
        chat,
        part: { text: 'x', plain: 'x' },
        partIndex: 0,
        partCount: 1,
        meta: { kind: 'reply' },
      },
      AbortSignal.timeout(10_000),
    );
    await expect(sending).rejects.toMatchObject({ failure: 'unreachable' });
    await until(() => expect(host.current).toMatchObject({ state: 'parked', authorisation: 'revoked' }));
    await until(() => expect(server.sockets.open).toBe(0));
  });

  it.each([
    ['a server error', { status: 500, body: 'oops' }],
    ['a full waiting room', { status: 429, headers: { 'retry-after': '0' } }],
    ['an unknown refusal', { status: 200, body: { ok: false, error: 'internal_error' } }],
    ['a cut', 'cut' as const],
  ])('survives %s while it is reopened', async (_name, reply) => {
    await connected();
    server.faults.push({ method: 'apps.connections.open', reply });
    server.drop();
    await until(() => expect(opened()).toBe(3));
    server.say({ user: 'U0ADA', channel: 'D0ADA', text: 'back' });
    await until(() => expect(texts()).toEqual(['back']));
  });

  it('notices a peer that is gone without a word', async () => {
    await connected({ pingTimeoutMs: 300 });
    await until(() => expect(server.sockets.pongs).toBeGreaterThan(0));
    server.sockets.silent = true;
    await until(() => expect(host.current?.state).toBe('reconnecting'));
    server.sockets.silent = false;
    await until(() => expect(host.current?.state).toBe('connected'));
  });

  it('gives up a socket that never says hello', async () => {
    server.sockets.withholdHello = true;
    await connect({ helloTimeoutMs: 100 });
    await until(() => expect(host.current?.detail).toContain('did not say hello'));
    server.sockets.withholdHello = false;
    await until(() => expect(host.current?.state).toBe('connected'));
  });

  it('warns when another program takes a share of the events', async () => {
    server.sockets.connectionsShown = 3;
    await connected();
    expect(host.lines.join('\n')).toContain('Slack shares the events out');
  });

  it('stops at once while it is being opened, and opens nothing afterwards', async () => {
    server.faults.push({ method: 'apps.connections.open', reply: 'hang' });
    await connect();
    await until(() => expect(opened()).toBe(1));
    const started = performance.now();
    await adapter.stop();
    expect(performance.now() - started).toBeLessThan(3000);
    expect(server.sockets.open).toBe(0);
  });

  it.each([
    ['botToken', { botToken: '', appToken: 'xapp-1' }],
    ['botToken', { botToken: 'xoxb-1\u0000leak', appToken: 'xapp-1' }],
    ['appToken', { botToken: 'xoxb-1', appToken: 'xapp-1\u0000leak' }],
  ])('parks without a usable %s and never shows it', async (key, settings) => {
    adapter = createSlackAdapter({ ...settings, apiUrl: server.url }, QUICK);
    await adapter.start(host);
    await until(() => expect(host.current?.state).toBe('parked'));
    expect(host.current?.nextStep).toContain(`platforms.slack.${key}`);
    expect(host.output()).not.toContain('leak');
  });
});

describe('a bot token alone', () => {
  it('connects for sending, opens no socket, and says so once', async () => {
    adapter = createSlackAdapter({ botToken: server.tokens.bot, apiUrl: server.url }, QUICK);
    await adapter.start(host);
    await until(() => expect(host.current?.state).toBe('connected'));
    expect(server.sockets.open).toBe(0);
    expect(host.output().split('Slack only sends').length).toBe(2);
    const check = await adapter.check?.(AbortSignal.timeout(10_000));
    expect(check?.ok).toBe(true);
    expect(check?.findings.join(' ')).toContain('Slack only sends');
  });
});

describe('the check', () => {
  it('names what is missing, the worst first', async () => {
    await connected();
    server.scopes = 'im:history,app_mentions:read';
    server.refusals.app = 'invalid_auth';
    const check = await adapter.check?.(AbortSignal.timeout(10_000));
    expect(check?.ok).toBe(false);
    expect(check?.findings[0]).toContain('The scope chat:write is missing');
    expect(check?.findings[1]).toContain('invalid_auth');
    expect(check?.findings.join(' ')).toContain('Without the scope files:read attachments cannot be read.');
  });
});
