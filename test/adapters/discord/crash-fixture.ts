/** Run as a process of its own: `node crash-fixture.ts <scenario>`. Prints `survived` at the end of a scenario. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDiscordAdapter } from '../../../src/adapters/discord/index.ts';
import type { AdapterState } from '../../../src/gateway/model.ts';
import { DiscordServer } from '../../platforms/discord-server.ts';
import { CHANNEL, GUILD, OTHER_GUILD } from '../../platforms/discord-state.ts';
import { RecordingHost } from '../contract/recording-host.ts';

const TOKEN = 'TEST.discord.token';
const TUNING = { minDelayMs: 20, maxDelayMs: 200, identifySpacingMs: 20 };

const server = new DiscordServer(TOKEN);
const host = new RecordingHost(await mkdtemp(join(tmpdir(), 'discord-crash-')));

async function until(check: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 20_000;
  while (!check()) {
    if (Date.now() > giveUpAt) throw new Error(`waited in vain\n${host.lines.join('\n')}`);
    await sleep(10);
  }
}

const state = (wanted: AdapterState): Promise<void> => until(() => host.current?.state === wanted);
const arrived = (text: string): Promise<void> => until(() => host.accepted.some((m) => m.text === text));

/** Events whose data discord.js' own handlers cannot digest. */
function nonsense(): void {
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

const scenarios: Record<string, () => Promise<void>> = {
  async 'events that cannot be digested'() {
    nonsense();
    for (const frame of ['null', '[]', 'x', '{"op":0}', '{"op":9}', '{"op":0,"t":"READY","s":1,"d":{}}'])
      server.gateway.raw(frame);
    await sleep(300);
    server.say('alive');
    await arrived('alive');
  },
  async 'events that cannot be digested, queued before the client is ready'() {
    await adapter.stop();
    const original = server.state.guild.bind(server.state);
    server.state.guild = () => ({ id: 'not a guild that was announced' });
    await adapter.start(host);
    await until(() => server.logins.length > 1);
    await state('connected');
    nonsense();
    // Only now is the client ready, and works off its queue.
    for (const id of [GUILD, OTHER_GUILD]) server.gateway.dispatch('GUILD_CREATE', original(id));
    await sleep(300);
    server.say('alive');
    await arrived('alive');
  },
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
  async 'a token revoked while connected'() {
    server.revoke();
    await state('parked');
  },
  async 'a missing intent after a reconnect'() {
    server.gateway.refuseIdentify = 4014;
    server.gateway.forget();
    server.drop();
    await state('parked');
  },
  async 'a session that is refused again and again'() {
    for (let n = 0; n < 3; n += 1) {
      server.gateway.forget();
      server.drop();
      await until(() => server.logins.filter((login) => login.kind === 'identify').length > n + 1);
      await state('connected');
    }
  },
  async 'stop while waiting for a hello'() {
    server.gateway.mute = true;
    server.drop();
    await until(() => !server.gateway.mute);
  },
  async 'stop while a handshake is not answered'() {
    const before = server.handshakeCount;
    server.handshakes = 'hold';
    server.drop();
    await until(() => server.handshakeCount > before);
  },
  async 'stop between two attempts'() {
    await server.goDown();
    await until(() => (host.current?.transport.attempt ?? 0) > 1);
  },
  async 'stop right after a drop'() {
    server.drop();
  },
  async 'stop at once after start'() {
    await adapter.stop();
    for (const ms of [0, 1, 2, 5, 10, 20, 40]) {
      await adapter.start(host);
      await sleep(ms);
      await adapter.stop();
    }
  },
  async 'a server that is gone at login'() {
    await adapter.stop();
    await server.goDown();
    await adapter.start(host);
    await state('reconnecting');
    await server.comeBack();
    await state('connected');
  },
  async 'a gateway that answers every handshake with an error'() {
    server.handshakes = 'refuse';
    server.drop();
    await until(() => (host.current?.transport.attempt ?? 0) > 2);
    server.handshakes = 'accept';
    await state('connected');
  },
  async 'interactions that cannot be answered'() {
    server.faults.push({ method: 'interactionCallback', reply: 'cut' });
    server.faults.push({
      method: 'interactionCallback',
      reply: { status: 404, body: { code: 10062, message: 'x' } },
    });
    server.interact({ name: 'help' });
    server.interact({ custom_id: '/deny' }, CHANNEL, 3);
    await until(() => server.faults.length === 0 && host.accepted.length === 2);
  },
  async 'slash commands and history that are refused'() {
    server.say('mark');
    await arrived('mark');
    await adapter.stop();
    for (const method of ['getCommands', 'getMessages'])
      server.faults.push({ method, reply: { status: 403, body: {} } });
    await adapter.start(host);
    await until(() => server.faults.length === 0);
    server.say('alive');
    await arrived('alive');
  },
};

const scenario = scenarios[process.argv[2] ?? ''];
if (scenario !== undefined) await server.start();
const adapter = createDiscordAdapter(
  { botToken: TOKEN, apiUrl: scenario === undefined ? '' : server.apiUrl },
  TUNING,
);

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
