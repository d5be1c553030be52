import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { GatewayEvent } from '../../src/gateway/operator/operator.ts';
import { LINK_PROTOCOL, type LinkServerFrame, parseServerFrame } from '../../src/server/link-protocol.ts';
import { LINK_PRESSURE } from '../../src/server/operator-link.ts';
import { fakeOperator } from './fake-operator.ts';
import { bearer, OPERATOR_TOKEN, startServer, type TestServer } from './server-kit.ts';

const GENEROUS = { timeout: 15_000, interval: 5 };

/** A console that is not ours: raw frames on a socket. */
async function attach(port: number) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/operator`, { headers: bearer(OPERATOR_TOKEN) });
  onTestFinished(() => socket.terminate());
  const frames: LinkServerFrame[] = [];
  socket.on('message', (data) => {
    const frame = parseServerFrame(String(data));
    if (frame === undefined) throw new Error(`not understood: ${String(data)}`);
    frames.push(frame);
  });
  await new Promise((resolve, reject) => {
    socket.on('open', resolve);
    socket.on('error', reject);
  });
  const answer = (id: string) =>
    vi.waitFor(() => {
      const frame = frames.find((entry) => 'id' in entry && entry.id === id);
      if (frame === undefined) throw new Error('no answer');
      return frame;
    }, GENEROUS);
  const events = (): GatewayEvent[] => frames.flatMap((frame) => (frame.type === 'events' ? frame.data : []));
  return { socket, frames, answer, events, send: (frame: unknown) => socket.send(JSON.stringify(frame)) };
}

function logLine(text: string): GatewayEvent {
  return { type: 'log', line: { at: 1, level: 'info', source: 'test', text } };
}

async function attached({ port, fake }: TestServer) {
  const peer = await attach(port);
  await vi.waitFor(() => expect(peer.frames[0]?.type).toBe('snapshot'), GENEROUS);
  return { ...peer, fake };
}

describe('the operator link', () => {
  it('begins with the snapshot and goes on with every event, in order', async () => {
    const { frames, events, fake } = await attached(await startServer());
    expect(frames[0]).toEqual({ type: 'snapshot', protocol: LINK_PROTOCOL, data: fake.operator.snapshot() });
    for (let i = 0; i < 1_000; i += 1) fake.emit(logLine(String(i)));
    await vi.waitFor(() => expect(events().length).toBe(1_000), GENEROUS);
    expect(events().map((event) => event.type === 'log' && event.line.text)).toEqual(
      Array.from({ length: 1_000 }, (_, i) => String(i)),
    );
    // Many events, few frames.
    expect(frames.length).toBeLessThan(100);
  });

  it('carries commands out and answers under their id', async () => {
    const { answer, send, fake } = await attached(await startServer());
    send({ type: 'run', id: '7', data: { type: 'session.write', id: 's1', text: 'hello' } });
    expect(await answer('7')).toEqual({ type: 'result', id: '7', data: { message: 'did session.write' } });
    expect(fake.commands).toEqual([{ type: 'session.write', id: 's1', text: 'hello' }]);
  });

  it('hands questions on', async () => {
    const { answer, send, fake } = await attached(await startServer());
    send({ type: 'query', id: '1', data: { name: 'transcript', params: { sessionId: 's1', limit: 5 } } });
    expect(await answer('1')).toMatchObject({
      type: 'error',
      data: { code: 'no_answer', status: 404, hint: 'Ask something else.' },
    });
    expect(fake.queries).toEqual([{ name: 'transcript', params: { sessionId: 's1', limit: 5 } }]);
  });

  it.each<[unknown, string]>([
    [{ type: 'run', id: '1', data: { type: 'explode' } }, 'there is no command "explode"'],
    [{ type: 'run', id: '1', data: { type: 'toString' } }, 'there is no command "toString"'],
    [{ type: 'run', id: '1', data: { type: { toString: 1 } } }, 'there is no command "object"'],
    [{ type: 'run', id: '1', data: null }, 'there is no command "undefined"'],
    [
      { type: 'run', id: '1', data: { type: 'allow', platform: 'icq', userId: '1' } },
      '"platform" must be one of',
    ],
    [{ type: 'run', id: '1', data: { type: 'task.cancel' } }, 'missing: id'],
    [{ type: 'run', id: '1', data: { type: 'doctor', force: true } }, 'unknown key: force'],
    [{ type: 'query', id: '1', data: { name: { toString: 1 } } }, 'there is no query "object"'],
    [{ type: 'query', id: '1', data: { name: 'secrets' } }, 'there is no query "secrets"'],
    [{ type: 'query', id: '1', data: { name: 'queue', params: {} } }, 'missing: sessionId'],
  ])('refuses %j', async (frame, message) => {
    const { answer, send, fake } = await attached(await startServer());
    send(frame);
    expect(await answer('1')).toMatchObject({
      type: 'error',
      data: { error: expect.stringContaining(message), status: 400 },
    });
    expect(fake.commands).toEqual([]);
    expect(fake.queries).toEqual([]);
  });

  it('answers nonsense and stays open', async () => {
    const { frames, socket, send, answer } = await attached(await startServer());
    for (const text of ['{', '[]', '{"type":"run"}', '"x"']) socket.send(text);
    socket.send(Buffer.from([1, 2]));
    await vi.waitFor(() => expect(frames.filter((frame) => frame.type === 'error').length).toBe(5), GENEROUS);
    send({ type: 'run', id: '1', data: { type: 'doctor' } });
    expect((await answer('1')).type).toBe('result');
  });

  it('stays open whatever chat clients are allowed, and runs its own operator', async () => {
    const other = fakeOperator();
    const server = await startServer({
      enableHttp: false,
      enableWebSocket: false,
      linkOperator: () => other.operator,
    });
    const { send, answer } = await attached(server);
    send({ type: 'run', id: '1', data: { type: 'stop' } });
    await answer('1');
    expect([server.fake.commands.length, other.commands.length]).toEqual([0, 1]);
  });

  it('gives up its subscription when the console goes', async () => {
    const { socket, fake } = await attached(await startServer());
    expect(fake.subscribers()).toBe(1);
    socket.terminate();
    await vi.waitFor(() => expect(fake.subscribers()).toBe(0), GENEROUS);
  });

  it('drops a console that does not answer the heartbeat', async () => {
    const { port, fake } = await startServer({ limits: { heartbeatMs: 50 } });
    const dead = new WebSocket(`ws://127.0.0.1:${port}/operator`, {
      headers: bearer(OPERATOR_TOKEN),
      autoPong: false,
    });
    await new Promise((resolve) => dead.on('close', resolve));
    await vi.waitFor(() => expect(fake.subscribers()).toBe(0), GENEROUS);
  });

  it('leaves a console that reads slowly behind, and brings it up to date with a snapshot', async () => {
    const { socket, fake, frames, events } = await attached(await startServer());
    socket.pause();
    const text = 'x'.repeat(10_000);
    // Far more than the system's buffers and the limit together.
    for (let i = 0; i < 400; i += 1) {
      for (let k = 0; k < 10; k += 1) fake.emit(logLine(`${i}.${k} ${text}`));
      fake.emit({ type: 'session-removed', id: 'x' });
      await new Promise((resolve) => setImmediate(resolve));
      if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 25));
    }
    fake.emit(logLine('the last one'));
    expect(4_000 * text.length).toBeGreaterThan(20 * LINK_PRESSURE.stop);
    socket.resume();
    await vi.waitFor(() => {
      const snapshots = frames.filter((frame) => frame.type === 'snapshot');
      expect(snapshots.length).toBeGreaterThan(1);
      expect(snapshots.at(-1)?.data.log.at(-1)?.text).toBe('the last one');
    }, GENEROUS);
    expect(events().filter((event) => event.type === 'log').length).toBeLessThan(4_000);
    // Caught up: events flow again.
    fake.emit(logLine('after'));
    await vi.waitFor(() => {
      const last = events().at(-1);
      expect(last?.type === 'log' && last.line.text).toBe('after');
    }, GENEROUS);
  });
});
