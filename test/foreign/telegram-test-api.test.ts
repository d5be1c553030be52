/**
 * The Telegram adapter against `telegram-test-api`, a Bot API that others wrote. It does not hold polls, and it has
 * no typing, files, topics, command menu or limits; what it lacks answers with an error that the adapter must bear.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTelegramAdapter } from '../../src/adapters/telegram/definition.ts';
import type { Adapter, SendReceipt } from '../../src/gateway/adapter.ts';
import type { ChatRef } from '../../src/gateway/model.ts';
import { RecordingHost } from '../adapters/contract/recording-host.ts';
import { freePort } from '../support/gateway-process.ts';
import { foreignPeer } from './foreign-peer.ts';

const TOKEN = '4242:foreign-token';

interface Client {
  makeMessage(text: string, options?: object): object;
  sendMessage(message: object): Promise<unknown>;
  makeCallbackQuery(data: string, options?: object): object;
  sendCallback(query: object): Promise<unknown>;
  getUpdatesHistory(): Promise<readonly { readonly message: Record<string, unknown> }[]>;
}

interface Server {
  readonly config: { readonly apiURL: string };
  start(): Promise<void>;
  stop(): Promise<unknown>;
  getClient(token: string, options?: object): Client;
}

interface TestApiModule {
  readonly default: new (config: { port: number; host: string }) => Server;
}

function constructorOf(module: unknown): TestApiModule['default'] {
  // A CommonJS module: its default export is the namespace, or sits one step deeper.
  const outer = (module as { default: TestApiModule | TestApiModule['default'] }).default;
  return typeof outer === 'function' ? outer : outer.default;
}

const peer = await foreignPeer('telegram-test-api/lib/index.js');

describe.skipIf('absent' in peer)(
  `Telegram against telegram-test-api${'absent' in peer ? ` [${peer.absent}]` : ''}`,
  () => {
    const chat: ChatRef = { platform: 'telegram', accountId: 'default', chatId: '1' };
    let server: Server;
    let client: Client;
    let host: RecordingHost;
    let adapter: Adapter;

    const until = <T>(check: () => T | Promise<T>): Promise<T> =>
      vi.waitFor(check, { timeout: 20_000, interval: 50 });

    async function send(text: string, plain = text): Promise<SendReceipt> {
      return adapter.send(
        {
          idempotencyKey: text,
          chat,
          part: { text, plain, buttons: [{ label: 'Yes', command: '/approve' }] },
          partIndex: 0,
          partCount: 1,
          meta: { kind: 'reply' },
        },
        AbortSignal.timeout(10_000),
      );
    }

    beforeAll(async () => {
      if ('absent' in peer) return;
      const Server = constructorOf(peer.module);
      server = new Server({ port: await freePort(), host: '127.0.0.1' });
      await server.start();
      client = server.getClient(TOKEN, { userName: 'ada', userId: 1, chatId: 1 });
      host = new RecordingHost(await mkdtemp(join(tmpdir(), 'foreign-telegram-')));
      adapter = createTelegramAdapter({ token: TOKEN, mode: 'polling', apiRoot: server.config.apiURL });
      await adapter.start(host);
      await until(() => expect(host.current?.state, host.lines.join('\n')).toBe('connected'));
    });

    afterAll(async () => {
      await adapter?.stop();
      await server?.stop();
    });

    it('hands in a message of a person, once', async () => {
      await client.sendMessage(client.makeMessage('hello from elsewhere'));
      await until(() => expect(host.unique().map((m) => m.text)).toContain('hello from elsewhere'));
      expect(host.accepted[0]).toMatchObject({ chatKind: 'dm', mentioned: true, sender: { id: '1' } });
    });

    it('answers, edits and deletes', async () => {
      const { messageId } = await send('draft');
      const signal = AbortSignal.timeout(10_000);
      await adapter.edit?.(chat, messageId, { text: '<b>final</b>', plain: 'final' }, signal);
      await until(async () =>
        expect(JSON.stringify(await client.getUpdatesHistory())).toContain('<b>final</b>'),
      );
      await adapter.delete?.(chat, messageId, signal);
      await until(async () =>
        expect(JSON.stringify(await client.getUpdatesHistory())).not.toContain('<b>final</b>'),
      );
    });

    it('bears a method that the server does not have', async () => {
      await adapter.typing?.(chat, true);
      expect(host.current?.state).toBe('connected');
    });
  },
);
