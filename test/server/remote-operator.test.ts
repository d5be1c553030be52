import { createServer } from 'node:http';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { GatewayError } from '../../src/base/errors.ts';
import { type Logger, silentLogger } from '../../src/base/log.ts';
import type { GatewayEvent, Operator } from '../../src/gateway/operator/operator.ts';
import { surfaceOf } from '../../src/gateway/operator/operator-address.ts';
import { linkUrl } from '../../src/server/link-connection.ts';
import { LINK_PROTOCOL, OperatorChallenge } from '../../src/server/link-protocol.ts';
import {
  attachOperator,
  type ConnectOptions,
  connectFirst,
  connectOperator,
  type TokenSource,
} from '../../src/server/remote-operator.ts';
import { one, outboxRow, sessionRow } from './arbitrary-state.ts';
import { emptySnapshot, fakeOperator } from './fake-operator.ts';
import { OPERATOR_TOKEN, startServer } from './server-kit.ts';

const GENEROUS = { timeout: 15_000, interval: 5 };
const QUICK: ConnectOptions = { retryMs: [20, 100] };
const session = { ...one(sessionRow), id: 's1' };

async function attach(
  port: number,
  token: TokenSource = OPERATOR_TOKEN,
  options: ConnectOptions = QUICK,
): Promise<{ operator: Operator; events: GatewayEvent[] }> {
  const operator = await connectOperator(`127.0.0.1:${port}`, token, options);
  onTestFinished(() => operator.close());
  const events: GatewayEvent[] = [];
  operator.subscribe((event) => events.push(event));
  return { operator, events };
}

