import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  attachToExistingGateway,
  broadcast,
  ConfigError,
  createGateway,
  FolderLockedError,
  type GatewayHandle,
  getAdapter,
  getAdapters,
  getConfig,
  getStatus,
  type InboundEvent,
  isGatewayRunning,
  isRunning,
  sendMessage,
  setConfig,
  startGateway,
  stopGateway,
} from '../../src/api.ts';
import { TelegramServer } from '../platforms/telegram-server.ts';
import { ADA } from '../platforms/telegram-state.ts';
import { ChatClient } from '../support/chat-client.ts';
import { freePort, operatorToken, temporaryFolder, writeConfig } from '../support/gateway-process.ts';

describe('the programmatic API', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  const ends: (() => unknown)[] = [];

  beforeEach(() => {
    folder = temporaryFolder();
    vi.stubEnv('PI_GATEWAY_HOME', folder.path);
    writeConfig(folder.path, { port: 0, agent: { backend: 'scripted' } });
  });

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    await stopGateway();
    vi.unstubAllEnvs();
    folder.remove();
  });

  async function member(gateway: GatewayHandle): Promise<ChatClient> {
    const client = await ChatClient.connect(gateway.port);
    ends.push(() => client.close());
    await gateway.operator.run({
      type: 'allow',
      platform: 'websocket',
      userId: client.identity.clientId,
    });
    return client;
  }

  const asOperator = (gateway: GatewayHandle): Promise<ChatClient> =>
    ChatClient.connect(gateway.port, undefined, [], {
      authorization: `Bearer ${operatorToken(gateway.dataDir)}`,
    });

  it('says that nothing runs before the start', async () => {
    expect(isRunning()).toBe(false);
    expect(getStatus()).toMatchObject({
      running: false,
      port: 0,
      host: 'localhost',
      adapters: [],
      clientCount: 0,
      sessionCount: 0,
      agentConnected: false,
      state: 'stopped',
    });
    writeConfig(folder.path, { port: 4711, host: '127.0.0.1' });
    expect(getStatus()).toMatchObject({ port: 4711, host: '127.0.0.1' });
    expect(getAdapter('websocket')).toBeUndefined();
    expect(getAdapters()).toEqual(new Map());
    expect(await isGatewayRunning(await freePort())).toBe(false);
    expect(await sendMessage('websocket', 'x', 'hello')).toBe(false);
    expect(await sendMessage('myspace', 'x', 'hello')).toBe(false);
    broadcast('news', {}); // reaches nobody
    await stopGateway(); // harmless
  });

  it('starts once, however often it is asked, and stops once', async () => {
    const starts = await Promise.all([startGateway({ port: 0 }), startGateway({ port: 0 }), startGateway()]);
    expect(new Set(starts.map((each) => each.gateway)).size).toBe(1);
    const { gateway } = await startGateway();
    expect(gateway).toBe(starts[0]?.gateway);
    expect(JSON.parse(JSON.stringify(starts[0]))).not.toHaveProperty('gateway');
    expect(isRunning()).toBe(true);
    expect(await isGatewayRunning(gateway.port)).toBe(true);
    expect(getStatus()).toMatchObject({
      running: true,
      port: gateway.port,
      host: 'localhost',
      clientCount: 0,
      sessionCount: 0,
      agentConnected: true,
      agent: { backend: 'scripted' },
      adapters: ['websocket'],
      adapterDetails: expect.arrayContaining([
        expect.objectContaining({ platform: 'websocket', state: 'connected' }),
      ]),
    });
    expect([...getAdapters().keys()]).toEqual(['websocket']);
    expect(getAdapter('websocket')).toBe(getAdapters().get('websocket'));
    expect(getAdapter('telegram')).toBeUndefined();
    await Promise.all([stopGateway(), stopGateway(), gateway.stop()]);
    expect(isRunning()).toBe(false);
    expect(await isGatewayRunning(gateway.port)).toBe(false);
    expect(existsSync(join(folder.path, 'gateway', 'runtime.json'))).toBe(false);

    const { gateway: again } = await startGateway({ port: 0 });
    expect(again).not.toBe(gateway);
    expect(isRunning()).toBe(true);
  });

  it('starts anew after the gateway was stopped by its own handle or by an operator', async () => {
    const { gateway: first } = await startGateway({ port: 0 });
    await first.stop();
    expect(isRunning()).toBe(false);
    const { gateway: second } = await startGateway({ port: 0 });
    expect(second.getStatus().running).toBe(true);
    await second.operator.run({ type: 'stop' });
    await vi.waitFor(() => expect(isRunning()).toBe(false), 15_000);
    const { gateway: third } = await startGateway({ port: 0 });
    expect(third.getStatus().running).toBe(true);
    void third.stop();
    const { gateway: fourth } = await startGateway({ port: 0 }); // waits for the end of the third
    expect(fourth).not.toBe(third);
    expect(fourth.getStatus().running).toBe(true);
  });

  it('comes back on its port when an operator restarts it', async () => {
    const { gateway } = await startGateway({ port: 0 });
    await gateway.operator.run({ type: 'restart' });
    expect(await gateway.stopped).toBe('restart');
    await vi.waitFor(() => expect(isRunning()).toBe(true), 15_000);
    expect(getStatus().port).toBe(gateway.port);
  });

  it('answers with the agent, counts sessions and clients, and broadcasts to every client', async () => {
    const { gateway } = await startGateway({ port: 0 });
    const client = await member(gateway);
    const other = await ChatClient.connect(gateway.port);
    ends.push(() => other.close());
    client.prompt('p1', 'hello');
    expect(await client.outcome('p1')).toMatchObject({ data: { text: 'You said: hello' } });
    expect(getStatus()).toMatchObject({ clientCount: 2, sessionCount: 1 });
    broadcast('news', { headline: 'rain' });
    for (const each of [client, other])
      expect(await each.next((frame) => frame.type === 'news')).toEqual({
        type: 'news',
        data: { headline: 'rain' },
      });
    expect(await sendMessage('websocket', client.identity.clientId, 'from the program')).toBe(true);
    expect(await client.next((frame) => frame.type === 'message')).toMatchObject({
      data: { text: 'from the program' },
    });
  });

  it('sends, edits and deletes through the adapter of a platform, with its message ids', async () => {
    const server = new TelegramServer('1:token');
    await server.start();
    ends.push(() => server.stop());
    writeConfig(folder.path, {
      port: 0,
      agent: { backend: 'scripted' },
      platforms: { telegram: { enabled: true, token: server.token, apiRoot: server.url } },
    });
    const { adapters } = await startGateway({ port: 0 });
    ends.push(() => stopGateway());
    expect(adapters).toEqual(['telegram', 'websocket']);
    const name: string = 'telegram';
    const adapter = getAdapter(name);
    if (adapter === undefined) throw new Error('it runs');
    const chat = String(ADA.id);
    const text = (id: string): unknown =>
      server.state.messages.find((each) => String(each.message_id) === id)?.text;
    const id = await adapter.sendMessage(chat, 'one');
    expect(text(id)).toBe('one');
    await adapter.editMessage(chat, id, 'two');
    expect(text(id)).toBe('two');
    await adapter.setTyping(chat, true);
    // The adapter polls and writes its menu meanwhile: not the last call, one of them.
    const called = (): string[] => server.calls.map(({ method }) => method);
    expect(called()).toContain('sendChatAction');
    expect(called()).not.toContain('deleteMessage');
    await adapter.deleteMessage(chat, id);
    expect(called()).toContain('deleteMessage');
    expect(server.state.messages.find((each) => String(each.message_id) === id)?.deleted).toBe(true);
    await adapter.stop();
    expect(getAdapter(name)).toBeUndefined();
    expect(await sendMessage(name, chat, 'too late')).toBe(false);
    await expect(adapter.sendMessage(chat, 'too late')).rejects.toMatchObject({ code: 'adapter_stopped' });
    await expect(getAdapter('websocket')?.editMessage('x', 'y', 'z')).rejects.toMatchObject({
      code: 'not_supported',
    });
  });

  it('attaches to a gateway of another folder, shows it, and only lets go of it', async () => {
    const other = await createGateway({ port: 0, dataDir: join(folder.path, 'other'), agent: 'scripted' });
    ends.push(() => other.stop());
    await expect(attachToExistingGateway(await freePort())).rejects.toMatchObject({ code: 'not_running' });
    expect(isRunning()).toBe(false);
    const shape = {
      running: true,
      port: other.port,
      host: 'localhost',
      adapters: ['websocket'],
      clientCount: 0,
      sessionCount: 0,
      agentConnected: true,
    };
    expect(await attachToExistingGateway(other.port)).toMatchObject(shape);
    expect(isRunning()).toBe(true);
    expect(getStatus()).toMatchObject(shape);
    await stopGateway();
    expect(isRunning()).toBe(false);
    expect(other.getStatus().running).toBe(true);
  });

  it('fills every default in, also on a fresh machine', () => {
    vi.stubEnv('PI_GATEWAY_HOME', join(folder.path, 'nothing', 'here'));
    const config = getConfig();
    expect(config.sessions).toEqual({ resetPolicy: 'idle', dailyHour: 4, idleMinutes: 1440 });
    expect(config).toMatchObject({
      port: 3847,
      host: 'localhost',
      tokens: [],
      corsOrigins: ['*'],
      enableWebSocket: true,
      enableHttp: true,
      security: { allowAll: false, requirePairing: true, openLoopback: false },
      agent: { backend: 'auto', maxConcurrent: 4, idleMinutes: 5 },
    });
    for (const [name, { enabled }] of Object.entries(config.platforms))
      expect(enabled).toBe(name === 'websocket');
    expect(Object.keys(config.platforms).sort()).toEqual([
      'discord',
      'slack',
      'telegram',
      'twitch',
      'websocket',
      'whatsapp',
    ]);
  });

  it('stores what is set, and neither defaults nor what is invalid', () => {
    const stored = (): unknown =>
      JSON.parse(readFileSync(join(folder.path, 'gateway', 'config.json'), 'utf8'));
    writeConfig(folder.path, { port: 0, mine: { kept: true }, platforms: { telegram: { enabled: true } } });
    expect(setConfig(getConfig())).toMatchObject({ port: 0 });
    expect(stored()).toEqual({ port: 0, mine: { kept: true }, platforms: { telegram: { enabled: true } } });
    const now = setConfig({ port: 4000, platforms: { telegram: { token: '$TELEGRAM' } } });
    expect(now.platforms.telegram).toMatchObject({ enabled: true, token: '$TELEGRAM' });
    expect(stored()).toEqual({
      port: 4000,
      mine: { kept: true },
      platforms: { telegram: { enabled: true, token: '$TELEGRAM' } },
    });
    expect(() => setConfig({ port: 70_000 })).toThrow(ConfigError);
    expect(getConfig().port).toBe(4000);
  });

  it('throws a typed error for an invalid configuration', () => {
    writeConfig(folder.path, { port: 'many' });
    expect(() => getConfig()).toThrow(ConfigError);
    expect(() => getConfig()).toThrow(/port: "many" is (wrong|invalid)/);
  });

  it('leaves nothing behind when a start fails, and can start afterwards', async () => {
    writeConfig(folder.path, { port: 'many' });
    await expect(startGateway()).rejects.toBeInstanceOf(ConfigError);
    expect(isRunning()).toBe(false);
    writeConfig(folder.path, { agent: { backend: 'scripted' } });
    const blocker = await createGateway({ port: 0, dataDir: join(folder.path, 'other'), agent: 'scripted' });
    ends.push(() => blocker.stop());
    await expect(startGateway({ port: blocker.port })).rejects.toMatchObject({ code: 'port_in_use' });
    const { gateway } = await startGateway({ port: 0 });
    expect(gateway.getStatus().running).toBe(true);
  });

  it('refuses what cannot be sent, with codes', async () => {
    const { gateway } = await startGateway({ port: 0 });
    await expect(gateway.sendMessage('telegram', '1', 'hi')).rejects.toMatchObject({
      name: 'GatewayError',
      code: 'adapter_stopped',
    });
    await expect(gateway.sendMessage('websocket', '1', '  ')).rejects.toMatchObject({
      code: 'empty_message',
    });
    await expect(gateway.sendMessage('myspace', '1', 'hi')).rejects.toMatchObject({
      code: 'unknown_platform',
    });
  });

  it('runs two gateways with two folders in one process, and one only per folder', async () => {
    const [a, b] = await Promise.all(
      ['a', 'b'].map((name) =>
        createGateway({ port: 0, dataDir: join(folder.path, name), agent: 'scripted' }),
      ),
    );
    if (a === undefined || b === undefined) throw new Error('two were asked for');
    ends.push(
      () => a.stop(),
      () => b.stop(),
    );
    expect(a.port).not.toBe(b.port);
    expect(isRunning()).toBe(false); // the default functions know nothing of them
    const client = await member(a);
    client.prompt('p1', 'only here');
    await client.outcome('p1');
    expect(a.getStatus().sessionCount).toBe(1);
    expect(b.getStatus().sessionCount).toBe(0);
    await expect(createGateway({ port: 0, dataDir: a.dataDir })).rejects.toBeInstanceOf(FolderLockedError);
    await Promise.all([a.stop(), a.stop()]);
    expect(a.getStatus().running).toBe(false);
    expect(b.getStatus().running).toBe(true);
  });

  it('hands its log lines over', async () => {
    const lines: string[] = [];
    await startGateway({
      port: 0,
      onLog: (level, source, message) => lines.push(`${level} ${source} ${message}`),
    });
    await stopGateway();
    expect(lines.some((line) => /^(debug|info|warn|error) \S+ ./.test(line))).toBe(true);
  });

  describe('without an agent', () => {
    it('gives messages to the program, which answers', async () => {
      const { gateway } = await startGateway({ port: 0, noAgent: true });
      expect(getStatus().agent).toBeUndefined();
      expect(getStatus().agentConnected).toBe(false);
      const heard: InboundEvent[] = [];
      const unsubscribe = gateway.onInbound((message) => {
        heard.push(message);
        void sendMessage(message.chat.platform, message.chat.chatId, `Got: ${message.text}`);
      });
      const client = await member(gateway);
      client.prompt('p1', 'hello program');
      expect(await client.next((frame) => frame.type === 'message')).toMatchObject({
        data: { text: 'Got: hello program' },
      });
      expect(heard).toEqual([
        expect.objectContaining({
          type: 'inbound',
          text: 'hello program',
          promptId: 'p1',
          senderId: client.identity.clientId,
          chat: expect.objectContaining({ platform: 'websocket', chatId: client.identity.clientId }),
        }),
      ]);
      expect(client.frames.filter((frame) => frame.type === 'response')).toEqual([]);
      unsubscribe();
      client.prompt('p2', 'anybody?');
      await vi.waitFor(() => expect(getStatus().sessionCount).toBe(1), 15_000);
      expect(heard).toHaveLength(1);
    });

    it('pushes messages to sockets that were opened with the operator token, and to nobody else', async () => {
      writeConfig(folder.path, { tokens: ['reader-token'] });
      const { gateway } = await startGateway({ port: 0, noAgent: true });
      const token = operatorToken(folder.path);
      const reader = { authorization: 'Bearer reader-token' };
      const program = await asOperator(gateway);
      const writer = await ChatClient.connect(gateway.port, undefined, [], reader);
      const member2 = await ChatClient.connect(gateway.port, undefined, [], reader);
      const page = await ChatClient.connect(gateway.port, undefined, [`bearer.${token}`]);
      ends.push(() => {
        for (const each of [program, writer, member2, page]) each.close();
      });
      for (const each of [writer, member2])
        await gateway.operator.run({ type: 'allow', platform: 'websocket', userId: each.identity.clientId });
      writer.prompt('p1', 'a private matter');
      const pushed = await program.next(
        (frame) => frame.type === 'event' && frame.data?.['type'] === 'inbound',
      );
      expect(pushed.data).toMatchObject({
        text: 'a private matter',
        senderId: writer.identity.clientId,
        chat: { platform: 'websocket', chatId: writer.identity.clientId },
      });
      // What follows on the same sockets proves that nothing was on its way to the others.
      gateway.broadcast('end', {});
      for (const each of [writer, member2, page]) {
        await each.next((frame) => frame.type === 'end');
        expect(JSON.stringify(each.frames)).not.toContain('a private matter');
      }
    });

    it('lets a stranger wait, and hands the held message over once the stranger is let in', async () => {
      const { gateway } = await startGateway({ port: 0, noAgent: true });
      const program = await asOperator(gateway);
      const stranger = await ChatClient.connect(gateway.port);
      ends.push(() => {
        program.close();
        stranger.close();
      });
      stranger.prompt('p1', 'may I?');
      const asked = await stranger.next((frame) => frame.type === 'pairing_required');
      expect(JSON.stringify(program.frames)).not.toContain('may I?');
      await gateway.operator.run({ type: 'pairing.approve', code: String(asked.data?.['code']) });
      expect(
        await program.next((frame) => frame.type === 'event' && frame.data?.['type'] === 'inbound'),
      ).toMatchObject({ data: { text: 'may I?', promptId: 'p1' } });
    });
  });

  it('pushes nobody’s messages to a program while an agent answers', async () => {
    const { gateway } = await startGateway({ port: 0 });
    const program = await asOperator(gateway);
    ends.push(() => program.close());
    const client = await member(gateway);
    client.prompt('p1', 'hello agent');
    await client.outcome('p1');
    gateway.broadcast('end', {});
    await program.next((frame) => frame.type === 'end');
    expect(JSON.stringify(program.frames)).not.toContain('hello agent');
  });
});
