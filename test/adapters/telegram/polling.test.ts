import { describe, expect, it } from 'vitest';
import { createTelegramAdapter } from '../../../src/adapters/telegram/definition.ts';
import { say } from '../../../src/gateway/language/chat-text.ts';
import { menusFor } from '../../../src/gateway/receive/commands/chat-commands.ts';
import { ADA, BOB } from '../../platforms/telegram-state.ts';
import { TelegramPeer, TOKEN } from './peer.ts';
import { withTelegram } from './with-telegram.ts';

const polls = (calls: readonly { method: string }[]): number =>
  calls.filter((call) => call.method === 'getUpdates').length;

// Each has a server of its own, and mostly waits.
describe.concurrent('the long poll', () => {
  it('does not confirm a message that was refused, so that a restart gets it again', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      rig.host.refuse = () => true;
      const said = await rig.peer.dm('survive me');
      await rig.until(() => expect(rig.host.offered.length).toBeGreaterThan(1));
      expect(server.state.queue).toHaveLength(1);
      await rig.restart();
      await rig.arrived(said);
      await rig.until(() => expect(server.state.queue).toHaveLength(0));
    }));

  it('does not confirm a refused message by confirming a later one', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      rig.host.refuse = (message) => message.text === 'poison';
      server.say('poison', ADA);
      await rig.until(() => expect(rig.host.offered).toHaveLength(1));
      server.say('fine', BOB);
      await rig.until(() => expect(rig.host.accepted.map((m) => m.text)).toEqual(['fine']));
      expect(server.state.queue).toHaveLength(2);
      rig.host.refuse = () => false;
      await rig.until(() => expect(server.state.queue).toHaveLength(0));
      expect(rig.host.accepted.map((m) => m.text)).toEqual(['fine', 'poison']);
    }));

  it('does not poll in a tight loop while a message waits to be stored', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      const never = Promise.withResolvers<void>();
      rig.host.hold = never.promise;
      server.say('slow');
      await rig.until(() => expect(rig.host.offered).toHaveLength(1));
      const before = polls(server.calls);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      expect(polls(server.calls) - before).toBeLessThan(8);
      never.resolve();
    }));

  it('does not poll in a tight loop when the server holds no poll', () =>
    withTelegram(async (rig, server) => {
      const empty = { status: 200, body: { ok: true, result: [] } };
      await rig.connect();
      for (let n = 0; n < 100; n += 1) server.faults.push({ method: 'getUpdates', reply: empty });
      server.drop();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      expect(server.faults.length).toBeGreaterThan(85);
    }));

  it('does not deliver an update endlessly when an older one comes again behind it', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      const older = server.say('older');
      const newer = server.say('newer');
      await rig.until(() => expect(server.state.queue).toHaveLength(0));
      server.enqueue(newer as { update_id: number }, older as { update_id: number });
      await rig.until(() => expect(server.state.queue).toHaveLength(0));
      const offered = rig.host.offered.length;
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(rig.host.offered).toHaveLength(offered);
      expect(offered).toBeLessThanOrEqual(4);
      expect(rig.host.unique().map((m) => m.text)).toEqual(['older', 'newer']);
    }));

  it('gets an update whose id is lower than any before, as after a week of silence', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      await rig.arrived(await rig.peer.dm('before'));
      await rig.until(() => expect(server.state.queue).toHaveLength(0));
      server.enqueue({
        update_id: 3,
        message: { message_id: 9000, date: 1, from: ADA, chat: server.state.dm(ADA), text: 'low' },
      } as { update_id: number });
      await rig.until(() => expect(rig.host.accepted.map((m) => m.text)).toContain('low'));
    }));

  it('skips a malformed update and goes on', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      server.update({ message: { message_id: 'x', chat: null } });
      await rig.arrived(await rig.peer.dm('after the nonsense'));
      await rig.until(() => expect(server.state.queue).toHaveLength(0));
      expect(rig.host.lines.some((line) => line.startsWith('warn') && line.includes('malformed'))).toBe(true);
    }));

  it.each([
    ['a server error', { status: 502, body: '<html>' }],
    ['an answer that is no JSON', { status: 400, body: '<html>blocked by a proxy</html>' }],
    ['an answer that is no list', { status: 200, body: { ok: true, result: { no: 'list' } } }],
    ['a cut connection', 'cut' as const],
    ['a connection cut inside an answer', { status: 200, body: '{"ok":true,', cutInside: true }],
  ])('comes back by itself after %s', (_name, reply) =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      server.faults.push({ method: 'getUpdates', reply });
      server.drop();
      const said = await rig.peer.dm('still there?');
      await rig.arrived(said);
      await rig.state('connected');
      expect(server.faults).toHaveLength(0);
    }),
  );

  it('notices a server that holds the poll and never answers', () =>
    withTelegram(
      async (rig, server) => {
        await rig.connect();
        server.faults.push({ method: 'getUpdates', reply: 'hang' });
        await rig.arrived(await rig.peer.dm('one'));
        const states = (): string[] => rig.host.healths.map((health) => health.state);
        await rig.until(() => expect(states()).toContain('reconnecting'));
        await rig.arrived(await rig.peer.dm('two'));
      },
      () => new ShortPollPeer(),
    ));

  it('waits as long as a 429 says', () =>
    withTelegram(async (rig, server) => {
      server.faults.push({
        method: 'getMe',
        reply: {
          status: 429,
          body: {
            ok: false,
            error_code: 429,
            description: 'Too Many Requests',
            parameters: { retry_after: 1 },
          },
        },
      });
      const started = performance.now();
      await rig.connect();
      expect(performance.now() - started).toBeGreaterThan(950);
    }));

  it('stops at once during a long back-off', () =>
    withTelegram(
      async (rig, server) => {
        await rig.connect();
        await server.goDown();
        await rig.state('reconnecting');
        const started = performance.now();
        await rig.adapter.stop();
        // The back-off is 30 s.
        expect(performance.now() - started).toBeLessThan(5_000);
      },
      () => new SlowPeer(),
    ));

  it('parks when another program keeps polling, and says so', () =>
    withTelegram(
      async (rig, server) => {
        server.rival = true;
        await rig.adapter.start(rig.host);
        await rig.state('reconnecting');
        expect(rig.host.current?.detail).toContain('another program polls');
        await rig.state('parked');
        expect(rig.host.current).toMatchObject({ authorisation: 'valid' });
        expect(rig.host.current?.nextStep).toContain('Stop the other program');
      },
      () => new SlowPeer(),
    ));

  it('survives the conflict that a restart causes', () =>
    withTelegram(async (rig, server) => {
      server.rival = true;
      await rig.adapter.start(rig.host);
      await rig.state('reconnecting');
      server.rival = false;
      await rig.state('connected');
    }));

  it('parks without a token, and on a token that Telegram does not know', () =>
    withTelegram(async (rig, server) => {
      const noToken = createTelegramAdapter({ token: '', mode: 'polling', apiRoot: server.url });
      await noToken.start(rig.host);
      await rig.state('parked');
      expect(rig.host.current?.nextStep).toContain('platforms.telegram.token');
      expect(await noToken.check?.(AbortSignal.timeout(5000))).toMatchObject({ ok: false });
      await noToken.stop();
      const wrong = createTelegramAdapter({ token: `${TOKEN}x`, mode: 'polling', apiRoot: server.url });
      await wrong.start(rig.host);
      await rig.state('parked');
      expect(rig.host.current?.authorisation).toBe('revoked');
      const check = await wrong.check?.(AbortSignal.timeout(5000));
      expect(check).toMatchObject({ ok: false });
      expect(check?.findings[0]).toContain('refuses the token');
      await wrong.stop();
    }));

  it('notices a revoked token by a send', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      const { chat } = await rig.arrived(await rig.peer.dm('hello'));
      const body = { ok: false, error_code: 401, description: 'Unauthorized' };
      server.faults.push({ method: 'sendMessage', reply: { status: 401, body } });
      server.faults.push({ method: 'getMe', reply: { status: 401, body } });
      expect((await rig.refused(rig.send(chat, 'x'))).failure).toBe('unreachable');
      await rig.state('parked');
    }));

  it('starts again after a stop', () =>
    withTelegram(async (rig) => {
      await rig.connect();
      await rig.adapter.stop();
      await rig.connect();
      await rig.arrived(await rig.peer.dm('again'));
    }));

  it('reads the settings aloud when it is checked', () =>
    withTelegram(async (rig, server) => {
      const check = await rig.adapter.check?.(AbortSignal.timeout(5000));
      expect(check?.findings.join(' ')).toContain('@gate_bot (id 4242)');
      expect(check?.findings.join(' ')).toContain('Privacy mode is on');
      await server.goDown();
      const down = await rig.adapter.check?.(AbortSignal.timeout(5000));
      expect(down).toMatchObject({ ok: false });
      expect(down?.findings[0]).not.toContain(TOKEN);
    }));

  it('takes a Bot API root with a path', () =>
    withTelegram(async (rig, server) => {
      const adapter = createTelegramAdapter({
        token: TOKEN,
        mode: 'polling',
        apiRoot: `${server.url}/proxy`,
      });
      await adapter.start(rig.host);
      // The server does not know the path: it answers with its own refusal, not with a hang.
      await rig.state('parked');
      await adapter.stop();
    }));
});

