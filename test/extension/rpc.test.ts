import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectOperator } from '../../src/server/remote-operator.ts';
import { type ModelReply, type ModelServer, startModelServer } from '../agents/model-server.ts';
import { ChatClient } from '../support/chat-client.ts';
import { freePort, ROOT, temporaryFolder, writeConfig } from '../support/gateway-process.ts';
import { RpcPi, type ToolOutcome } from './rpc-pi.ts';

const EXTENSION = join(ROOT, 'dist', 'extension.js');

describe('the extension in the operator’s own pi', { timeout: 120_000 }, () => {
  const folder = temporaryFolder();
  let model: ModelServer;
  let pi: RpcPi;
  const clients: ChatClient[] = [];

  beforeAll(async () => {
    model = await startModelServer();
    writeConfig(folder.path, { agent: { backend: 'scripted' }, sessions: { idleMinutes: 77 } });
    pi = new RpcPi(['--extension', EXTENSION], {
      cwd: folder.path,
      env: { ...model.env, PI_GATEWAY_HOME: folder.path, HOME: folder.path },
    });
    await pi.request({ type: 'get_state' });
  });

  afterAll(async () => {
    for (const client of clients) client.close();
    await pi.end();
    await model.stop();
    folder.remove();
  });

  const say = (words: string) => pi.command(`/gateway ${words}`.trim());

  /** The model calls the tool once and then ends the turn. */
  async function call(name: string, args: Record<string, unknown>): Promise<ToolOutcome> {
    model.reply(
      (request): ModelReply =>
        request.toolResults.length > 0 ? { text: 'done' } : { tools: [{ name, arguments: args }] },
    );
    const [outcome] = await pi.ask(`call ${name}`);
    if (outcome === undefined) throw new Error('the tool was not called');
    expect(outcome.name).toBe(name);
    return outcome;
  }

  function runtimePort(): number {
    const runtime: unknown = JSON.parse(readFileSync(join(folder.path, 'gateway', 'runtime.json'), 'utf8'));
    return (runtime as { port: number }).port;
  }

  async function stranger(): Promise<{ client: ChatClient; code: string }> {
    const client = await ChatClient.connect(runtimePort());
    clients.push(client);
    client.prompt('p1', 'hello from outside');
    const asked = await client.next((frame) => frame.type === 'pairing_required');
    return { client, code: String(asked.data?.['code']) };
  }

  it('starts nothing by being loaded, and says how to start', async () => {
    expect(existsSync(join(folder.path, 'gateway', 'operator.token'))).toBe(false);
    expect(await say('')).toMatchObject({ kind: 'info', text: expect.stringContaining('/gateway start') });
    expect(await say('status')).toMatchObject({ text: expect.stringContaining('No gateway is running') });
    expect(await say('sessions')).toEqual({
      kind: 'error',
      text: 'no gateway is running\nStart one with /gateway start.',
    });
    expect(await say('start seventy')).toMatchObject({
      kind: 'error',
      text: expect.stringContaining('"seventy" is not a port'),
    });
    expect(await say('stop')).toMatchObject({ kind: 'error', text: expect.stringContaining('no gateway') });
    expect(pi.status()).toBeUndefined();
  });

  it('throws from tools that need a gateway while none runs', async () => {
    expect(await call('gateway_status', {})).toMatchObject({
      isError: false,
      text: 'No gateway is running.',
      details: { running: false },
    });
    expect(await call('gateway_sessions', {})).toMatchObject({
      isError: true,
      text: expect.stringContaining('no gateway is running'),
    });
  });

  it('starts a gateway and shows it in the status line', async () => {
    const started = await say(`start ${await freePort()}`);
    expect(started).toMatchObject({ kind: 'info', text: expect.stringMatching(/runs on localhost:\d+/) });
    expect(started.text).toContain(String(runtimePort()));
    await expect.poll(() => pi.status()).toBe(`gateway :${runtimePort()}`);
    expect(await say('start')).toMatchObject({ text: expect.stringContaining('already running') });
    const status = await say('status');
    expect(status.text).toContain('agent scripted');
    expect(status.text).toMatch(/websocket\s+connected/);
  });

  it('answers every listing while there is nothing to list', async () => {
    expect((await say('sessions')).text).toContain('No sessions yet');
    expect((await say('tasks')).text).toContain('No background tasks');
    expect((await say('pair')).text).toContain('No pairing requests');
    expect((await say('allow')).text).toContain('The allowlist is empty');
  });

  it('lets a stranger in by /gateway pair <code>', async () => {
    const { client, code } = await stranger();
    const waiting = await say('pair');
    expect(waiting.text).toContain(code);
    expect(waiting.text).toContain('hello from outside');
    await expect.poll(() => pi.status()).toContain('1 waiting');
    expect(await say('pair ZZZZ-ZZZZ')).toMatchObject({ kind: 'error' });
    expect(await say(`pair ${code.toLowerCase().replace('-', ' ')}`)).toMatchObject({
      kind: 'info',
      text: expect.stringContaining('is approved'),
    });
    await client.next((frame) => frame.type === 'paired');
    expect(await client.outcome('p1')).toMatchObject({ data: { text: 'You said: hello from outside' } });
    expect((await say('allow')).text).toContain(client.identity.clientId);
    expect((await say('sessions')).text).toContain('websocket');
  });

  it('resets the conversation of that person', async () => {
    const id = /^(\S+)\s+websocket/m.exec((await say('sessions')).text)?.[1] ?? '';
    expect(await say(`session reset ${id}`)).toEqual({ kind: 'info', text: 'the session was reset' });
    expect((await say('sessions')).text).not.toContain(id);
    expect(await say('session reset nothing')).toMatchObject({ kind: 'error' });
    expect(await say('session')).toMatchObject({ kind: 'error', text: expect.stringContaining('usage:') });
  });

  it('denies, allows and revokes', async () => {
    const { client, code } = await stranger();
    expect((await say(`deny ${code}`)).text).toContain('was denied');
    expect(await client.outcome('p1')).toMatchObject({ type: 'error', data: { code: 'refused' } });
    expect((await say('allow telegram 4711')).text).toContain('telegram 4711 is on the allowlist');
    expect((await say('allow')).text).toContain('4711');
    expect((await say('revoke telegram 4711')).text).toContain('no longer has access');
    expect((await say('allow')).text).not.toContain('4711');
    expect(await say('allow myspace 1')).toMatchObject({
      kind: 'error',
      text: expect.stringMatching(/"myspace" is not a platform\nUse one of telegram/),
    });
    expect(await say('revoke telegram')).toMatchObject({ kind: 'error' });
  });

  it('lists and cancels tasks', async () => {
    const started = await call('gateway_background_tasks', { action: 'start', command: '[hang]' });
    expect(started).toMatchObject({ isError: false, text: expect.stringContaining('started') });
    const { id } = started.details as { id: string };
    expect((await say('tasks')).text).toContain(id);
    expect((await say(`task cancel ${id}`)).text).toBe(`cancelling ${id}`);
    expect(await say('task cancel nothing')).toMatchObject({ kind: 'error' });
    for (let tries = 0; ; tries += 1) {
      const listed = await say('tasks');
      if (listed.text.includes('cancelled')) break;
      if (tries > 200) throw new Error(listed.text);
    }
  });

  it('stops, starts and restarts an adapter', async () => {
    expect(await say('adapter websocket stop')).toMatchObject({ kind: 'info' });
    expect((await say('status')).text).toMatch(/websocket\s+(stopped|disabled)/);
    expect(await say('adapter websocket start')).toMatchObject({ kind: 'info' });
    expect((await say('status')).text).toMatch(/websocket\s+connected/);
    expect(await say('adapter websocket restart')).toMatchObject({ kind: 'info' });
    expect(await say('adapter websocket dance')).toMatchObject({
      kind: 'error',
      text: expect.stringContaining('usage: /gateway adapter'),
    });
  });

  it('shows the configuration and checks everything', async () => {
    expect((await say('config sessions')).text).toMatch(/sessions\.idleMinutes\s+77\s+file/);
    expect((await say('config')).text).toContain('agent.backend');
    expect((await say('doctor')).text).toContain('agent: ok');
  });

  it('refuses an unknown word with a suggestion, and the console where there is no terminal', async () => {
    expect(await say('statsu')).toMatchObject({
      kind: 'error',
      text: expect.stringMatching(/unknown word "statsu"\nDid you mean status\?/),
    });
    expect(await say('console')).toMatchObject({ kind: 'error', text: expect.stringContaining('terminal') });
  });

  it('gives the operator’s model the four tools', async () => {
    expect(await call('gateway_status', {})).toMatchObject({
      isError: false,
      text: expect.stringContaining('agent scripted'),
      details: { running: true, gateway: { port: runtimePort() } },
    });
    const tools = model.requests.at(-1)?.toolNames ?? [];
    expect(tools).toEqual(
      expect.arrayContaining([
        'gateway_status',
        'gateway_sessions',
        'gateway_background_tasks',
        'gateway_pairing',
      ]),
    );
    expect(await call('gateway_sessions', {})).toMatchObject({
      isError: false,
      details: { sessions: expect.any(Array) },
    });
    expect(await call('gateway_background_tasks', { action: 'list' })).toMatchObject({
      isError: false,
      details: { tasks: [{ status: 'cancelled' }] },
    });
    expect(await call('gateway_background_tasks', { action: 'cancel' })).toMatchObject({
      isError: true,
      text: expect.stringContaining('this action needs "id"'),
    });
    expect(await call('gateway_background_tasks', { action: 'deliver', id: 'nothing' })).toMatchObject({
      isError: true,
    });
    expect(await call('gateway_background_tasks', { action: 'explode' })).toMatchObject({ isError: true });
  });

  it('approves and invites through the pairing tool', async () => {
    const { client, code } = await stranger();
    expect(await call('gateway_pairing', { action: 'list' })).toMatchObject({
      text: expect.stringContaining(code),
      details: { pairing: [{ platform: 'websocket' }] },
    });
    expect(await call('gateway_pairing', { action: 'approve' })).toMatchObject({ isError: true });
    expect(await call('gateway_pairing', { action: 'approve', code: 'ZZZZ-ZZZZ' })).toMatchObject({
      isError: true,
    });
    expect(await call('gateway_pairing', { action: 'approve', code })).toMatchObject({
      isError: false,
      text: expect.stringContaining('is approved'),
    });
    await client.next((frame) => frame.type === 'paired');
    const invited = await call('gateway_pairing', { action: 'generate' });
    const invitation = String((invited.details as { code: string }).code);
    const friend = await ChatClient.connect(runtimePort());
    clients.push(friend);
    friend.prompt('p1', invitation);
    await friend.next((frame) => frame.type === 'paired');
  });

  it('comes back when somebody else asks the gateway in this pi to restart', async () => {
    const port = runtimePort();
    const token = readFileSync(join(folder.path, 'gateway', 'operator.token'), 'utf8').trim();
    const elsewhere = await connectOperator(`http://127.0.0.1:${port}`, token);
    const { startedAt } = elsewhere.snapshot().gateway;
    await elsewhere.run({ type: 'restart' });
    await elsewhere.close();
    await vi.waitFor(
      async () => {
        const again = await connectOperator(`http://127.0.0.1:${port}`, token);
        const since = again.snapshot().gateway.startedAt;
        await again.close();
        expect(since).toBeGreaterThan(startedAt);
      },
      { timeout: 20_000, interval: 100 },
    );
    expect((await say('status')).text).toContain(`localhost:${port}`);
  });

  it('restarts on the same port and keeps what it knew', async () => {
    const port = runtimePort();
    expect(await say('restart')).toMatchObject({ kind: 'info', text: expect.stringContaining(`:${port}`) });
    expect(runtimePort()).toBe(port);
    expect((await say('allow')).text).toContain('websocket');
  });

  it('goes on when the operator opens another session of pi', async () => {
    const port = runtimePort();
    const from = pi.lines.length;
    await pi.request({ type: 'new_session' });
    await pi.line(
      (line) => line['method'] === 'setStatus' && line['statusText'] === `gateway :${port}`,
      from,
    );
    expect((await say('status')).text).toContain(`localhost:${port}`);
    const { client, code } = await stranger();
    await pi.line((line) => line['statusText'] === `gateway :${port} · 1 waiting`, from);
    expect((await say(`pair ${code}`)).kind).toBe('info');
    await client.next((frame) => frame.type === 'paired');
  });

  it('stops, and leaves nothing behind', async () => {
    const port = runtimePort();
    expect(await say('stop')).toEqual({ kind: 'info', text: 'The gateway has stopped.' });
    await expect.poll(() => pi.status()).toBeUndefined();
    expect(existsSync(join(folder.path, 'gateway', 'runtime.json'))).toBe(false);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
    expect((await say('start 0')).kind).toBe('info');
    await pi.end();
    expect(existsSync(join(folder.path, 'gateway', 'runtime.json'))).toBe(false);
  });
});
