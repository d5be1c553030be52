/** Run as a process of its own: `node crash-fixture.ts [scenario…]`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createDiscordAdapter } from '../../../src/adapters/discord/definition.ts';
import { DiscordServer } from '../../platforms/discord-server.ts';
import { CHANNEL, GUILD, OTHER_GUILD } from '../../platforms/discord-state.ts';
import { playScenarios, type Scenarios } from '../crash-scenarios.ts';

const TOKEN = 'TEST.discord.token';
const TUNING = { minDelayMs: 20, maxDelayMs: 200, identifySpacingMs: 20 };

/** Events whose data discord.js' own handlers cannot digest. */
function nonsense(server: DiscordServer): void {
  for (const type of [
    'CHANNEL_CREATE',
    'CHANNEL_UPDATE',
    'GUILD_CREATE',
    'GUILD_MEMBER_ADD',
    'THREAD_CREATE',
    'THREAD_LIST_SYNC',
    'MESSAGE_REACTION_ADD',
    'PRESENCE_UPDATE',
    'GUILD_ROLE_CREATE',
    'MESSAGE_CREATE',
    'MESSAGE_UPDATE',
    'INTERACTION_CREATE',
    'VOICE_STATE_UPDATE',
  ])
    for (const data of [
      null,
      5,
      {},
      { id: GUILD, channels: 7 },
      { channel_id: CHANNEL, id: {}, author: null, type: 0 },
    ])
      server.gateway.dispatch(type, data);
}

export const scenarios: Scenarios<DiscordServer> = {
  async 'events that cannot be digested'(stage) {
    const { server } = stage;
    nonsense(server);
    for (const frame of ['null', '[]', 'x', '{"op":0}', '{"op":9}', '{"op":0,"t":"READY","s":1,"d":{}}'])
      server.gateway.raw(frame);
    await sleep(300);
    server.say('alive');
    await stage.arrived('alive');
  },
  async 'events that cannot be digested, queued before the client is ready'(stage) {
    const { server, adapter, host } = stage;
    await adapter.stop();
    const original = server.state.guild.bind(server.state);
    server.state.guild = () => ({ id: 'not a guild that was announced' });
    await adapter.start(host);
    await stage.until(() => server.logins.length > 1);
    await stage.state('connected');
    nonsense(server);
    // Only now is the client ready, and works off its queue.
    for (const id of [GUILD, OTHER_GUILD]) server.gateway.dispatch('GUILD_CREATE', original(id));
    await sleep(300);
    server.say('alive');
    await stage.arrived('alive');
  },
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
  async 'a token revoked while connected'(stage) {
    const { server } = stage;
    server.revoke();
    await stage.state('parked');
  },
  async 'a missing intent after a reconnect'(stage) {
    const { server } = stage;
    server.gateway.refuseIdentify = 4014;
    server.gateway.forget();
    server.drop();
    await stage.state('parked');
  },
  async 'a session that is refused again and again'(stage) {
    const { server } = stage;
    for (let n = 0; n < 3; n += 1) {
      server.gateway.forget();
      server.drop();
      await stage.until(() => server.logins.filter((login) => login.kind === 'identify').length > n + 1);
      await stage.state('connected');
    }
  },
  async 'stop while waiting for a hello'(stage) {
    const { server } = stage;
    server.gateway.mute = true;
    server.drop();
    await stage.until(() => !server.gateway.mute);
  },
  async 'stop while a handshake is not answered'(stage) {
    const { server } = stage;
    const before = server.handshakeCount;
    server.handshakes = 'hold';
    server.drop();
    await stage.until(() => server.handshakeCount > before);
  },
  async 'stop between two attempts'(stage) {
    const { server, host } = stage;
    await server.goDown();
    await stage.until(() => (host.current?.transport.attempt ?? 0) > 1);
  },
  async 'stop right after a drop'({ server }) {
    server.drop();
  },
  async 'stop at once after start'({ adapter, host }) {
    await adapter.stop();
    for (const ms of [0, 1, 2, 5, 10, 20, 40]) {
      await adapter.start(host);
      await sleep(ms);
      await adapter.stop();
    }
  },
  async 'a server that is gone at login'(stage) {
    const { server, adapter, host } = stage;
    await adapter.stop();
    await server.goDown();
    await adapter.start(host);
    await stage.state('reconnecting');
    await server.comeBack();
    await stage.state('connected');
  },
  async 'a gateway that answers every handshake with an error'(stage) {
    const { server, host } = stage;
    server.handshakes = 'refuse';
    server.drop();
    await stage.until(() => (host.current?.transport.attempt ?? 0) > 2);
    server.handshakes = 'accept';
    await stage.state('connected');
  },
  async 'interactions that cannot be answered'(stage) {
    const { server, host } = stage;
    server.faults.push({ method: 'interactionCallback', reply: 'cut' });
    server.faults.push({
      method: 'interactionCallback',
      reply: { status: 404, body: { code: 10062, message: 'x' } },
    });
    server.interact({ name: 'help' });
    server.interact({ custom_id: '/deny' }, CHANNEL, 3);
    await stage.until(() => server.faults.length === 0 && host.accepted.length === 2);
  },
  async 'slash commands and history that are refused'(stage) {
    const { server, adapter, host } = stage;
    server.say('mark');
    await stage.arrived('mark');
    await adapter.stop();
    for (const method of ['getCommands', 'getMessages'])
      server.faults.push({ method, reply: { status: 403, body: {} } });
    await adapter.start(host);
    await stage.until(() => server.faults.length === 0);
    server.say('alive');
    await stage.arrived('alive');
  },
};

if (import.meta.main)
  await playScenarios(
    scenarios,
    () => new DiscordServer(TOKEN),
    (server) => createDiscordAdapter({ botToken: TOKEN, apiUrl: server.apiUrl }, TUNING),
  );
