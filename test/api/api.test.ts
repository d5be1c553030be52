import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  broadcast,
  ConfigError,
  createGateway,
  FolderLockedError,
  GatewayError,
  type GatewayHandle,
  getAdapter,
  getAdapters,
  getConfig,
  getStatus,
  type InboundEvent,
  isGatewayRunning,
  isRunning,
  sendMessage,
  startGateway,
  stopGateway,
} from '../../src/api.ts';
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
    expect(getStatus()).toEqual({
      running: false,
      port: 0,
      host: '',
      adapters: [],
      clients: 0,
      sessions: 0,
      agent: undefined,
    });
    expect(getAdapter('websocket')).toBeUndefined();
    expect(getAdapters()).toEqual([]);
    expect(await isGatewayRunning(await freePort())).toBe(false);
    await expect(sendMessage('websocket', 'x', 'hello')).rejects.toMatchObject({
      code: 'not_running',
      hint: 'Call startGateway() first.',
    });
    expect(() => broadcast('news', {})).toThrow(GatewayError);
    await stopGateway(); // harmless
  });

  it('starts once, however often it is asked, and stops once', async () => {
    const starts = await Promise.all([startGateway({ port: 0 }), startGateway({ port: 0 }), startGateway()]);
    expect(new Set(starts).size).toBe(1);
    const gateway = await startGateway();
    expect(gateway).toBe(starts[0]);
    expect(isRunning()).toBe(true);
    expect(await isGatewayRunning(gateway.port)).toBe(true);
    expect(getStatus()).toMatchObject({
      running: true,
      port: gateway.port,
      host: 'localhost',
      clients: 0,
      sessions: 0,
      agent: { backend: 'scripted' },
      adapters: expect.arrayContaining([
        expect.objectContaining({ platform: 'websocket', state: 'connected' }),
      ]),
    });
    expect(getAdapters().map((each) => each.platform)).toEqual(['websocket']);
    expect(getAdapter('websocket')).toBe(getAdapters()[0]);
    expect(getAdapter('telegram')).toBeUndefined();
    await Promise.all([stopGateway(), stopGateway(), gateway.stop()]);
    expect(isRunning()).toBe(false);
    expect(await isGatewayRunning(gateway.port)).toBe(false);
    expect(existsSync(join(folder.path, 'gateway', 'runtime.json'))).toBe(false);

    const again = await startGateway({ port: 0 });
    expect(again).not.toBe(gateway);
    expect(isRunning()).toBe(true);
  });

  it('starts anew after the gateway was stopped by its own handle or by an operator', async () => {
    const first = await startGateway({ port: 0 });
    await first.stop();
    expect(isRunning()).toBe(false);
    const second = await startGateway({ port: 0 });
    expect(second.getStatus().running).toBe(true);
    await second.operator.run({ type: 'stop' });
    await vi.waitFor(() => expect(isRunning()).toBe(false), 15_000);
    const third = await startGateway({ port: 0 });
    expect(third.getStatus().running).toBe(true);
    void third.stop();
    const fourth = await startGateway({ port: 0 }); // waits for the end of the third
    expect(fourth).not.toBe(third);
    expect(fourth.getStatus().running).toBe(true);
  });

  it('comes back on its port when an operator restarts it', async () => {
    const gateway = await startGateway({ port: 0 });
    await gateway.operator.run({ type: 'restart' });
    expect(await gateway.stopped).toBe('restart');
    await vi.waitFor(() => expect(isRunning()).toBe(true), 15_000);
    expect(getStatus().port).toBe(gateway.port);
  });

  it('answers with the agent, counts sessions and clients, and broadcasts to every client', async () => {
    const gateway = await startGateway({ port: 0 });
    const client = await member(gateway);
    const other = await ChatClient.connect(gateway.port);
    ends.push(() => other.close());
    client.prompt('p1', 'hello');
    expect(await client.outcome('p1')).toMatchObject({ data: { text: 'You said: hello' } });
    expect(getStatus()).toMatchObject({ clients: 2, sessions: 1 });
    broadcast('news', { headline: 'rain' });
    for (const each of [client, other])
      expect(await each.next((frame) => frame.type === 'news')).toEqual({
        type: 'news',
        data: { headline: 'rain' },
      });
    const { id } = await sendMessage('websocket', client.identity.clientId, 'from the program');
    expect(id).toMatch(/./);
    expect(await client.next((frame) => frame.type === 'message')).toMatchObject({
      data: { text: 'from the program' },
    });
  });

  it('reads the configuration as it is, and throws a typed error for a wrong one', () => {
    expect(getConfig()).toEqual({ port: 0, agent: { backend: 'scripted' } });
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
    const gateway = await startGateway({ port: 0 });
    expect(gateway.getStatus().running).toBe(true);
  });

  it('refuses what cannot be sent, with codes', async () => {
    const gateway = await startGateway({ port: 0 });
    await expect(gateway.sendMessage('telegram', '1', 'hi')).rejects.toMatchObject({
      name: 'GatewayError',
      code: 'adapter_stopped',
    });
    await expect(gateway.sendMessage('websocket', '1', '  ')).rejects.toMatchObject({
      code: 'empty_message',
    });
    const wrong = JSON.parse('"myspace"') as 'websocket';
    await expect(gateway.sendMessage(wrong, '1', 'hi')).rejects.toMatchObject({ code: 'unknown_platform' });
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
    expect(a.getStatus().sessions).toBe(1);
    expect(b.getStatus().sessions).toBe(0);
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
      const gateway = await startGateway({ port: 0, noAgent: true });
      expect(getStatus().agent).toBeUndefined();
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
      await vi.waitFor(() => expect(getStatus().sessions).toBe(1), 15_000);
      expect(heard).toHaveLength(1);
    });

    it('pushes messages to sockets that were opened with the operator token, and to nobody else', async () => {
      writeConfig(folder.path, { tokens: ['reader-token'] });
      const gateway = await startGateway({ port: 0, noAgent: true });
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
      const gateway = await startGateway({ port: 0, noAgent: true });
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
    const gateway = await startGateway({ port: 0 });
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
