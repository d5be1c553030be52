import { Client } from 'tmi.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { TwitchServer } from './twitch-server.ts';

let server: TwitchServer;
const until = <T>(check: () => T): Promise<T> => vi.waitFor(check, { timeout: 15_000, interval: 10 });

async function chat(pass = 'sometoken'): Promise<{ ws: WebSocket; lines: string[] }> {
  const ws = new WebSocket(server.url, 'irc');
  const lines: string[] = [];
  ws.on('message', (data) => lines.push(...String(data).split('\r\n').filter(Boolean)));
  await new Promise((resolve) => ws.once('open', resolve));
  for (const line of ['CAP REQ :twitch.tv/tags twitch.tv/commands', `PASS oauth:${pass}`, 'NICK pibot'])
    ws.send(line);
  return { ws, lines };
}

beforeEach(async () => {
  server = new TwitchServer();
  server.tokens.add('sometoken');
  await server.start();
});

afterEach(() => server.stop());

describe('the local Twitch', () => {
  it('welcomes, joins and confirms as the real one does', async () => {
    const { ws, lines } = await chat();
    ws.send('JOIN #lobby');
    ws.send('@client-nonce=n1 PRIVMSG #lobby :hello');
    await until(() => expect(lines.filter((line) => line.includes('USERSTATE #lobby'))).toHaveLength(2));
    const order = [
      'CAP * ACK',
      ' 001 ',
      ' 376 ',
      'GLOBALUSERSTATE',
      'JOIN #lobby',
      ' 366 ',
      'ROOMSTATE #lobby',
    ];
    const at = order.map((part) => lines.findIndex((line) => line.includes(part)));
    expect(at).toEqual(at.toSorted((a, b) => a - b));
    expect(at[0]).toBeGreaterThanOrEqual(0);
    expect(lines.at(-1)).toContain(`id=${server.sent[0]?.id}`);
    expect(lines.at(-1)).toContain('client-nonce=n1');
    ws.close();
  });

  it('refuses a wrong token and hangs up', async () => {
    const { ws, lines } = await chat('wrong');
    await new Promise((resolve) => ws.once('close', resolve));
    expect(lines).toEqual([
      ':tmi.twitch.tv CAP * ACK :twitch.tv/tags twitch.tv/commands',
      ':tmi.twitch.tv NOTICE * :Login authentication failed',
    ]);
  });

  it('drops a repeated text', async () => {
    const { ws, lines } = await chat();
    for (let n = 0; n < 2; n += 1) ws.send('PRIVMSG #lobby :same');
    await until(() => expect(lines.some((line) => line.startsWith('@msg-id=msg_duplicate'))).toBe(true));
    expect(server.sent).toHaveLength(1);
    ws.close();
  });

  it('keeps nothing for those who are not there, and says what has reached nobody', async () => {
    const { ws, lines } = await chat();
    const early = server.say('lobby', 'before the join');
    ws.send('JOIN #lobby');
    await until(() => expect(lines.some((line) => line.includes('ROOMSTATE #lobby'))).toBe(true));
    const taken = server.say('lobby', 'taken');
    await until(() => expect(lines.at(-1)).toContain('taken'));
    server.blackhole(true);
    const swallowed = server.say('lobby', 'swallowed');
    server.drop();
    server.blackhole(false);
    await until(() => expect(server.connections).toBe(0));
    const late = server.say('lobby', 'after the end');
    expect([early, taken, swallowed, late].map((said) => said.reached())).toEqual([
      false,
      true,
      false,
      false,
    ]);
    const back = await chat();
    back.ws.send('JOIN #lobby');
    await until(() => expect(back.lines.some((line) => line.includes('ROOMSTATE #lobby'))).toBe(true));
    expect([...lines, ...back.lines].filter((line) => line.includes('PRIVMSG'))).toHaveLength(1);
    back.ws.close();
  });

  it('shows that tmi.js by itself lets a text begin further lines', async () => {
    const client = new Client({
      options: { skipUpdatingEmotesets: true },
      connection: { server: '127.0.0.1', port: server.port, secure: false, reconnect: false },
      identity: { username: 'pibot', password: 'oauth:sometoken' },
      channels: [],
      logger: { info() {}, warn() {}, error() {} },
    });
    await client.connect();
    await client.say('lobby', 'hello\r\nPRIVMSG #other :gotcha');
    await until(() => expect(server.sent.map((line) => line.channel)).toEqual(['lobby', 'other']));
    await client.disconnect();
  });
});
