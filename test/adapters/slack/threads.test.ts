import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSlackAdapter, type SlackTiming } from '../../../src/adapters/slack/definition.ts';
import type { Adapter } from '../../../src/gateway/adapter.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import type { PlatformFault } from '../../platforms/control.ts';
import { BOT, SlackServer, TEAM } from '../../platforms/slack-server.ts';
import type { Json } from '../../platforms/slack-state.ts';
import { RecordingHost } from '../contract/recording-host.ts';
import { QUICK } from './peer.ts';

let server: SlackServer;
let host: RecordingHost;
let adapter: Adapter;

const until = <T>(check: () => T): Promise<T> => vi.waitFor(check, { timeout: 15_000, interval: 10 });
const asked = (method = 'conversations.replies'): number =>
  server.calls.filter((call) => call.method === method).length;
const fail = (reply: PlatformFault['reply']): void => {
  server.faults.push({ method: 'conversations.replies', reply });
};
const missing = (needed: string): PlatformFault['reply'] => ({
  status: 200,
  body: { ok: false, error: 'missing_scope', needed, provided: 'chat:write' },
});

async function connected(timing: Partial<SlackTiming> = {}): Promise<void> {
  adapter = createSlackAdapter(
    { botToken: server.tokens.bot, appToken: server.tokens.app, apiUrl: server.url },
    { ...QUICK, ...timing },
  );
  await adapter.start(host);
  await until(() => expect(host.current?.state).toBe('connected'));
}

/** The message as the gateway gets it. */
async function arrived(fields: Json, outer: Json = {}): Promise<InboundMessage> {
  const before = host.unique().length;
  server.post({ channel: 'C0GEN', channel_type: 'channel', ...fields }, outer);
  await until(() => expect(host.unique().length).toBeGreaterThan(before));
  const message = host.unique()[before];
  if (message === undefined) throw new Error('no message');
  return message;
}

/** A message that calls the bot into a thread of this many others. */
function called(answers = 1, ready: (threadTs: string) => void = () => {}): Promise<InboundMessage> {
  const thread_ts = server.time();
  ready(thread_ts);
  const told = { type: 'message', channel: 'C0GEN', user: 'U0BOB', team: TEAM };
  server.history.push({ ...told, ts: thread_ts, text: 'root' });
  for (let at = 0; at < answers; at += 1)
    server.history.push({ ...told, ts: server.time(), thread_ts, text: `answer ${at}` });
  return arrived({ text: `<@${BOT.user}> help`, thread_ts, parent_user_id: 'U0BOB' });
}

beforeEach(async () => {
  server = new SlackServer();
  await server.start();
  host = new RecordingHost(await mkdtemp(join(tmpdir(), 'slack-')));
});

afterEach(async () => {
  await adapter.stop();
  await server.stop();
});

describe('a message that calls the bot into a thread', () => {
  it('brings what stands above', async () => {
    await connected();
    expect(await called()).toMatchObject({
      text: 'help',
      replyTo: { author: 'Bob', text: 'root' },
      above: [{ author: 'Bob', text: 'answer 0' }],
    });
  });

  it('waits for it no longer than it may', async () => {
    await connected({ threadTimeoutMs: 100 });
    fail('hang');
    expect(await called()).toMatchObject({ text: 'help', replyTo: { author: 'Bob' } });
  });

  it('arrives without it where a scope is missing, which is logged once for each scope', async () => {
    await connected();
    for (const scope of ['channels:history', 'channels:history', 'groups:history']) {
      fail(missing(scope));
      const message = await called();
      expect(message.text).toBe('help');
      expect(message.above).toBeUndefined();
    }
    const lines = host.lines.filter((line) => line.includes('messages above in a thread'));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('the Slack app lacks the scope channels:history.');
    expect(lines[1]).toContain('groups:history');
  });

  it('asks for nothing while Slack wants it to wait', async () => {
    await connected();
    fail({ status: 429, headers: { 'retry-after': '30' } });
    await called();
    expect((await called()).text).toBe('help');
    expect(asked()).toBe(1);
    expect(host.lines.filter((line) => line.includes('limits how often'))).toHaveLength(1);
  });

  it('brings the pages that came before one that failed', async () => {
    await connected({ threadTimeoutMs: 500 });
    for (const end of [{ status: 500, body: 'oops' }, 'hang'] as const) {
      const before = asked();
      const message = await called(1, (ts) => {
        fail(firstPage(ts));
        fail(end);
      });
      expect(message.replyTo).toMatchObject({ text: 'the beginning' });
      expect(asked()).toBe(before + 2);
    }
  });

  it('of somebody who is refused asks for nothing', async () => {
    await connected();
    host.refusal = () => 'not here';
    expect((await called()).above).toBeUndefined();
    expect(asked()).toBe(0);
    host.refusal = () => undefined;
    expect((await called()).above).toHaveLength(1);
  });

  it('or that needs no mention brings what stands above as well, once for the thread', async () => {
    await connected();
    const thread_ts = server.time();
    server.history.push({ type: 'message', channel: 'C0GEN', user: 'U0BOB', ts: thread_ts, text: 'root' });
    host.refusal = ({ mentioned }) => (mentioned ? undefined : 'not mentioned');
    expect((await arrived({ text: 'aside', thread_ts })).replyTo).toEqual({ messageId: thread_ts });
    expect(asked()).toBe(0);
    host.refusal = () => undefined;
    expect(await arrived({ text: 'hm', thread_ts })).toMatchObject({
      replyTo: { text: 'root' },
      above: [{ text: 'aside' }],
    });
    expect((await arrived({ text: 'and?', thread_ts })).replyTo).toBeUndefined();
    expect(asked()).toBe(1);
  });

  it('is told what the bot itself said there, unless the agent knows the thread, also after a restart', async () => {
    await connected();
    const thread_ts = server.time();
    const told = { type: 'message', channel: 'C0GEN', user: 'U0BOB', thread_ts };
    server.history.push({ ...told, ts: thread_ts, text: 'root' });
    server.history.push({ ...told, ts: server.time(), user: BOT.user, bot_id: BOT.id, text: 'I looked' });
    server.history.push({ ...told, ts: server.time(), text: 'thanks' });
    const ask = (text: string): Promise<InboundMessage> =>
      arrived({ text: `<@${BOT.user}> ${text}`, thread_ts });
    expect(await ask('again?')).toMatchObject({
      replyTo: { text: 'root' },
      above: [
        { fromBot: true, text: 'I looked' },
        { author: 'Bob', text: 'thanks' },
      ],
    });
    await adapter.stop();
    host.healths.length = 0;
    await connected();
    server.history.push({
      ...told,
      ts: server.time(),
      user: BOT.user,
      bot_id: BOT.id,
      text: 'I looked again',
    });
    server.history.push({ ...told, ts: server.time(), text: 'and?' });
    const after = await ask('now?');
    expect(after.replyTo).toBeUndefined();
    expect(after.above?.map(({ text }) => text)).toEqual(['and?']);
  });

  it('is told the whole thread later where it could not be read at first', async () => {
    await connected();
    const thread_ts = server.time();
    server.history.push({ type: 'message', channel: 'C0GEN', user: 'U0BOB', ts: thread_ts, text: 'root' });
    fail({ status: 500, body: 'oops' });
    const ask = (text: string): Promise<InboundMessage> =>
      arrived({ text: `<@${BOT.user}> ${text}`, thread_ts, parent_user_id: 'U0BOB' });
    expect((await ask('first')).replyTo?.text).toBeUndefined();
    expect((await ask('second')).replyTo).toMatchObject({ author: 'Bob', text: 'root' });
    expect((await ask('third')).replyTo).toBeUndefined();
  });

  it('asks for nothing where it is the root itself', async () => {
    await connected();
    await arrived({ text: `<@${BOT.user}> help` });
    await arrived({ text: 'in private', channel: 'D0ADA', channel_type: 'im' });
    expect(asked()).toBe(0);
  });
});