describe('an attached console', () => {
  it('mirrors the gateway: snapshot first, then every event', async () => {
    const { port, fake } = await startServer();
    fake.emit({ type: 'session', session });
    const { operator, events } = await attach(port);
    expect(operator.snapshot()).toEqual(fake.operator.snapshot());
    expect(events).toEqual([]);
    const removed: GatewayEvent = { type: 'session-removed', id: 's1' };
    fake.emit(removed);
    fake.emit({ type: 'traffic', direction: 'in', platform: 'slack', at: 5 });
    await vi.waitFor(() => expect(events.length).toBe(2), GENEROUS);
    expect(events[0]).toEqual(removed);
    expect(operator.snapshot()).toEqual(fake.operator.snapshot());
    expect(operator.link()).toMatchObject({
      kind: 'remote',
      url: `ws://127.0.0.1:${port}/operator`,
      connected: true,
    });
  });

  it('says what it is, so that the audit names it; nobody can invent a name', async () => {
    const { operator: inner } = fakeOperator();
    const surfaces: string[] = [];
    const { port } = await startServer({
      linkOperator: (surface) => {
        surfaces.push(surface);
        return inner;
      },
    });
    await attach(port);
    await attach(port, OPERATOR_TOKEN, { ...QUICK, surface: 'cli' });
    await attach(port, OPERATOR_TOKEN, { ...QUICK, surface: 'extension' });
    expect(surfaces).toEqual(['attach', 'cli', 'extension']);
    expect([surfaceOf('console'), surfaceOf(['cli', 'cli']), surfaceOf(undefined)]).toEqual(
      Array(3).fill('attach'),
    );
  });

  it('is in the log of the gateway as a console, and not as a command that comes and goes', async () => {
    const lines: string[] = [];
    const log: Logger = { ...silentLogger, info: (text) => void lines.push(text), child: () => log };
    const { port } = await startServer({ log });
    const command = await attach(port, OPERATOR_TOKEN, { ...QUICK, surface: 'cli' });
    await command.operator.close();
    const console = await attach(port);
    await console.operator.close();
    await vi.waitFor(() => expect(lines).toContain('a console detached'), GENEROUS);
    expect(lines.filter((line) => line.includes('tached'))).toEqual([
      'a console attached',
      'a console detached',
    ]);
  });

  it('loses no event of a burst', async () => {
    const { port, fake } = await startServer();
    const { events } = await attach(port);
    for (let at = 0; at < 20_000; at += 1)
      fake.emit({ type: 'traffic', direction: 'in', platform: 'slack', at });
    await vi.waitFor(() => expect(events.length).toBe(20_000), GENEROUS);
    expect(events.every((event, index) => event.type === 'traffic' && event.at === index)).toBe(true);
  });

  it('has its commands carried out at the other end', async () => {
    const { port, fake } = await startServer();
    const { operator } = await attach(port);
    fake.answerWith(async () => ({ message: 'approved', data: { id: 'p1' } }));
    const answer = await operator.run({ type: 'pairing.approve', requestId: 'p1' });
    expect(answer).toEqual({ message: 'approved', data: { id: 'p1' } });
    expect(fake.commands).toEqual([{ type: 'pairing.approve', requestId: 'p1' }]);
  });

  it('gets the failure of the other end: code, sentence, hint, status', async () => {
    const { port, fake } = await startServer();
    const { operator } = await attach(port);
    fake.answerWith(async () => {
      throw new GatewayError('code_locked', 'too many wrong codes', { status: 429, hint: 'Wait an hour.' });
    });
    const failed = operator.run({ type: 'pairing.approve', code: 'x' });
    await expect(failed).rejects.toBeInstanceOf(GatewayError);
    await expect(failed).rejects.toMatchObject({
      code: 'code_locked',
      message: 'too many wrong codes',
      hint: 'Wait an hour.',
      status: 429,
    });
    await expect(operator.query('queue', { sessionId: 's' })).rejects.toMatchObject({ code: 'no_answer' });
  });

  it('is not held up by a command that never ends', async () => {
    const { port, fake } = await startServer();
    const { operator } = await attach(port, OPERATOR_TOKEN, { ...QUICK, answerMs: 500 });
    fake.answerWith(() => new Promise(() => {}));
    const never = expect(operator.run({ type: 'doctor' })).rejects.toMatchObject({ code: 'link_timeout' });
    await vi.waitFor(() => expect(fake.commands).toHaveLength(1), GENEROUS);
    fake.answerWith(async () => ({ message: 'well' }));
    expect(await operator.run({ type: 'doctor' })).toEqual({ message: 'well' });
    await never;
  });

  it('leaves nothing behind when it detaches', async () => {
    const { port, fake } = await startServer();
    const { operator } = await attach(port);
    await operator.close();
    await operator.close();
    await vi.waitFor(() => expect(fake.subscribers()).toBe(0), GENEROUS);
    await expect(operator.run({ type: 'doctor' })).rejects.toMatchObject({ code: 'link_down' });
  });
});

/** A gateway that proves that it knows the token, and then says one thing. */
function proving(socket: WebSocket, token: string, frame: object): void {
  new OperatorChallenge().begin(socket, {
    operatorToken: () => token,
    failed: () => {},
    proven: (seal) => socket.send(seal.seal(JSON.stringify(frame))),
  });
}

