/**
 * Malformed HTTP requests, chat frames and operator messages against the built gateway: it must answer on, change nothing
 * and write nothing. `npm run fuzz [count] [seed]`, default 100,000; the same seed sends the same bytes.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { GatewayProcess, operatorToken, temporaryFolder } from '../support/gateway-process.ts';

export interface FuzzReport {
  readonly sent: number;
  readonly errorLines: number;
  /** What the error lines say, and how often each of them was written. */
  readonly errors: Readonly<Record<string, number>>;
  readonly changed: readonly string[];
  /** Counts of `/api/status` before and after. */
  readonly same: boolean;
  readonly alive: boolean;
}

/** mulberry32: small, and the same on every machine. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

type Draw = (below: number) => number;

const pick = <T>(draw: Draw, values: readonly T[], fallback: T): T => values[draw(values.length)] ?? fallback;

const ODD: readonly unknown[] = [
  null,
  true,
  -1,
  1e308,
  '',
  '\u0000',
  '\ud800',
  'x'.repeat(5000),
  [],
  {},
  { toString: 1 },
  { __proto__: null },
  [[[[[]]]]],
  { constructor: { prototype: {} } },
  '../../etc/passwd',
  "'; DROP TABLE sessions; --",
  '%00',
  '\u202e',
];

/** A frame that is almost one of ours, and never a right one. */
function frame(draw: Draw): string {
  const types = [
    'prompt',
    'hello',
    'background',
    'ping',
    'run',
    'query',
    'proof',
    'challenge',
    'snapshot',
    'x',
  ];
  const odd = (): unknown => pick(draw, ODD, null);
  const shapes: readonly (() => unknown)[] = [
    () => odd(),
    () => ({ type: odd() }),
    () => ({ type: pick(draw, types, 'x'), id: { odd: odd() }, data: odd() }),
    () => ({ type: 'prompt', id: [odd()], data: { message: odd() } }),
    () => ({ type: 'hello', data: { clientId: odd(), clientKey: odd(), name: odd() } }),
    () => ({ type: 'background', id: {}, data: { sessionId: odd(), command: { odd: odd() } } }),
    () => ({ type: 'run', id: 'a', data: { type: odd() } }),
    () => ({ type: 'run', id: 'a', data: { type: 'revoke', platform: odd(), userId: { odd: odd() } } }),
    () => ({ type: 'query', id: 'a', data: { name: odd(), params: odd() } }),
  ];
  const text = JSON.stringify(pick(draw, shapes, () => null)()) ?? '';
  return draw(4) === 0 ? text.slice(0, draw(text.length + 1)) : text;
}

function request(draw: Draw, token: string): string {
  const methods = ['GET', 'POST', 'DELETE', 'PUT', 'OPTIONS', 'TRACE', 'get', 'G\u0001T', ''];
  const paths = [
    '/api/status',
    '/api/sessions?limit=-1',
    '/api/sessions?cursor=%%%',
    '/api/pairing/approve',
    '/api/allowlist',
    '/api/allowlist/%2e%2e/%00',
    '/api/send',
    '/api/background',
    '/api/tasks/%ff/cancel',
    '/operator',
    '//',
    '/%',
    'http://[::1',
    '*',
    '/api/adapters/x/start',
    `/${'a'.repeat(3000)}`,
  ];
  const headers = [
    'Host: 127.0.0.1',
    'Host: evil.example',
    'Host:',
    'Host: a\r\nHost: b',
    'Content-Length: -1',
    'Content-Length: 5',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: chunked, x',
    'Upgrade: websocket',
    'Upgrade: h2c',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: x',
    'Sec-WebSocket-Version: 99',
    'Origin: null',
    'Authorization: Bearer',
    `Authorization: Bearer ${token}`,
    'Authorization: Basic eDp4',
    'Expect: 100-continue',
    'X: \u0000',
    ': x',
  ];
  const lines = Array.from({ length: 1 + draw(5) }, () => pick(draw, headers, ''));
  const method = pick(draw, methods, 'GET');
  const head = `${method} ${pick(draw, paths, '/')} HTTP/${pick(draw, ['1.1', '1.0', '9', ''], '1.1')}\r\n${lines.join('\r\n')}\r\n\r\n`;
  const whole = head + (draw(2) === 0 ? frame(draw) : '');
  return draw(5) === 0 ? whole.slice(0, draw(whole.length + 1)) : whole;
}

