import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createDiscordAdapter } from '../../../src/adapters/discord/definition.ts';
import { ADA, CHANNEL, GUILD, OTHER_CHANNEL, THREAD } from '../../platforms/discord-state.ts';
import { DiscordPeer, FAST, said, TOKEN } from './peer.ts';
import { withDiscord } from './with-discord.ts';

const attempts = (calls: readonly { method: string }[]): number =>
  calls.filter((call) => call.method === 'gateway').length;

// Each has a server of its own, and mostly waits.
describe.concurrent("Discord's gateway", () => {
  it('is asked for guild and direct messages with their content', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const intents = server.logins[0]?.body['intents'];
      expect(intents).toBe((1 << 0) | (1 << 9) | (1 << 12) | (1 << 15));
    }));

  it('resumes a lost connection and gets what was said meanwhile, once', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      await rig.arrived(await rig.peer.dm('before'));
      server.drop();
      const said = await rig.peer.dm('meanwhile');
      await rig.arrived(said);
      await rig.state('connected');
      expect(server.logins.map((login) => login.kind)).toEqual(['identify', 'resume']);
      expect(rig.host.accepted.map((m) => m.text)).toEqual(['before', 'meanwhile']);
    }));

  it('keeps its session while the server cannot be reached, and gets what was said meanwhile', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      await server.goDown();
      await rig.state('reconnecting');
      await rig.until(() => expect(rig.host.current?.transport.attempt ?? 0).toBeGreaterThan(2));
      const said = await rig.peer.dm('during the outage');
      await server.comeBack();
      await rig.arrived(said);
      expect(server.logins.map((login) => login.kind)).toEqual(['identify', 'resume']);
    }));

  it('backs off while the server is away instead of knocking twice a second', () =>
    withDiscord(
      async (rig, server) => {
        await rig.connect();
        await server.goDown();
        await rig.until(() => expect(rig.host.current?.transport.nextTryAt).toBeDefined());
        const waits = new Set<number>();
        for (const health of rig.host.healths)
          if (health.transport.attempt !== undefined) waits.add(health.transport.attempt);
        await sleep(2500);
        expect(Math.max(...waits)).toBeLessThan(3);
      },
      () => new DiscordPeer({}, { ...FAST, minDelayMs: 4000, maxDelayMs: 8000 }),
    ));

  it.each([
    ['a request to reconnect', (s: DiscordPeer['server']) => s.gateway.askReconnect(), 'resume'],
    ['a normal close', (s: DiscordPeer['server']) => s.drop(1000), 'identify'],
    ['a timed-out session', (s: DiscordPeer['server']) => s.drop(4009), 'resume'],
    ['an unknown error', (s: DiscordPeer['server']) => s.drop(4000), 'resume'],
  ])('is back after %s', (_name, end, kind) =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      end(server);
      await rig.until(() => expect(server.logins).toHaveLength(2));
      expect(server.logins[1]?.kind).toBe(kind);
      await rig.state('connected');
      await rig.arrived(await rig.peer.dm('after'));
    }),
  );

  it('starts a new session when the old one is forgotten, and reads the history of what it missed', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      await rig.arrived(await rig.peer.dm('known'));
      await rig.until(() => expect(rig.host.current?.ingress.lastUpdateAt).toBeDefined());
      server.gateway.forget();
      server.drop();
      const missed = server.stored('600000000000000001', 'never delivered', ADA);
      await rig.until(() => expect(rig.host.accepted.map((m) => m.messageId)).toContain(missed['id']));
      expect(rig.host.accepted.at(-1)).toMatchObject({ text: 'never delivered', chatKind: 'dm' });
      expect(server.logins.map((login) => login.kind)).toEqual(['identify', 'resume', 'identify']);
    }));

  it('reads the history of threads and channels after a restart, oldest first', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      await rig.arrived(await rig.peer.group('in the channel', { mention: true }));
      await rig.arrived(await rig.peer.group('in the thread', { mention: true, thread: true }));
      await rig.until(() => expect(rig.host.accepted).toHaveLength(2));
      await rig.adapter.stop();
      for (let n = 0; n < 130; n += 1) server.stored(CHANNEL, `missed ${n}`, ADA);
      const inThread = said(server.stored(THREAD, 'missed in the thread', ADA));
      await rig.restart();
      await rig.until(() => expect(rig.host.accepted).toHaveLength(131));
      const channel = rig.host.accepted.filter((m) => m.chat.threadId === undefined).map((m) => m.text);
      expect(channel).toEqual(Array.from({ length: 130 }, (_, n) => `missed ${n}`));
      expect((await rig.arrived(inThread)).chat).toEqual(inThread.chat);
    }));

  it('hands in what is said during the catch-up after what was said before it', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      await rig.arrived(await rig.peer.dm('known'));
      await rig.adapter.stop();
      server.stored('600000000000000001', 'missed', ADA);
      server.faults.push({ method: 'getMessages', reply: { status: 502 } });
      await rig.restart();
      await rig.arrived(await rig.peer.dm('live'));
      expect(rig.host.unique().map((m) => m.text)).toEqual(['missed', 'live']);
    }));

  it('notices a connection whose heartbeats are not answered', () =>
    withDiscord(async (rig, server) => {
      server.gateway.heartbeatIntervalMs = 100;
      await rig.connect();
      await rig.until(() => expect(rig.host.current?.ingress.lastHeartbeatAt).toBeDefined());
      server.gateway.silent = true;
      await rig.until(() => expect(server.logins.length).toBeGreaterThan(1));
      server.gateway.silent = false;
      await rig.state('connected');
    }));

  it.each([
    [4014, 'Message Content Intent', 'valid'],
    [4004, 'Reset the token', 'revoked'],
    [4011, 'fewer than 2500 servers', 'valid'],
  ])('parks when it is closed with %i', (code, step, authorisation) =>
    withDiscord(async (rig, server) => {
      server.gateway.refuseIdentify = code;
      await rig.adapter.start(rig.host);
      await rig.state('parked');
      expect(rig.host.current?.nextStep).toContain(step);
      expect(rig.host.current?.authorisation).toBe(authorisation);
    }),
  );

  it('parks without a token and with a wrong one', () =>
    withDiscord(async (rig, server) => {
      for (const botToken of ['', `${TOKEN}x`]) {
        const adapter = createDiscordAdapter({ botToken, apiUrl: server.apiUrl }, FAST);
        await adapter.start(rig.host);
        await rig.state('parked');
        expect(rig.host.current?.nextStep).toContain('platforms.discord.botToken');
        expect(await adapter.check?.(AbortSignal.timeout(5000))).toMatchObject({ ok: false });
        await adapter.stop();
        await rig.state('stopped');
      }
    }));

  it('notices a revoked token by a send', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const { chat } = await rig.arrived(await rig.peer.dm('hello'));
      const reply = { status: 401, body: { code: 0, message: '401: Unauthorized' } };
      server.faults.push({ method: 'createMessage', reply });
      expect((await rig.refused(rig.send(chat, 'x'))).failure).toBe('unreachable');
      await rig.state('parked');
      expect(rig.host.current?.authorisation).toBe('revoked');
    }));

  it('makes no further attempt after stop, whatever it was doing', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      server.gateway.mute = true;
      server.drop();
      await rig.until(() => expect(server.gateway.mute).toBe(false));
      await rig.adapter.stop();
      await rig.until(() => expect(server.gateway.open).toBe(0));
      const seen = attempts(server.calls);
      const logins = server.logins.length;
      await sleep(1500);
      expect(attempts(server.calls)).toBe(seen);
      expect(server.logins).toHaveLength(logins);
      expect(server.gateway.open).toBe(0);
    }));

  it('makes no further attempt after a first connection that failed', () =>
    withDiscord(async (rig, server) => {
      server.faults.push({ method: 'gateway', reply: { status: 502, body: '<html>' } });
      await rig.adapter.start(rig.host);
      await rig.state('connected');
      expect(attempts(server.calls)).toBe(2);
      await sleep(1200);
      expect(server.gateway.open).toBe(1);
      expect(attempts(server.calls)).toBe(2);
    }));

  it('builds a new client when the old one cannot reconnect', () =>
    withDiscord(
      async (rig, server) => {
        await rig.connect();
        await server.goDown();
        await rig.state('reconnecting');
        await sleep(1200);
        await server.comeBack();
        await rig.state('connected');
        await rig.arrived(await rig.peer.dm('to the new client'));
        expect(attempts(server.calls)).toBeGreaterThan(1);
      },
      () => new DiscordPeer({}, { ...FAST, rebuildAfterMs: 300 }),
    ));

  it('contains what malformed events throw inside discord.js', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      server.gateway.dispatch('GUILD_CREATE', { id: GUILD, channels: 5, members: null });
      server.gateway.dispatch('MESSAGE_CREATE', { id: '1', channel_id: CHANNEL });
      server.gateway.dispatch('MESSAGE_CREATE', null);
      server.gateway.dispatch('GUILD_MEMBERS_CHUNK', {});
      server.gateway.dispatch('INTERACTION_CREATE', { type: 2 });
      server.gateway.raw('{not json');
      server.gateway.raw('{"op":0,"t":"CHANNEL_UPDATE"}');
      await rig.arrived(await rig.peer.dm('still here'));
      expect(rig.host.current?.state).toBe('connected');
    }));

  it('hands in the first direct message ever, also without its channel type', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const first = server.say('hi', ADA, { channel_type: undefined });
      await rig.arrived(said(first));
    }));

  it('serves one server where it is told so', () =>
    withDiscord(
      async (rig, server) => {
        await rig.connect();
        server.group('from elsewhere', {}, OTHER_CHANNEL);
        await rig.arrived(await rig.peer.group('from home'));
        expect(rig.host.accepted.map((m) => m.text)).toEqual(['from home']);
        await rig.until(() => expect(server.state.commands.get(GUILD)).toHaveLength(3));
      },
      () => new DiscordPeer({ guildId: GUILD }),
    ));

  it('asks about a thread that it does not know, and again when the answer fails', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const id = '400000000000000099';
      const original = server.state.channel.bind(server.state);
      server.state.channel = (channel) =>
        channel === id ? server.state.thread(id, 'new') : original(channel);
      server.faults.push({ method: 'getChannel', reply: { status: 502 } });
      server.group('in a new thread', { channel_type: 11 }, id);
      await rig.until(() =>
        expect(rig.host.accepted[0]?.chat).toMatchObject({ chatId: CHANNEL, threadId: id }),
      );
    }));

  it('hands in edits, and not the looks that Discord takes at links', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const payload = server.say('teh typo');
      await rig.arrived(said(payload));
      server.gateway.dispatch('MESSAGE_UPDATE', { ...payload, embeds: [{}] });
      server.edit(payload, 'the typo');
      await rig.until(() => expect(rig.host.accepted).toHaveLength(2));
      expect(rig.host.accepted[1]).toMatchObject({
        edited: true,
        text: 'the typo',
        messageId: payload['id'],
      });
    }));

  it('says who it is and what is missing when it is checked', () =>
    withDiscord(
      async (rig, server) => {
        const wrong = await rig.adapter.check?.(AbortSignal.timeout(5000));
        expect(wrong?.ok).toBe(false);
        expect(wrong?.findings[0]).toContain('not in the server 1');
        expect(wrong?.findings.join(' ')).toContain('@gate');
        await server.goDown();
        expect(await rig.adapter.check?.(AbortSignal.timeout(5000))).toMatchObject({ ok: false });
      },
      () => new DiscordPeer({ guildId: '1' }),
    ));
});
