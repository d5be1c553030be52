/** Run as a process of its own: `node crash-fixture.ts <scenario>`. Prints `survived` at the end of a scenario. */
import { mkdtemp } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTelegramAdapter } from '../../../src/adapters/telegram/index.ts';
import type { AdapterState } from '../../../src/gateway/model.ts';
import { TelegramServer } from '../../platforms/telegram-server.ts';
import { RecordingHost } from '../contract/recording-host.ts';

const TOKEN = '424242:TEST-token';
const TUNING = { minDelayMs: 20, maxDelayMs: 100, conflictPatienceMs: 50, conflictRetryMs: 20 };

const server = new TelegramServer(TOKEN);
const host = new RecordingHost(await mkdtemp(join(tmpdir(), 'telegram-crash-')));

async function until(check: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 20_000;
  while (!check()) {
    if (Date.now() > giveUpAt) throw new Error(`waited in vain\n${host.lines.join('\n')}`);
    await sleep(10);
  }
}

const state = (wanted: AdapterState): Promise<void> => until(() => host.current?.state === wanted);
const arrived = (text: string): Promise<void> => until(() => host.accepted.some((m) => m.text === text));

const scenarios: Record<string, () => Promise<void>> = {
  async 'a host that throws on a message'() {
    host.refuse = (message) => {
      if (message.text === 'bad') throw new TypeError('a bug in the core');
      return false;
    };
    server.say('bad');
    await until(() => host.offered.length > 1);
    host.refuse = () => false;
    await arrived('bad');
  },
  async 'a store that takes nothing'() {
    host.refuse = () => true;
    server.say('never');
    await until(() => host.offered.length > 2);
  },
  async 'another program that polls'() {
    server.rival = true;
    server.drop();
    await state('parked');
  },
  async 'a token revoked while polling'() {
    server.revoke();
    await state('parked');
  },
  async 'every kind of broken answer to a poll'() {
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
    await until(() => server.faults.length === 0);
    server.say('alive');
    await arrived('alive');
  },
  async 'updates that cannot be digested'() {
    for (const message of [null, 5, {}, { message_id: 1 }, { message_id: 1, chat: {}, text: {} }])
      server.update({ message });
    server.update({ callback_query: { id: 1 } });
    server.update({});
    server.say('alive');
    await arrived('alive');
    await until(() => server.state.queue.length === 0);
  },
  async 'a failing command menu, button answer and typing'() {
    server.faults.push({ method: 'answerCallbackQuery', reply: 'cut' });
    server.faults.push({ method: 'sendChatAction', reply: 'cut' });
    server.press(1001, 1, '/approve');
    await arrived('/approve');
    await adapter.typing?.({ platform: 'telegram', accountId: 'default', chatId: '1001' }, true);
    await until(() => server.faults.length === 0);
  },
  async 'stop while a message waits to be stored'() {
    host.hold = new Promise(() => {});
    server.say('held');
    await until(() => host.offered.length > 0);
  },
  async 'stop during a poll'() {
    await until(() => server.polling);
  },
  async 'the server goes away for good'() {
    await server.stop();
    await state('reconnecting');
  },
  async 'a port that takes connections and says nothing'() {
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

const scenario = scenarios[process.argv[2] ?? ''];
const adapter = createTelegramAdapter(
  { token: TOKEN, mode: 'polling', apiRoot: scenario === undefined ? '' : await started() },
  TUNING,
);

async function started(): Promise<string> {
  await server.start();
  return server.url;
}

if (scenario === undefined) {
  process.stdout.write(`${Object.keys(scenarios).join('\n')}\n`);
} else {
  await adapter.start(host);
  await state('connected');
  await scenario();
  await adapter.stop();
  await server.stop();
  process.stdout.write('survived\n');
}