describe('a link that breaks', () => {
  it('comes back by itself, and listeners learn what happened meanwhile', async () => {
    const fake = fakeOperator();
    const before = await startServer({}, fake);
    fake.emit({ type: 'session', session });
    const { operator, events } = await attach(before.port);
    fake.answerWith(() => new Promise(() => {}));
    const unanswered = operator.run({ type: 'stop' });
    unanswered.catch(() => {});
    await vi.waitFor(() => expect(fake.commands.length).toBe(1), GENEROUS);
    await before.server.stop();
    await expect(unanswered).rejects.toMatchObject({
      code: 'link_lost',
      hint: expect.stringContaining('may have'),
    });
    await vi.waitFor(() => expect(operator.link()).toMatchObject({ connected: false }), GENEROUS);
    await expect(operator.run({ type: 'doctor' })).rejects.toMatchObject({ code: 'link_down', status: 503 });
    // The last state stays on show.
    expect(operator.snapshot().sessions).toEqual([session]);

    const item = { ...one(outboxRow), id: 'o', state: 'pending' } as const;
    fake.silently({ type: 'session-removed', id: 's1' });
    fake.silently({ type: 'outbox', item });
    await startServer({ port: before.port }, fake);
    await vi.waitFor(() => expect(operator.link()).toMatchObject({ connected: true }), GENEROUS);
    expect(operator.snapshot()).toEqual(fake.operator.snapshot());
    expect(events).toContainEqual({ type: 'session-removed', id: 's1' });
    expect(events).toContainEqual({ type: 'outbox', item });
    const notes = events.flatMap((event) => (event.type === 'log' ? [event.line.text] : []));
    expect(notes[0]).toMatch(/broke \(the gateway stops\)/);
    expect(notes.at(-1)).toMatch(/is back/);

    fake.answerWith(async () => ({ message: 'well' }));
    expect(await operator.run({ type: 'doctor' })).toEqual({ message: 'well' });
    fake.emit({ type: 'session', session });
    await vi.waitFor(() => expect(operator.snapshot().sessions).toEqual([session]), GENEROUS);
  });

  it('is noticed when the other end just falls silent', async () => {
    const silent = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    onTestFinished(() => void silent.close());
    let connections = 0;
    silent.on('connection', (socket) => {
      connections += 1;
      proving(socket, 'any', { type: 'snapshot', protocol: LINK_PROTOCOL, data: emptySnapshot() });
    });
    await new Promise((resolve) => silent.on('listening', resolve));
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { operator } = await attach(port, 'any', { ...QUICK, silenceMs: 100 });
    await vi.waitFor(() => expect(connections).toBeGreaterThan(1), GENEROUS);
    await operator.close();
    for (const socket of silent.clients) socket.terminate();
  });

  it('does not ask a gateway with another token again and again, and shows it nothing', async () => {
    const fake = fakeOperator();
    const before = await startServer({}, fake);
    const { operator, events } = await attach(before.port);
    await before.server.stop();
    const after = await startServer({ port: before.port, operatorToken: 'another' }, fake);
    await vi.waitFor(() => {
      const notes = events.flatMap((event) => (event.type === 'log' ? [event.line.text] : []));
      expect(notes).toContainEqual(expect.stringContaining('does not know the operator token'));
    }, GENEROUS);
    expect(after.server.counters().authFailures).toBe(0); // this end said no word about its own token
    await operator.close();
  });

  it('reads the token again before every connection', async () => {
    const fake = fakeOperator();
    const before = await startServer({}, fake);
    let token = OPERATOR_TOKEN;
    const { operator } = await attach(before.port, async () => token);
    await before.server.stop();
    token = 'the-new-one';
    await startServer({ port: before.port, operatorToken: token }, fake);
    await vi.waitFor(() => expect(operator.link()).toMatchObject({ connected: true }), GENEROUS);
  });
});

describe('a gateway that is down, or has moved', () => {
  it('is waited for: the address, since when, why, and when again; then everything arrives', async () => {
    const fake = fakeOperator();
    const down = await startServer({}, fake);
    await down.server.stop();
    const operator = attachOperator([`127.0.0.1:${down.port}`], OPERATOR_TOKEN, QUICK);
    onTestFinished(() => operator.close());
    const events: GatewayEvent[] = [];
    operator.subscribe((event) => events.push(event));
    expect(operator.snapshot().sessions).toEqual([]);
    await vi.waitFor(
      () =>
        expect(operator.link()).toMatchObject({
          connected: false,
          waiting: {
            address: `127.0.0.1:${down.port}`,
            since: expect.any(Number),
            reason: expect.stringContaining('ECONNREFUSED'),
            nextAt: expect.any(Number),
          },
        }),
      GENEROUS,
    );
    await expect(operator.run({ type: 'doctor' })).rejects.toMatchObject({ code: 'link_down' });
    fake.silently({ type: 'session', session });
    await startServer({ port: down.port }, fake);
    await vi.waitFor(() => expect(operator.link()).toMatchObject({ connected: true }), GENEROUS);
    expect(operator.link()).not.toHaveProperty('waiting');
    expect(operator.snapshot().sessions).toEqual([session]);
    expect(events.some((event) => event.type === 'log' && event.line.text.includes('is back'))).toBe(true);
  });

  it('is found at another of its addresses after a take-over, past one that belongs to somebody else', async () => {
    const fake = fakeOperator();
    const first = await startServer({}, fake);
    const stranger = await startServer({ operatorToken: 'another' });
    const second = await startServer({}, fake);
    await second.server.stop();
    const addresses = [first, stranger, second].map(({ port }) => `127.0.0.1:${port}`);
    const operator = await connectFirst(addresses, OPERATOR_TOKEN, QUICK);
    onTestFinished(() => operator.close());
    expect(operator.link()).toMatchObject({ url: `ws://127.0.0.1:${first.port}/operator` });
    await first.server.stop();
    await startServer({ port: second.port }, fake);
    await vi.waitFor(
      () =>
        expect(operator.link()).toMatchObject({
          connected: true,
          url: `ws://127.0.0.1:${second.port}/operator`,
        }),
      GENEROUS,
    );
    expect(stranger.server.counters().authFailures).toBe(0);
  });
});

