/** Run as a process of its own: `node crash-fixture.ts <scenario>`. Prints `survived` at the end of a scenario. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTwitchAdapter } from '../../../src/adapters/twitch/index.ts';
import type { Adapter } from '../../../src/gateway/adapter.ts';
import type { AdapterState } from '../../../src/gateway/model.ts';
import { TwitchServer } from '../../platforms/twitch-server.ts';
import { RecordingHost } from '../contract/recording-host.ts';
import { QUICK, settingsFor } from './peer.ts';

const server = new TwitchServer();
server.tokens.add('sometoken');
const host = new RecordingHost(await mkdtemp(join(tmpdir(), 'twitch-crash-')));

async function until(check: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 20_000;
  while (!check()) {
    if (Date.now() > giveUpAt) throw new Error(`waited in vain\n${host.lines.join('\n')}`);
    await sleep(10);
  }
}

const state = (wanted: AdapterState): Promise<void> => until(() => host.current?.state === wanted);
const arrived = (text: string): Promise<void> => until(() => host.accepted.some((m) => m.text === text));
const logins = (): number => server.calls.filter((call) => call.method === 'NICK').length;

function send(adapter: Adapter, text: string): Promise<unknown> {
  return adapter.send(
    {
      idempotencyKey: text.slice(0, 20),
      chat: { platform: 'twitch', accountId: 'default', chatId: 'lobby' },
      part: { text, plain: text },
      partIndex: 0,
      partCount: 1,
      meta: { kind: 'reply' },
    },
    AbortSignal.timeout(20_000),
  );
}

const scenarios: Record<string, (adapter: Adapter) => Promise<void>> = {
  async 'a drop, which the library reports twice'() {
    for (let n = 2; n <= 4; n += 1) {
      server.drop();
      await until(() => logins() === n);
      await state('connected');
    }
  },
  async 'a clean close before the welcome'() {
    server.hangUpBeforeWelcome = true;
    server.drop(1000);
    await until(() => logins() >= 4);
    server.hangUpBeforeWelcome = false;
    await state('connected');
  },
  async 'lines that the library cannot digest'() {
    for (const line of [
      ':tmi.twitch.tv NOTICE *',
      ':ada!ada@x PRIVMSG #lobby',
      ':x 353 a',
      ':tmi.twitch.tv HOSTTARGET #lobby',
      '@msg-id=room_mods :tmi.twitch.tv NOTICE #lobby',
      '@msg-id=raid :tmi.twitch.tv USERNOTICE #lobby',
    ])
      server.raw(line);
    server.say('lobby', 'alive');
    await arrived('alive');
  },
  async 'a refused login'() {
    server.revoke();
    await state('parked');
  },
  async 'a join that nobody answers'() {
    server.suspended.add('lobby');
    server.drop();
    await until(() => host.lines.some((line) => line.includes('could not be joined')));
  },
  async 'RECONNECT and then stop'() {
    server.reconnect();
    await until(() => logins() === 2);
  },
  async 'a long text whose tail the library would send unwatched'(adapter) {
    await send(adapter, 'x'.repeat(499));
    await send(adapter, 'y '.repeat(2000)).catch(() => {});
    server.drop();
    await until(() => logins() === 2);
  },
  async 'a cut in the middle of a send'(adapter) {
    server.faults.push({ method: 'PRIVMSG', reply: 'cut' });
    await send(adapter, 'cut').catch(() => {});
    await state('connected');
  },
  async 'a store that takes nothing'() {
    host.refuse = () => true;
    server.say('lobby', 'never');
    await until(() => host.offered.length > 2);
  },
  async 'a host that does not exist'() {
    const lost = createTwitchAdapter(
      settingsFor(server, { server: 'no such host', channels: ['lobby'] }),
      QUICK,
    );
    const other = new RecordingHost(host.stateDir);
    await lost.start(other);
    await until(() => (other.current?.transport.attempt ?? 0) >= 2);
    await lost.stop();
  },
  async 'the server goes away for good'() {
    await server.stop();
    await state('reconnecting');
  },
};

const scenario = scenarios[process.argv[2] ?? ''];
if (scenario === undefined) {
  console.log(Object.keys(scenarios).join('\n'));
} else {
  await server.start();
  const adapter = createTwitchAdapter(settingsFor(server, { channels: ['lobby'] }), {
    ...QUICK,
    joinTimeoutMs: 300,
  });
  await adapter.start(host);
  await state('connected');
  await scenario(adapter);
  await adapter.stop();
  await server.stop();
  console.log('survived');
}
