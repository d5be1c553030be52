/** Run as a process of its own: `node crash-fixture.ts [scenario…]`. */
import { createTwitchAdapter } from '../../../src/adapters/twitch/definition.ts';
import type { Adapter } from '../../../src/gateway/adapter.ts';
import { TwitchServer } from '../../platforms/twitch-server.ts';
import { RecordingHost } from '../contract/recording-host.ts';
import { playScenarios, type Scenarios } from '../crash-scenarios.ts';
import { QUICK, settingsFor } from './peer.ts';

const logins = (server: TwitchServer): number => server.calls.filter((call) => call.method === 'NICK').length;

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

export const scenarios: Scenarios<TwitchServer> = {
  async 'a drop, which the library reports twice'(stage) {
    const { server } = stage;
    for (let n = 2; n <= 4; n += 1) {
      server.drop();
      await stage.until(() => logins(server) === n);
      await stage.state('connected');
    }
  },
  async 'a clean close before the welcome'(stage) {
    const { server } = stage;
    server.hangUpBeforeWelcome = true;
    server.drop(1000);
    await stage.until(() => logins(server) >= 4);
    server.hangUpBeforeWelcome = false;
    await stage.state('connected');
  },
  async 'lines that the library cannot digest'(stage) {
    const { server } = stage;
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
    await stage.arrived('alive');
  },
  async 'a refused login'(stage) {
    const { server } = stage;
    server.revoke();
    await stage.state('parked');
  },
  async 'a join that nobody answers'(stage) {
    const { server, host } = stage;
    server.suspended.add('lobby');
    server.drop();
    await stage.until(() => host.lines.some((line) => line.includes('could not be joined')));
  },
  async 'RECONNECT and then stop'(stage) {
    const { server } = stage;
    server.reconnect();
    await stage.until(() => logins(server) === 2);
  },
  async 'a long text whose tail the library would send unwatched'(stage) {
    const { server, adapter } = stage;
    await send(adapter, 'x'.repeat(499));
    await send(adapter, 'y '.repeat(2000)).catch(() => {});
    server.drop();
    await stage.until(() => logins(server) === 2);
  },
  async 'a cut in the middle of a send'(stage) {
    const { server, adapter } = stage;
    server.faults.push({ method: 'PRIVMSG', reply: 'cut' });
    await send(adapter, 'cut').catch(() => {});
    await stage.state('connected');
  },
  async 'a store that takes nothing'(stage) {
    const { server, host } = stage;
    host.refuse = () => true;
    server.say('lobby', 'never');
    await stage.until(() => host.offered.length > 2);
  },
  async 'a host that does not exist'(stage) {
    const { server, host } = stage;
    const lost = createTwitchAdapter(
      settingsFor(server, { server: 'no such host', channels: ['lobby'] }),
      QUICK,
    );
    const other = new RecordingHost(host.stateDir);
    await lost.start(other);
    await stage.until(() => (other.current?.transport.attempt ?? 0) >= 2);
    await lost.stop();
  },
  async 'the server goes away for good'(stage) {
    const { server } = stage;
    await server.stop();
    await stage.state('reconnecting');
  },
};

function newServer(): TwitchServer {
  const server = new TwitchServer();
  server.tokens.add('sometoken');
  return server;
}

if (import.meta.main)
  await playScenarios(scenarios, newServer, (server) =>
    createTwitchAdapter(settingsFor(server, { channels: ['lobby'] }), { ...QUICK, joinTimeoutMs: 300 }),
  );