describe('the command menu', () => {
  it('is written once and not again when it has not changed', () =>
    withTelegram(async (rig, server) => {
      const asked = (): number => server.calls.filter(({ method }) => method === 'getMyCommands').length;
      await rig.connect();
      await rig.until(() => expect(asked()).toBe(8));
      await rig.restart();
      await rig.until(() => expect(asked()).toBe(16));
      expect(server.calls.filter((call) => call.method === 'setMyCommands')).toHaveLength(1);
      expect(server.state.commands).toEqual([
        { command: 'help', description: 'Lists the commands' },
        { command: 'new', description: 'Starts a fresh session' },
        { command: 'title', description: 'Names the session <text>' },
      ]);
    }));

  it('is there in every language, and in one alone where that is configured', () =>
    withTelegram(async (rig, server) => {
      const general = (): unknown => server.state.commands.find((each) => commandOf(each) === 'new');
      const inJapanese = (): unknown =>
        server.state.menus.get('ja')?.find((each) => commandOf(each) === 'new');
      rig.host.translated = await menusFor('auto');
      await rig.connect();
      await rig.until(() =>
        expect([...server.state.menus.keys()].sort()).toEqual(['de', 'es', 'fr', 'ja', 'pt', 'ru', 'zh']),
      );
      expect(general()).toMatchObject({ description: 'Start a new session; the old one is kept.' });
      expect(inJapanese()).toMatchObject({ description: say('help.new').in('ja') });
      rig.host.translated = await menusFor('ja');
      await rig.restart();
      await rig.until(() => expect(server.state.menus.size).toBe(0));
      expect(general()).toMatchObject({ description: say('help.new').in('ja') });
    }));

  it('keeps no message waiting when it is refused', () =>
    withTelegram(async (rig, server) => {
      const body = { ok: false, error_code: 400, description: 'Bad Request: BOT_COMMAND_INVALID' };
      server.faults.push({ method: 'setMyCommands', reply: { status: 400, body } });
      await rig.connect();
      await rig.arrived(await rig.peer.dm('hello'));
    }));
});

const commandOf = (entry: unknown): unknown => (entry as { command?: unknown }).command;

/** An adapter with long delays and little patience with rivals. */
class SlowPeer extends TelegramPeer {
  override createAdapter() {
    return createTelegramAdapter(
      { token: TOKEN, mode: 'polling', apiRoot: this.server.url },
      { minDelayMs: 30_000, maxDelayMs: 30_000, conflictPatienceMs: 60, conflictRetryMs: 30 },
    );
  }
}

/** An adapter that polls for a second and gives a silent server 200 ms more. */
class ShortPollPeer extends TelegramPeer {
  override createAdapter() {
    return createTelegramAdapter(
      { token: TOKEN, mode: 'polling', apiRoot: this.server.url },
      { minDelayMs: 50, maxDelayMs: 100, pollSeconds: 1, pollGraceMs: 200 },
    );
  }
}
