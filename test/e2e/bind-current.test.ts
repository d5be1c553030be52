/**
 * The whole way of a chat that is bound to the pi in a terminal: Telegram's update → the session in that pi → the model →
 * the terminal and the chat. With both versions of pi, and with the gateway in its own process or inside that pi.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bundledPi } from '../../src/gateway/agent/pi-files.ts';
import { newerPi } from '../agents/contract.ts';
import { type ModelServer, startModelServer } from '../agents/model-server.ts';
import { TelegramServer } from '../platforms/telegram-server.ts';
import {
  GatewayProcess,
  operatorToken,
  ROOT,
  runCli,
  temporaryFolder,
  writeConfig,
} from '../support/gateway-process.ts';
import { TerminalProgram } from '../support/terminal.ts';
import { inFull } from '../support/tries.ts';

const LONG = { timeout: 240_000 };
const SOON = { timeout: 60_000, interval: 50 };
const ADA = '81';

const VERSIONS = [
  ['1.6', () => newerPi().cli],
  ['0.87', () => bundledPi() ?? ''],
] as const;

// Each opens five pis and their gateways: a minute of processor time in all.
describe.each(inFull(import.meta.filename) ? VERSIONS : VERSIONS.slice(0, 1))(
  'a chat bound to pi %s in a terminal',
  (_version, cli) => {
    let folder: ReturnType<typeof temporaryFolder>;
    let model: ModelServer;
    let telegram: TelegramServer;
    const ends: (() => Promise<unknown>)[] = [];

    beforeEach(async () => {
      folder = temporaryFolder();
      model = await startModelServer();
      telegram = new TelegramServer('424242:TEST-token_with-SECRET-part');
      await telegram.start();
      expect(existsSync(cli())).toBe(true);
    });
    afterEach(async () => {
      for (const end of ends.splice(0).reverse()) await end();
      await telegram.stop();
      await model.stop();
      folder.remove();
    });

    function configure(agent: object = {}): void {
      writeConfig(folder.path, {
        security: { allowAll: true },
        agent: { backend: 'scripted', cwd: folder.path, ...agent },
        platforms: { telegram: { enabled: true, token: telegram.token, apiRoot: telegram.url } },
      });
    }

    async function headless(): Promise<GatewayProcess> {
      const gateway = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', folder.path], model.env);
      ends.push(() => gateway.stop());
      await gateway.ready();
      return gateway;
    }

    async function openPi(...args: string[]): Promise<TerminalProgram> {
      const pi = new TerminalProgram([...args, '--extension', join(ROOT, 'dist', 'extension.js')], {
        bin: cli(),
        cwd: folder.path,
        columns: 120,
        rows: 50,
        env: { ...model.env, PI_GATEWAY_HOME: folder.path, HOME: folder.path },
      });
      ends.push(() => pi.end());
      await pi.shows('mock', 60_000);
      return pi;
    }

    /** Types a line and presses Enter until it has an effect: pi takes no command while it starts. */
    async function enter(pi: TerminalProgram, line: string, effect: string | RegExp): Promise<void> {
      pi.type(line);
      await pi.shows(line.slice(0, 60));
      for (const until = Date.now() + 60_000; Date.now() < until; ) {
        pi.type('\r');
        const shown = pi.shows(effect, 400).then(
          () => true,
          () => false,
        );
        if (await shown) return;
      }
      await pi.shows(effect, 0);
    }

    const say = (text: string): void => {
      telegram.say(text, { id: Number(ADA), is_bot: false, first_name: 'Ada' });
    };
    /** What stands in the chat, drafts included. */
    const chat = (): string[] => telegram.state.messages.map((message) => message.text ?? '');
    const bind = (pi: TerminalProgram) =>
      enter(pi, `/gateway bind-current telegram ${ADA}`, /is bound to this\s+pi/);

    it(
      'carries messages there and answers to both places, beside a gateway of its own process, also when that is started anew',
      LONG,
      async () => {
        configure();
        const gateway = await headless();
        const pi = await openPi();
        await bind(pi);
        await pi.shows(`chat: telegram ${ADA}`);
        say('hello from the phone');
        await pi.shows('You said: hello from the phone', 60_000);
        await vi.waitFor(() => expect(chat()).toContain('You said: hello from the phone'), SOON);
        const [asked] = model.requests;
        expect(asked?.text).toMatch(/^⟦Telegram[^⟧]*⟧\nhello from the phone$/);
        // One session: what the operator writes there is part of it, and the chat sees it.
        await enter(pi, 'from the desk', 'You said: from the desk');
        await vi.waitFor(
          () =>
            expect(chat()).toEqual(
              expect.arrayContaining(['Terminal: from the desk', 'You said: from the desk']),
            ),
          SOON,
        );
        expect(
          model.requests.at(-1)?.history.filter((text) => !text.includes('Messages from chats')),
        ).toHaveLength(2);
        const { stdout } = await runCli(['bind', '--data-dir', folder.path]);
        expect(stdout).toContain('pi in a terminal');
        const get = async (path: string): Promise<unknown> =>
          (
            await fetch(`http://127.0.0.1:${await gateway.ready()}${path}`, {
              headers: { Authorization: `Bearer ${operatorToken(folder.path)}` },
            })
          ).json();
        expect(await get('/api/status')).toMatchObject({
          bindings: [{ platform: 'telegram', channelId: ADA, to: 'terminal' }],
        });
        expect(await get('/api/sessions')).toMatchObject([{ channelId: ADA, bound: { to: 'terminal' } }]);

        // It stays bound when the gateway is started anew.
        const begun = Date.now();
        await gateway.stop();
        // The look for orders of that pi keeps nothing open.
        expect(Date.now() - begun).toBeLessThan(10_000);
        await headless();
        say('after the restart');
        await pi.shows('You said: after the restart', 60_000);
        await vi.waitFor(() => expect(chat()).toContain('You said: after the restart'), SOON);
        expect(model.requests).toHaveLength(3);

        await enter(pi, `/gateway unbind telegram ${ADA}`, 'continues in its own session');
        say('and now?');
        await vi.waitFor(() => expect(chat().at(-1)).toContain('and now?'), SOON);
        expect(model.requests).toHaveLength(3);
      },
    );

    it(
      'leaves what the operator types alone, waits for their turn, is stopped from the chat, and goes back to its own session when pi is killed',
      LONG,
      async () => {
        configure();
        await headless();
        const pi = await openPi();
        await bind(pi);
        let gate = Promise.withResolvers<void>();
        model.reply(async ({ text }) => {
          await gate.promise;
          return { text: `Done: ${text.split('\n').at(-1)}` };
        });
        pi.type('for me\r');
        await vi.waitFor(() => expect(model.requests).toHaveLength(1), SOON);
        say('for the chat');
        pi.type('half typed draft');
        await pi.shows('half typed draft');
        expect(model.requests).toHaveLength(1);
        gate.resolve();
        await vi.waitFor(() => expect(chat()).toContain('Done: for the chat'), SOON);
        expect(model.requests.map(({ text }) => text.split('\n').at(-1))).toEqual(['for me', 'for the chat']);

        gate = Promise.withResolvers<void>();
        say('for ever');
        await vi.waitFor(() => expect(model.requests).toHaveLength(3), SOON);
        say('/stop');
        await vi.waitFor(() => expect(chat()).toContain('Stopped.'), SOON);
        gate.resolve();
        await pi.shows('aborted', 30_000);
        say('/model');
        await vi.waitFor(() => expect(chat().at(-1)).toContain('bound to pi in a terminal'), SOON);
        await pi.shows('half typed draft');
        expect(chat().join()).not.toContain('Done: for ever');

        // Killed: nothing is lost, nothing is defined twice.
        gate = Promise.withResolvers<void>();
        model.reply(async () => {
          await gate.promise;
          return { text: 'too late' };
        });
        say('begun');
        await vi.waitFor(() => expect(model.requests).toHaveLength(4), SOON);
        say('waits');
        process.kill(pi.pty.pid, 'SIGKILL');
        await vi.waitFor(
          () => expect(chat().some((text) => text.includes('You said: waits'))).toBe(true),
          SOON,
        );
        gate.resolve();
        expect(chat().filter((text) => text.includes('ended before the answer was finished'))).toHaveLength(
          1,
        );
        expect(chat().filter((text) => text.includes('waits'))).toHaveLength(1);
        say('/retry');
        await vi.waitFor(() => expect(chat().at(-1)).toContain('You said: begun'), SOON);
      },
    );

    it('works with the gateway inside that pi, and follows it to another session', LONG, async () => {
      configure();
      const pi = await openPi();
      await enter(pi, '/gateway start 0', /runs on localhost:\d+/);
      await bind(pi);
      say('one');
      await pi.shows('You said: one', 60_000);
      await enter(pi, '/new', /New session/i);
      await pi.shows(`chat: telegram ${ADA}`);
      say('two');
      await pi.shows('You said: two', 60_000);
      await vi.waitFor(
        () => expect(chat()).toEqual(expect.arrayContaining(['You said: one', 'You said: two'])),
        SOON,
      );
      // The second one began in a session of its own.
      expect(model.requests.at(-1)?.history.join('\n')).not.toContain('one');
    });

    it(
      'asks the chat and the terminal before a tool runs, and keeps the tools of the chat',
      LONG,
      async () => {
        configure({ approvals: 'all', tools: ['bash'] });
        await headless();
        const pi = await openPi();
        await bind(pi);
        const use = (name: string, input: Record<string, unknown>) =>
          model.reply(({ toolResults }) =>
            toolResults.length > 0
              ? { text: `It said: ${toolResults.join()}` }
              : { tools: [{ name, arguments: input }] },
          );
        use('bash', { command: 'echo from-the-shell' });
        say('run it');
        await pi.shows('asks for bash', 60_000);
        await vi.waitFor(() => expect(chat().join()).toContain('echo from-the-shell'), SOON);
        say('/approve');
        await vi.waitFor(() => expect(chat().join()).toContain('It said: from-the-shell'), SOON);
        await pi.shows('It said: from-the-shell');
        expect(pi.text()).not.toContain('Allow once');

        say('again');
        await pi.shows('Allow once', 60_000);
        pi.type('\r');
        await vi.waitFor(() => expect(chat().join().split('It said: from-the-shell')).toHaveLength(3), SOON);

        use('read', { path: 'secret.txt' });
        say('read it');
        await vi.waitFor(() => expect(chat().join()).toContain('may not use read'), SOON);
      },
    );

    it('can be bound to the session for good once that pi has ended', LONG, async () => {
      configure({ backend: 'pi-rpc', command: [process.execPath, cli()] });
      await headless();
      const pi = await openPi();
      await enter(pi, 'from the desk', 'You said: from the desk');
      await enter(pi, '/gateway session-id', /session [0-9a-f-]{36}/);
      const id = /session ([0-9a-f-]{36})/.exec(pi.text())?.[1] ?? 'no id';
      pi.type('\u0004');
      await pi.exited;
      const bound = await runCli(['bind', 'telegram', ADA, id, '--data-dir', folder.path], model.env);
      expect(bound).toMatchObject({ code: 0 });
      say('from the phone');
      await vi.waitFor(() => expect(chat()).toContain('You said: from the phone'), SOON);
      expect(model.requests.at(-1)?.history.join('\n')).toMatch(/from the desk.*from the phone/s);
    });
  },
);
