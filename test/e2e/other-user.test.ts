import { spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChatClient } from '../support/chat-client.ts';
import { GatewayProcess, operatorToken, runCli, temporaryFolder } from '../support/gateway-process.ts';

/** "nobody" on every Unix. */
const OTHER = 65534;
const root = process.getuid?.() === 0;

/** What another user of the machine tries; one JSON object on its standard output. */
const ATTEMPTS = `
const fs = require('node:fs'), net = require('node:net'), path = require('node:path');
const { dir, home, port } = JSON.parse(process.argv[1]);
const base = 'http://127.0.0.1:' + port;
const error = (work) => { try { return String(work()); } catch (e) { return e.code; } };
const connects = (target) => new Promise((resolve) => {
  const s = net.connect(target);
  s.on('connect', () => { s.destroy(); resolve('connected'); });
  s.on('error', (e) => resolve(e.code));
});
(async () => {
  const status = async (p, headers) => (await fetch(base + p, { headers })).status;
  const result = { uid: process.getuid(), api: {}, files: {} };
  for (const p of ['sessions', 'background', 'allowlist', 'usage', 'schedules', 'pairing', 'dialogs'])
    result.api[p] = await status('/api/' + p);
  result.counts = await (await fetch(base + '/api/status')).text();
  result.write = (await fetch(base + '/api/allowlist', { method: 'POST', body: '{"platform":"telegram","userId":"1"}' })).status;
  result.socket = await connects(path.join(dir, 'gateway', 'operator.sock'));
  for (const name of ['gateway/operator.token', 'gateway/config.json', 'gateway/runtime.json', 'gateway-security.db', 'gateway-sessions.db'])
    result.files[name] = error(() => fs.readFileSync(path.join(dir, name)).length);
  result.list = error(() => fs.readdirSync(dir).length);
  result.plant = error(() => fs.writeFileSync(path.join(home, '.cache', 'pi-gateway-tui', 'planted'), ''));
  result.guesses = [];
  for (let i = 0; i < 12; i += 1) result.guesses.push(await status('/api/pairing', { authorization: 'Bearer guess-' + i }));
  console.log(JSON.stringify(result));
})();
`;

/** Listens where the gateway was, says what the gateway says, and keeps what it is told. */
const IMPOSTOR = `
const http = require('node:http');
const { port } = JSON.parse(process.argv[1]);
const server = http.createServer((q, s) => {
  console.log(JSON.stringify(q.headers));
  s.setHeader('content-type', 'application/json');
  s.end('{"ok":true,"ready":true,"service":"pi-gateway-tui"}');
});
server.on('upgrade', (q, s) => {
  console.log(JSON.stringify(q.headers));
  const key = require('node:crypto').createHash('sha1').update(q.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  s.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + key + '\\r\\n\\r\\n');
  s.on('error', () => {});
  s.on('data', (data) => {
    console.log(data.toString('latin1'));
    const text = JSON.stringify({ type: 'challenge', nonce: 'a'.repeat(43), proof: 'guess' });
    s.write(Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]));
  });
});
server.listen(port, '127.0.0.1', () => console.log('listening'));
`;

function asOther(node: string, script: string, facts: object) {
  const child = spawn(node, ['-e', script, JSON.stringify(facts)], {
    uid: OTHER,
    gid: OTHER,
    cwd: '/',
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += String(chunk);
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return { child, ended, out: () => out };
}

describe.skipIf(!root)(
  'another user of the machine (skipped: only root can become one)',
  { timeout: 60_000 },
  () => {
    let place: ReturnType<typeof temporaryFolder>;
    let gateway: GatewayProcess;
    let dir: string;
    let node: string;
    let port: number;

    beforeEach(async () => {
      place = temporaryFolder();
      chmodSync(place.path, 0o755);
      dir = join(place.path, 'data');
      // The other user must be able to run it, wherever this one is installed.
      node = join(place.path, 'node');
      cpSync(process.execPath, node, { dereference: true });
      chmodSync(node, 0o755);
      mkdirSync(join(place.path, 'home'), { mode: 0o755 });
      gateway = new GatewayProcess(['--no-tui', '--port', '0', '--agent', 'scripted', '--data-dir', dir], {
        HOME: join(place.path, 'home'),
      });
      port = await gateway.ready();
    });

    afterEach(async () => {
      await gateway.stop();
      place.remove();
    });

    it('reads nothing, writes nothing, and locks nobody out', async () => {
      const friend = await ChatClient.connect(port);
      friend.prompt('p', 'a private question');
      await friend.next((frame) => frame.type === 'pairing_required');
      const { ended, out } = asOther(node, ATTEMPTS, { dir, home: join(place.path, 'home'), port });
      await ended;
      const result = JSON.parse(out()) as Record<string, unknown>;
      expect(result).toMatchObject({
        uid: OTHER,
        api: {
          sessions: 401,
          background: 401,
          allowlist: 401,
          usage: 401,
          schedules: 401,
          pairing: 401,
          dialogs: 401,
        },
        write: 401,
        socket: 'EACCES',
        list: 'EACCES',
        plant: 'EACCES',
      });
      expect(new Set(Object.values(Object(result['files'])))).toEqual(new Set(['EACCES']));
      expect(Object.keys(JSON.parse(String(result['counts'])) as object).sort()).toEqual([
        'adapters',
        'agent',
        'clients',
        'running',
        'sessions',
        'version',
      ]);
      expect(result['guesses']).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429]);
      const mine = await fetch(`http://127.0.0.1:${port}/api/pairing`, {
        headers: { authorization: `Bearer ${operatorToken(dir)}` },
      });
      expect(mine.status).toBe(200);
      expect((await runCli(['pair', '--data-dir', dir])).code).toBe(0);
      friend.close();
      const open = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter(
        (name) => (statSync(join(dir, name)).mode & 0o077) !== 0,
      );
      expect(open).toEqual([]);
    });

    it('on the port of a killed gateway learns no token', async () => {
      const token = operatorToken(dir);
      gateway.child.kill('SIGKILL');
      await gateway.exited;
      const impostor = asOther(node, IMPOSTOR, { port });
      try {
        await expect.poll(() => impostor.out(), { timeout: 10_000 }).toContain('listening');
        for (const words of [['status'], ['pair']])
          expect(await runCli([...words, '--data-dir', dir]), words.join(' ')).toMatchObject({ code: 0 });
        expect((await runCli(['chat', '--data-dir', dir])).code).toBe(1);
        expect(impostor.out()).toContain('sec-websocket-key'); // it was asked for a proof, and had none
        expect(impostor.out()).not.toContain(token);
      } finally {
        impostor.child.kill();
        await impostor.ended;
      }
    });
  },
);
