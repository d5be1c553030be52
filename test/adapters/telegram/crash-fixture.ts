/** Run as a process of its own: `node crash-fixture.ts [scenario…]`. */
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTelegramAdapter } from '../../../src/adapters/telegram/definition.ts';
import { TelegramServer } from '../../platforms/telegram-server.ts';
import { playScenarios, type Scenarios } from '../crash-scenarios.ts';

const TOKEN = '424242:TEST-token';
const TUNING = { minDelayMs: 20, maxDelayMs: 100, conflictPatienceMs: 50, conflictRetryMs: 20 };

export const scenarios: Scenarios<TelegramServer> = {
  async 'a host that throws on a message'(stage) {
    const { server, host } = stage;
    host.refuse = (message) => {
      if (message.text === 'bad') throw new TypeError('a bug in the core');
      return false;
    };
    server.say('bad');
    await stage.until(() => host.offered.length > 1);
    host.refuse = () => false;
    await stage.arrived('bad');
  },
  async 'a store that takes nothing'(stage) {
    const { server, host } = stage;
    host.refuse = () => true;
    server.say('never');
    await stage.until(() => host.offered.length > 2);
  },
  async 'another program that polls'(stage) {
    const { server } = stage;
    server.rival = true;
    server.drop();
    await stage.state('parked');
  },
  async 'a token revoked while polling'(stage) {
    const { server } = stage;
    server.revoke();
    await stage.state('parked');
  },
  async 'every kind of broken answer to a poll'(stage) {
    const { server } = stage;
    const body = (text: unknown) => ({ status: 200, body: text });
    for (const reply of [
      { status: 500, body: 'x'.repeat(200_000) },
      { status: 403, body: '<html>' },
      body({ ok: true, result: 'no list' }),
      body('nonsense'),
      body({ ok: true, result: [null, 5, {}, { update_id: 'x' }] }),
      'cut' as const,
      { status: 200, body: '{"ok":true,', cutInside: true },
    ])
      server.faults.push({ method: 'getUpdates', reply });
    server.drop();
    await stage.until(() => server.faults.length === 0);
    server.say('alive');
    await stage.arrived('alive');
  },
  async 'updates that cannot be digested'(stage) {
    const { server } = stage;
    for (const message of [null, 5, {}, { message_id: 1 }, { message_id: 1, chat: {}, text: {} }])
      server.update({ message });
    server.update({ callback_query: { id: 1 } });
    server.update({});
    server.say('alive');
    await stage.arrived('alive');
    await stage.until(() => server.state.queue.length === 0);
  },
  async 'a failing command menu, button answer and typing'(stage) {
    const { server, adapter } = stage;
    server.faults.push({ method: 'answerCallbackQuery', reply: 'cut' });
    server.faults.push({ method: 'sendChatAction', reply: 'cut' });
    server.press(1001, 1, '/approve');
    await stage.arrived('/approve');
    await adapter.typing?.({ platform: 'telegram', accountId: 'default', chatId: '1001' }, true);
    await stage.until(() => server.faults.length === 0);
  },
  async 'stop while a message waits to be stored'(stage) {
    const { server, host } = stage;
    host.hold = new Promise(() => {});
    server.say('held');
    await stage.until(() => host.offered.length > 0);
  },
  async 'stop during a poll'(stage) {
    const { server } = stage;
    await stage.until(() => server.polling);
  },
  async 'the server goes away for good'(stage) {
    const { server } = stage;
    await server.stop();
    await stage.state('reconnecting');
  },
  async 'a port that takes connections and says nothing'({ server, adapter }) {
    const { port } = new URL(server.url);
    await server.stop();
    const mute = createServer((socket) => socket.on('error', () => {}).unref());
    await new Promise<void>((resolve) => mute.listen(Number(port), '127.0.0.1', resolve));
    await sleep(300);
    await adapter.stop();
    mute.close();
    if ((mute.address() as AddressInfo | null) !== null) throw new Error('the port is still open');
  },
};

if (import.meta.main)
  await playScenarios(
    scenarios,
    () => new TelegramServer(TOKEN),
    ({ url }) => createTelegramAdapter({ token: TOKEN, mode: 'polling', apiRoot: url }, TUNING),
  );
