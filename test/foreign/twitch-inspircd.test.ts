/**
 * The Twitch adapter against InspIRCd, an IRC server that others wrote. It speaks plain IRC over TCP: a bridge puts it
 * behind a WebSocket and says `USER`. It has no ids of people, so nothing can come in; what goes out is watched by
 * another client.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { createTwitchAdapter } from '../../src/adapters/twitch/definition.ts';
import type { Adapter } from '../../src/gateway/adapter.ts';
import { RecordingHost } from '../adapters/contract/recording-host.ts';
import { freePort } from '../support/gateway-process.ts';
import { foreignFile } from './foreign-peer.ts';

const peer = foreignFile('inspircd/usr/sbin/inspircd');

function foreignTest(title: string, body: () => Promise<void>): void {
  if ('absent' in peer) it.skip(`${title} [${peer.absent}]`);
  else it(title, { timeout: 60_000 }, body);
}

const until = <T>(check: () => T): Promise<T> => vi.waitFor(check, { timeout: 20_000, interval: 20 });

async function configure(folder: string, binary: string, port: number): Promise<string> {
  const modules = join(dirname(dirname(binary)), 'lib/inspircd/modules');
  await mkdir(join(folder, 'data'));
  await writeFile(join(folder, 'motd'), 'welcome\n');
  const lines = [
    '<server name="tmi.twitch.tv" description="local" network="Local">',
    '<admin name="a" nick="a" email="a@localhost">',
    `<bind address="127.0.0.1" port="${port}" type="clients">`,
    '<connect name="main" allow="*" timeout="20" recvq="65536" softsendq="65536" hardsendq="1048576"',
    ' localmax="50" globalmax="50" resolvehostnames="no" motd="motd">',
    `<path configdir="${folder}" datadir="${folder}/data" logdir="${folder}/data" moduledir="${modules}"`,
    ` runtimedir="${folder}/data">`,
    `<files motd="${folder}/motd">`,
    `<pid file="${folder}/data/pid">`,
    `<log method="file" type="*" level="default" target="${folder}/data/log">`,
  ];
  const file = join(folder, 'inspircd.conf');
  await writeFile(file, lines.join('\n'));
  return file;
}

/** Another person in the channels, over plain TCP. */
class Watcher {
  readonly lines: string[] = [];
  readonly #socket: Socket;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('error', () => {
      // Told by the lines that do not come.
    });
    this.#socket.on('data', (data) => {
      for (const line of String(data).split('\r\n')) {
        this.lines.push(line);
        if (line.startsWith('PING')) this.#socket.write(`${line.replace('PING', 'PONG')}\r\n`);
      }
    });
    this.#socket.write('NICK watcher\r\nUSER watcher 0 * :watcher\r\n');
  }

  join(channel: string): void {
    this.#socket.write(`JOIN #${channel}\r\n`);
  }

  said(): string[] {
    return this.lines.flatMap((line) => /^\S+ PRIVMSG (.*)$/.exec(line)?.[1] ?? []);
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** What the daemon lacks of Twitch: WebSocket around it, capabilities swallowed, `USER` said for the bot. */
function bridge(ws: WebSocket, port: number): void {
  const tcp = connect(port, '127.0.0.1');
  tcp.on('error', () => ws.close());
  tcp.on('close', () => ws.close());
  tcp.on('data', (data) => ws.send(String(data)));
  ws.on('error', () => tcp.destroy());
  ws.on('close', () => tcp.destroy());
  ws.on('message', (data) => {
    const line = String(data);
    if (line.startsWith('CAP ')) return;
    tcp.write(`${line}\r\n`);
    if (line.startsWith('NICK ')) tcp.write('USER bot 0 * :bot\r\n');
  });
}

describe('chat as InspIRCd speaks it', () => {
  const http = createServer();
  const sockets = new WebSocketServer({ server: http, handleProtocols: () => 'irc' });
  let daemon: ChildProcess | undefined;
  let watcher: Watcher;
  let adapter: Adapter;
  let host: RecordingHost;

  const send = (text: string) =>
    adapter.send(
      {
        idempotencyKey: text,
        chat: { platform: 'twitch', accountId: 'default', chatId: 'lobby' },
        part: { text, plain: text },
        partIndex: 0,
        partCount: 1,
        meta: { kind: 'reply' },
      },
      AbortSignal.timeout(20_000),
    );

  beforeAll(async () => {
    if ('absent' in peer) return;
    const port = await freePort();
    const folder = await mkdtemp(join(tmpdir(), 'inspircd-'));
    const file = await configure(folder, peer.file, port);
    daemon = spawn(peer.file, ['--config', file, '--nofork', '--runasroot'], { stdio: 'ignore' });
    sockets.on('connection', (ws) => bridge(ws, port));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    await until(
      () =>
        new Promise<void>((resolve, reject) => {
          const probe = connect(port, '127.0.0.1', () => {
            probe.destroy();
            resolve();
          });
          probe.once('error', reject);
        }),
    );
    watcher = new Watcher(port);
    await until(() => expect(watcher.lines.some((line) => line.includes(' 376 '))).toBe(true));
    watcher.join('lobby');
    watcher.join('other');
    host = new RecordingHost(folder);
    adapter = createTwitchAdapter(
      {
        username: 'pibot',
        token: 'sometoken',
        channels: ['lobby'],
        server: '127.0.0.1',
        port: (http.address() as AddressInfo).port,
      },
      { joinTimeoutMs: 500, minDelayMs: 50, maxDelayMs: 500 },
    );
    await adapter.start(host);
    await until(() => expect(host.current?.state).toBe('connected'));
  }, 60_000);

  afterAll(async () => {
    if ('absent' in peer) return;
    await adapter.stop();
    watcher.close();
    sockets.close();
    http.close();
    daemon?.kill('SIGKILL');
  });

  foreignTest('lets the bot in and shows what it writes', async () => {
    await until(async () => {
      await send('hello from pi');
    });
    await until(() => expect(watcher.said()).toContain('#lobby :hello from pi'));
  });

  foreignTest('gets one line, whatever the text contains', async () => {
    await send('one\r\nPRIVMSG #other :gotcha\r\nQUIT');
    await until(() => expect(watcher.said()).toContain('#lobby :one PRIVMSG #other :gotcha QUIT'));
    expect(watcher.said().some((line) => line.startsWith('#other'))).toBe(false);
    expect(host.current?.state).toBe('connected');
  });

  foreignTest('takes nobody for a person it cannot identify', async () => {
    expect(host.offered).toEqual([]);
  });

  foreignTest('goes away without taking the adapter along', async () => {
    daemon?.kill('SIGKILL');
    await until(() => expect(host.current?.state).toBe('reconnecting'));
    await expect(send('late')).rejects.toMatchObject({ failure: 'unreachable' });
  });
});
