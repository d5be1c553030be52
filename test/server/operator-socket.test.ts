import { existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import type { Operator } from '../../src/gateway/operator/operator.ts';
import { findSocketPlace, prepareSocketPlace } from '../../src/gateway/operator/operator-address.ts';
import { challengeOf, newNonce, proofOf } from '../../src/server/link-protocol.ts';
import { connectOperator } from '../../src/server/remote-operator.ts';
import { temporaryFolder } from '../store/kit/folder.ts';
import { OPERATOR_TOKEN, startServer } from './server-kit.ts';

/** What the link says about itself. Closes it at the end of the test. */
function notesOf(operator: Operator): readonly string[] {
  onTestFinished(() => operator.close());
  const notes: string[] = [];
  operator.subscribe((event) => {
    if (event.type === 'log') notes.push(event.line.text);
  });
  return notes;
}

const permissions = (path: string): number => statSync(path).mode & 0o777;

describe.skipIf(process.platform === 'win32')('the operator socket', () => {
  it('is for its own user alone, whatever the umask, and gone after a stop', async () => {
    const before = process.umask(0);
    onTestFinished(() => void process.umask(before));
    const directory = temporaryFolder();
    const { server } = await startServer({ operatorSocket: directory });
    expect(permissions(join(directory, 'operator.sock'))).toBe(0o600);
    await server.stop();
    expect(findSocketPlace(directory)).toBeUndefined();
  });

  it('needs no token: the rights of the file decide', async () => {
    const directory = temporaryFolder();
    const { fake } = await startServer({ operatorSocket: directory });
    const place = findSocketPlace(directory);
    expect(place).toMatchObject({ private: true });
    if (place === undefined) return;
    const operator = await connectOperator(place, undefined, { surface: 'cli' });
    onTestFinished(() => operator.close());
    await operator.run({ type: 'doctor' });
    expect(fake.commands).toEqual([{ type: 'doctor' }]);
    expect(operator.link()).toMatchObject({ url: place.path, connected: true });
  });

  it('replaces what a crash left behind', async () => {
    const directory = temporaryFolder();
    writeFileSync(join(directory, 'operator.sock'), 'left behind');
    await startServer({ operatorSocket: directory });
    expect(statSync(join(directory, 'operator.sock')).isSocket()).toBe(true);
  });

  it.each([
    ['in the data directory', ''],
    ['in a short directory', join('long-'.repeat(20), 'name-'.repeat(20))],
  ])('of a successor stays when the one before stops at last (%s)', async (_, below) => {
    const directory = join(temporaryFolder(), below);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const before = await startServer({ operatorSocket: directory });
    // As when the holder was suspended and another gateway took the directory over.
    const { server, fake } = await startServer({ operatorSocket: directory });
    await before.server.stop();
    const place = findSocketPlace(directory);
    expect(place).toMatchObject({ private: true });
    if (place === undefined) return;
    expect(permissions(place.path)).toBe(0o600);
    const operator = await connectOperator(place, undefined, { surface: 'cli' });
    await operator.run({ type: 'doctor' });
    expect(fake.commands).toEqual([{ type: 'doctor' }]);
    await operator.close();
    await server.stop();
    expect(findSocketPlace(directory)).toBeUndefined();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('moves to a short private directory when its path is too long for the system', async () => {
    const directory = join(temporaryFolder(), 'long-'.repeat(20), 'name-'.repeat(20));
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const { server } = await startServer({ operatorSocket: directory });
    const place = findSocketPlace(directory);
    expect(place).toMatchObject({ private: true });
    const path = place?.path ?? '';
    expect(Buffer.byteLength(path)).toBeLessThan(104);
    expect([permissions(dirname(path)), permissions(path)]).toEqual([0o700, 0o600]);
    const operator = await connectOperator(place ?? '', undefined);
    await operator.close();
    await server.stop();
    expect(existsSync(dirname(path))).toBe(false);
    expect(findSocketPlace(directory)).toBeUndefined();
  });

  it('in a shared directory counts only while that directory is private and ours', async () => {
    const directory = join(temporaryFolder(), 'long-'.repeat(20), 'name-'.repeat(20));
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const { path } = prepareSocketPlace(directory);
    onTestFinished(() => rmSync(dirname(path), { recursive: true, force: true }));
    const impostor = createServer();
    await new Promise<void>((resolve) => impostor.listen(path, resolve));
    onTestFinished(() => void impostor.close());
    expect(findSocketPlace(directory)).toMatchObject({ path });
    // The place was cleared and another user put a link there.
    const elsewhere = temporaryFolder();
    rmSync(dirname(path), { recursive: true });
    symlinkSync(elsewhere, dirname(path));
    expect(findSocketPlace(directory)).toBeUndefined();
  });

  it('that cannot be opened is no reason not to start', async () => {
    const warnings: string[] = [];
    const log = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
    const { port } = await startServer({ operatorSocket: '/nowhere/at/all', log });
    expect(warnings).toEqual([expect.stringContaining('the operator socket cannot be opened')]);
    const operator = await connectOperator(`127.0.0.1:${port}`, OPERATOR_TOKEN);
    await operator.close();
  });
});

it('on Windows is a pipe with a random name in the data directory, and its ends prove themselves', () => {
  const directory = temporaryFolder();
  const place = prepareSocketPlace(directory, 'win32');
  expect(place).toEqual({
    path: expect.stringMatching(/^\\\\\.\\pipe\\pi-gateway-tui-[0-9a-f]{32}$/),
    private: false,
  });
  expect(findSocketPlace(directory)).toEqual(place);
});

describe('an operator link over TCP', () => {
  /** Passes every byte on and keeps what it saw. */
  async function relay(
    port: number,
  ): Promise<{ port: number; seen: () => string; inject(bytes: Buffer): void }> {
    const chunks: Buffer[] = [];
    let upstream: ReturnType<typeof connect> | undefined;
    const server = createServer((down) => {
      const up = connect(port, '127.0.0.1');
      upstream = up;
      for (const end of [down, up]) {
        end.on('error', () => {});
        end.on('data', (chunk: Buffer) => chunks.push(chunk));
      }
      down.pipe(up).pipe(down);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    return {
      port: typeof address === 'object' && address !== null ? address.port : 0,
      seen: () => Buffer.concat(chunks).toString('latin1'),
      inject: (bytes) => void upstream?.write(bytes),
    };
  }

  it('through a program in the middle shows it neither the token nor a word, and takes none from it', async () => {
    const { port, fake } = await startServer();
    const middle = await relay(port);
    const operator = await connectOperator(`127.0.0.1:${middle.port}`, OPERATOR_TOKEN, { retryMs: [5, 10] });
    const notes = notesOf(operator);
    await operator.run({ type: 'send', platform: 'slack', channelId: 'C1', content: 'a private sentence' });
    expect(fake.commands.length).toBe(1);
    for (const word of [OPERATOR_TOKEN, 'private sentence', 'snapshot', 'maxConcurrent'])
      expect(middle.seen()).not.toContain(word);
    // A masked text frame with a command of its own: not sealed, so the gateway hangs up.
    const command = Buffer.from(JSON.stringify({ type: 'run', id: 'x', data: { type: 'stop' } }));
    middle.inject(Buffer.concat([Buffer.from([0x81, 0x80 | command.length, 0, 0, 0, 0]), command]));
    await expect.poll(() => notes).toContainEqual(expect.stringContaining('broke'));
    expect(fake.commands.length).toBe(1);
  });

  it('is refused to a peer that cannot prove the token, which is counted', async () => {
    const { port, server, fake } = await startServer();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/operator`);
    const closed = new Promise<number>((resolve) => {
      socket.onclose = (event) => resolve(event.code);
    });
    const said: string[] = [];
    socket.onmessage = (event) => {
      said.push(String(event.data));
      socket.send(JSON.stringify({ type: 'proof', proof: 'guess' }));
    };
    socket.onopen = () => socket.send(JSON.stringify({ type: 'hello', nonce: 'a'.repeat(43) }));
    expect(await closed).toBe(1008);
    expect(said).toEqual([expect.stringMatching(/^\{"type":"challenge"/)]);
    expect(server.counters().authFailures).toBe(1);
    expect(fake.commands).toEqual([]);
  });

  it('ends when the operator token changes; the new one is in force at once', async () => {
    const { port, server } = await startServer();
    let token = OPERATOR_TOKEN;
    const operator = await connectOperator(`127.0.0.1:${port}`, () => token, { retryMs: [5, 10] });
    const notes = notesOf(operator);
    token = 'the-new-token';
    server.replaceOperatorToken(token);
    await expect.poll(() => notes).toContainEqual(expect.stringContaining('the operator token has changed'));
    await expect.poll(() => notes).toContainEqual(expect.stringContaining('is back'));
    await expect(connectOperator(`127.0.0.1:${port}`, OPERATOR_TOKEN)).rejects.toMatchObject({
      code: 'gateway_not_proven',
    });
  });

  it('is refused to a peer that began with the old token and proves it after it was rotated', async () => {
    const { port, server, fake } = await startServer();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/operator`);
    const nonce = newNonce();
    const closed = new Promise<number>((resolve) => {
      socket.onclose = (event) => resolve(event.code);
    });
    socket.onopen = () => socket.send(JSON.stringify({ type: 'hello', nonce }));
    socket.onmessage = (event) => {
      const challenge = challengeOf(String(event.data));
      if (challenge === undefined) return;
      server.replaceOperatorToken('the-new-token');
      const nonces = { client: nonce, server: challenge.nonce };
      socket.send(JSON.stringify({ type: 'proof', proof: proofOf('client', OPERATOR_TOKEN, nonces) }));
    };
    expect(await closed).toBe(1008);
    expect(fake.commands).toEqual([]);
  });

  it('ends chats that the old token opened: what their clients still say is not heard', async () => {
    const heard: unknown[] = [];
    const { port, server } = await startServer({
      tokens: ['another'],
      chatSockets: { accept: (socket) => socket.onFrame((frame) => void heard.push(frame['type'])) },
    });
    // A client that never answers a close frame, and goes on talking.
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    const closed = new Promise((resolve) => socket.once('close', resolve));
    let received = Buffer.alloc(0);
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
    });
    socket.write(
      `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\nAuthorization: Bearer ${OPERATOR_TOKEN}\r\n\r\n`,
    );
    const say = (type: string): void => {
      const text = Buffer.from(JSON.stringify({ type }));
      socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), text]));
    };
    await expect.poll(() => received.toString('latin1')).toContain('101 Switching Protocols');
    say('before');
    await expect.poll(() => heard).toEqual(['before']);
    server.replaceOperatorToken('the-new-token');
    say('after');
    await expect.poll(() => received.toString('latin1')).toContain('the operator token has changed');
    say('later');
    await closed;
    expect(heard).toEqual(['before']);
  });
});