/** One raw connection: everything is written, then the other end may say what it likes for a moment. */
function raw(port: number, text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(text, 'latin1'));
    socket.setTimeout(250, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', () => {});
    socket.on('close', () => resolve());
  });
}

function open(port: number, path: string, token: string | undefined): Promise<WebSocket | undefined> {
  return new Promise((resolve) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
    socket.on('open', () => resolve(socket));
    socket.on('error', () => resolve(undefined));
    socket.on('message', () => {});
  });
}

/** Sends `count` frames of which none is right; a socket that is hung up on is opened again. */
async function frames(
  port: number,
  path: string,
  token: string | undefined,
  draw: Draw,
  count: number,
): Promise<void> {
  let socket: WebSocket | undefined;
  for (let i = 0; i < count; i += 1) {
    if (socket === undefined || socket.readyState !== socket.OPEN) socket = await open(port, path, token);
    socket?.send(draw(20) === 0 ? Buffer.from(frame(draw)) : frame(draw));
    if (i % 200 === 199) await new Promise((resolve) => setTimeout(resolve, 5)); // answers come back in between
  }
  socket?.terminate();
}

/** What is on disk of the store, without the files that only say that the gateway lives. */
function digests(dir: string): ReadonlyMap<string, string> {
  const names = readdirSync(dir, { encoding: 'utf8' }).filter((name) => /\.db/.test(name));
  return new Map(
    names
      .filter((name) => statSync(join(dir, name)).isFile())
      .map((name) => [
        name,
        createHash('sha256')
          .update(readFileSync(join(dir, name)))
          .digest('hex'),
      ]),
  );
}

export async function fuzz(count: number, seed = 1): Promise<FuzzReport> {
  const folder = temporaryFolder();
  const gateway = new GatewayProcess([
    '--no-tui',
    '--port',
    '0',
    '--agent',
    'scripted',
    '--data-dir',
    folder.path,
  ]);
  try {
    const port = await gateway.ready();
    const draw = generator(seed);
    const token = operatorToken(folder.path);
    const counts = async (): Promise<string> => {
      const headers = { authorization: `Bearer ${token}` };
      const lists = ['sessions', 'background', 'allowlist', 'pairing', 'schedules', 'dialogs'];
      const answers = lists.map(async (name) => {
        const answer = await fetch(`http://127.0.0.1:${port}/api/${name}`, { headers });
        return `${name} ${answer.status} ${await answer.text()}`;
      });
      return (await Promise.all(answers)).join('\n');
    };
    const before = { files: digests(folder.path), counts: await counts() };
    const part = Math.floor(count / 4);
    for (let i = 0; i < part; i += 50)
      await Promise.all(
        Array.from({ length: Math.min(50, part - i) }, () => raw(port, request(draw, token))),
      );
    await frames(port, '/', undefined, draw, part);
    await frames(port, '/operator', undefined, draw, part);
    await frames(port, '/operator', token, draw, count - 3 * part);
    const after = await counts();
    const files = digests(folder.path);
    const errors: Record<string, number> = {};
    const lines = gateway.records.filter(({ level }) => level >= 50);
    for (const { msg, error } of lines) {
      const what = error === undefined ? msg : `${msg}: ${String(error)}`;
      errors[what] = (errors[what] ?? 0) + 1;
    }
    return {
      sent: count,
      errorLines: lines.length,
      errors,
      changed: [...new Set([...before.files.keys(), ...files.keys()])].filter(
        (name) => before.files.get(name) !== files.get(name),
      ),
      same: after === before.counts,
      alive: gateway.child.exitCode === null && gateway.child.signalCode === null,
    };
  } finally {
    await gateway.stop();
    folder.remove();
  }
}

if (import.meta.main) {
  const report = await fuzz(Number(process.argv[2] ?? 100_000), Number(process.argv[3] ?? 1));
  console.log(JSON.stringify(report, null, 2));
  if (!report.alive || !report.same || report.changed.length > 0 || report.errorLines > 0)
    process.exitCode = 1;
}