/** One message of many. */
function firstPage(ts: string): PlatformFault['reply'] {
  return {
    status: 200,
    body: {
      ok: true,
      messages: [{ type: 'message', user: 'U0BOB', text: 'the beginning', ts, thread_ts: ts }],
      has_more: true,
      response_metadata: { next_cursor: '1' },
    },
  };
}

describe('a recording', () => {
  const recorded = (): Json =>
    server.upload('audio_message.m4a', 'audio/mp4', Buffer.from([0]), {
      subtype: 'slack_audio',
      transcription: { status: 'processing' },
    });
  const info = (transcription: Json): void => {
    server.faults.push({
      method: 'files.info',
      reply: { status: 200, body: { ok: true, file: { id: 'F1', transcription } } },
    });
  };
  const spoken = (): Promise<InboundMessage> =>
    arrived({ channel: 'D0ADA', channel_type: 'im', subtype: 'file_share', text: '', files: [recorded()] });

  it('that Slack still listens to brings the words once they are there', async () => {
    await connected();
    info({ status: 'processing' });
    info({ status: 'complete', preview: { content: 'call me', has_more: false } });
    expect(await spoken()).toMatchObject({ voice: true, text: '[transcript by Slack] call me' });
    expect(asked('files.info')).toBe(2);
  });

  it.each<[string, PlatformFault['reply']]>([
    ['never answers', 'hang'],
    ['may not say it', missing('files:read')],
    ['fails', { status: 500, body: 'oops' }],
    ['heard nothing', { status: 200, body: { ok: true, file: { transcription: { status: 'none' } } } }],
  ])('arrives without words where Slack %s', async (_what, reply) => {
    await connected({ threadTimeoutMs: 200 });
    server.faults.push({ method: 'files.info', reply });
    expect(await spoken()).toMatchObject({
      voice: true,
      text: '',
      attachments: [{ name: 'audio_message.m4a' }],
    });
  });
});

describe('in an organization of several workspaces', () => {
  it('people of all of them are known by the organization, also where only Slack’s directory says so', async () => {
    server.enterpriseId = 'E0ORG';
    server.profiles.set('U0BOB', {
      team_id: 'T2',
      enterprise_user: { enterprise_id: 'E0ORG', teams: ['T2'] },
    });
    server.profiles.set('U0CY', { team_id: 'T9', enterprise_user: { enterprise_id: 'E9', teams: ['T9'] } });
    await connected();
    const own = { id: 'E0ORG:U0ADA', aliases: ['U0ADA', `${TEAM}:U0ADA`] };
    expect((await arrived({ text: 'hi' })).sender).toMatchObject(own);
    const second = { team: 'T2', user_team: 'T2' };
    expect((await arrived({ text: 'hi', user: 'U0BOB', ...second })).sender.id).toBe('E0ORG:U0BOB');
    expect((await arrived({ text: 'hi', user: 'U0CY', team: 'T9' })).sender).toEqual({
      id: 'T9:U0CY',
      name: 'U0CY',
    });
    server.slash('U0ADA', 'D0ADA', '/pi', 'what now?');
    await until(() => expect(host.unique().at(-1)?.text).toBe('what now?'));
    expect(host.unique().at(-1)?.sender).toMatchObject(own);
  });
});