describe('attaching', () => {
  it('to the one of several addresses that answers does not wait for one that is frozen', async () => {
    const frozen = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    onTestFinished(() => void frozen.close());
    await new Promise((resolve) => frozen.on('listening', resolve));
    const address = frozen.address();
    const first = typeof address === 'object' && address !== null ? address.port : 0;
    const { port } = await startServer();
    const operator = await connectFirst([`127.0.0.1:${first}`, `127.0.0.1:${port}`], OPERATOR_TOKEN, {
      connectMs: 600_000,
    });
    onTestFinished(() => operator.close());
    expect(operator.link()).toMatchObject({ connected: true, url: `ws://127.0.0.1:${port}/operator` });
  });

  it('with a wrong token fails with the reason', async () => {
    const { port } = await startServer();
    await expect(attach(port, 'wrong')).rejects.toMatchObject({ code: 'gateway_not_proven', status: 401 });
  });

  it('where nothing listens fails with the next step', async () => {
    const { port, server } = await startServer();
    await server.stop();
    await expect(attach(port)).rejects.toMatchObject({
      code: 'gateway_unreachable',
      hint: expect.stringContaining('--no-tui'),
    });
  });

  it('to something else than a gateway says so', async () => {
    const other = createServer((_request, response) => response.end('<h1>hello</h1>'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(attach(port)).rejects.toMatchObject({ code: 'not_a_gateway' });
  });

  it('to one that accepts but never speaks ends after the time for connecting', async () => {
    const mute = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    onTestFinished(() => void mute.close());
    await new Promise((resolve) => mute.on('listening', resolve));
    const address = mute.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(attach(port, 'any', { connectMs: 100 })).rejects.toMatchObject({
      code: 'gateway_unreachable',
    });
  });

  it('to another version of the protocol is refused', async () => {
    const newer = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    onTestFinished(() => void newer.close());
    newer.on('connection', (socket) =>
      proving(socket, OPERATOR_TOKEN, { type: 'snapshot', protocol: 99, data: emptySnapshot() }),
    );
    await new Promise((resolve) => newer.on('listening', resolve));
    const address = newer.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(attach(port)).rejects.toMatchObject({ code: 'protocol_mismatch' });
  });

  it.each([
    ['localhost:3847', 'ws://localhost:3847/operator'],
    ['http://host:1/', 'ws://host:1/operator'],
    ['https://host/prefix?token=x', 'wss://host/operator'],
    ['ws://user:pw@[::1]:5/any', 'ws://[::1]:5/operator'],
  ])('to %s means %s', (address, url) => {
    expect(linkUrl(address).href).toBe(url);
  });

  it.each(['', 'ftp://host', 'http://', 'a b'])('to "%s" is refused', (address) => {
    expect(() => linkUrl(address)).toThrow(expect.objectContaining({ code: 'bad_url' }));
  });
});
