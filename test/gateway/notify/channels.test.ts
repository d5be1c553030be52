import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { raw, say } from '../../../src/gateway/language/chat-text.ts';
import {
  beatUrl,
  command,
  Heartbeat,
  noticeJson,
  webhookRequest,
} from '../../../src/gateway/notify/channels.ts';
import type { Notice } from '../../../src/gateway/notify/notice.ts';
import { Rig } from '../rig.ts';

interface Got {
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

let server: Server;
let base: string;
let got: Got[];
/** Statuses of the next answers; then 200. */
let answers: number[];
let rig: Rig | undefined;

beforeEach(async () => {
  got = [];
  answers = [];
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      got.push({ path: request.url ?? '', headers: request.headers, body });
      response.writeHead(answers.shift() ?? 200, { location: `${base}/elsewhere` }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  base = `http://127.0.0.1:${address.port}`;
});
afterEach(async () => {
  await rig?.stop(0);
  rig?.remove();
  rig = undefined;
  vi.useRealTimers();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const NOTICE: Notice = {
  key: 'pairing:1',
  kind: 'pairing',
  title: say('notice.pairing', { platform: 'Telegram' }),
  text: raw('```\nÉve (7009)\n```'),
  ask: { about: 'pairing', id: '1', short: 'pabcde', whole: true },
  person: { platform: 'telegram', id: '7009' },
};

/** The gateway looks at its clock again after this time: stepping through every timer in between takes seconds. */
async function later(of: Rig, ms: number): Promise<void> {
  vi.setSystemTime(Date.now() + ms);
  await of.gateway.notify.tick();
}

/** Until the server has so many requests: its sockets are real, the gateway's clock is not. */
async function until(of: Rig, count: number): Promise<void> {
  const end = performance.now() + 10_000;
  while (got.length < count && performance.now() < end) await new Promise((resolve) => setImmediate(resolve));
  expect(got).toHaveLength(count);
  await of.gateway.notify.notices.settled();
}

describe('a webhook', () => {
  // The example of docs/notices.md.
  it('of ntfy gets the topic, and nothing that a person wrote', async () => {
    rig = await Rig.start({
      config: { notify: { webhook: { url: `${base}/0f2c8e` } }, platforms: { telegram: { enabled: true } } },
    });
    await rig.say('let me in, I am Éve', { from: '7009' });
    await until(rig, 1);
    expect(got[0]?.path).toBe('/');
    expect(JSON.parse(got[0]?.body ?? '')).toEqual({
      topic: '0f2c8e',
      title: 'pi-gateway-tui',
      message: 'A new user requests access on Telegram',
      priority: 3,
      tags: ['pairing'],
    });
  });

  it('that fails is tried again with pauses, also after a crash, and then told once', async () => {
    answers = [500, 429];
    rig = await Rig.start({ config: { notify: { webhook: { url: `${base}/t`, token: 'tk_secret_42' } } } });
    rig.gateway.deps.events.emit({ type: 'notice', notice: NOTICE });
    await until(rig, 1);
    await rig.settle();
    expect(got).toHaveLength(1); // not at once
    await later(rig, 16_000);
    await until(rig, 2);
    const log = rig.seen.flatMap((event) => (event.type === 'log' ? [JSON.stringify(event.line)] : []));
    expect(log.join('\n')).toContain('status 429');
    for (const secret of ['tk_secret_42', base]) expect(log.join('\n')).not.toContain(secret);
    rig = await rig.crash(60_000);
    await until(rig, 4); // the notice, and the start after a crash
    expect(got.filter(({ body }) => body.includes('new user'))).toHaveLength(3);
    expect(got.map(({ headers }) => headers['authorization'])).toEqual(Array(4).fill('Bearer tk_secret_42'));
    await later(rig, 30 * 60_000);
    await rig.settle();
    expect(got).toHaveLength(4);
  });

  it('that stays away is given up, and that is no notice itself', async () => {
    answers = Array<number>(20).fill(503);
    rig = await Rig.start({ config: { notify: { webhook: { url: `${base}/t` } } } });
    rig.gateway.deps.events.emit({ type: 'notice', notice: NOTICE });
    await until(rig, 1);
    for (const [i, seconds] of [16, 61, 301, 901, 3601].entries()) {
      await later(rig, seconds * 1000);
      await until(rig, i + 2);
    }
    await later(rig, 4 * 60 * 60_000);
    await rig.settle();
    expect(got).toHaveLength(6);
  });

  it('is not followed elsewhere with its token', async () => {
    answers = [302];
    rig = await Rig.start({ config: { notify: { webhook: { url: `${base}/t`, token: 'tk_secret_42' } } } });
    rig.gateway.deps.events.emit({ type: 'notice', notice: NOTICE });
    await until(rig, 1);
    expect(got.map(({ path }) => path)).toEqual(['/']);
  });

  it.each([
    ['ntfy', 'https://ntfy.example/a%20b', 'https://ntfy.example/', 'authorization'],
    ['gotify', 'https://gotify.example/push/', 'https://gotify.example/push/message', 'x-gotify-key'],
    ['json', 'https://example.com/hook?x=1', 'https://example.com/hook?x=1', 'authorization'],
  ] as const)('of the kind %s gets its shape', (format, url, to, header) => {
    const full = webhookRequest(NOTICE, 0, { url, format, token: 't', detail: 'full' });
    expect(full.url).toBe(to);
    expect(full.headers[header]).toMatch(/t$/);
    expect(full.body).toContain('Éve');
    const brief = webhookRequest(NOTICE, 0, { url, format, token: undefined, detail: 'brief' });
    expect(brief.headers).toEqual({ 'content-type': 'application/json' });
    expect(brief.body).not.toMatch(/Éve|7009/);
    const urgent = webhookRequest({ ...NOTICE, urgent: true }, 0, {
      url,
      format,
      token: 't',
      detail: 'brief',
    });
    expect(urgent.body).not.toBe(brief.body);
  });
});

describe('a program', () => {
  it('gets the notice on standard input, without a shell and without secrets', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'notify-'));
    const script = join(folder, 'page me.mjs');
    const out = join(folder, 'out.json');
    writeFileSync(
      script,
      `import { readFileSync, writeFileSync } from 'node:fs';
       writeFileSync(process.argv[2], JSON.stringify({ args: process.argv.slice(3), in: JSON.parse(readFileSync(0, 'utf8')) }));`,
    );
    const run = (...argv: string[]): Promise<void> =>
      command({ argv, cwd: folder, env: {} }).send(NOTICE, 0, new AbortController().signal);
    await run(process.execPath, script, out, '$(id)', '; id');
    expect(JSON.parse(readFileSync(out, 'utf8'))).toEqual({
      args: ['$(id)', '; id'],
      in: noticeJson(NOTICE, 0),
    });
    await expect(run(process.execPath, '-e', 'process.exit(3)')).rejects.toThrow('ended with code 3');
    await expect(run(join(folder, 'missing'))).rejects.toThrow('could not be started');
    rmSync(folder, { recursive: true });
  });
});

describe('the heartbeat', () => {
  it('is called every minute while it is configured, and says what fails', async () => {
    rig = await Rig.start({
      config: { heartbeat: { url: `${base}/ping/uuid` }, platforms: { telegram: { enabled: true } } },
    });
    await until(rig, 1);
    expect(got[0]).toMatchObject({ path: '/ping/uuid', body: '' });
    rig.adapter.host?.health({
      state: 'parked',
      detail: 'token revoked',
      nextStep: 'Set a new token.',
      transport: { alive: false },
      ingress: {},
      authorisation: 'revoked',
    });
    await rig.pass(60_000);
    await until(rig, 2);
    expect(got[1]).toMatchObject({ path: '/ping/uuid/fail', body: 'telegram: token revoked' });
  });

  it('asks the command that prints its address once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'heartbeat-'));
    const ran = join(folder, 'ran');
    rig = await Rig.start({
      config: {
        heartbeat: { url: `!echo ran >> '${ran}'; echo ${base}/ping/uuid` },
        platforms: { telegram: { enabled: true } },
      },
    });
    await until(rig, 1);
    await rig.pass(60_000);
    await until(rig, 2);
    expect(got.map(({ path }) => path)).toEqual(['/ping/uuid', '/ping/uuid']);
    expect(readFileSync(ran, 'utf8')).toBe('ran\n');
    rmSync(folder, { recursive: true });
  });

  it('that is not answered is logged once until it works again', async () => {
    const lines: string[] = [];
    const log = {
      ...silentLogger,
      warn: (text: string) => lines.push(text),
      info: (text: string) => lines.push(text),
    };
    const heartbeat = new Heartbeat({ url: async () => `${base}/x`, problems: () => [], log });
    answers = [500, 500];
    for (let i = 0; i < 3; i += 1) await heartbeat.beat();
    heartbeat.stop();
    expect(lines).toEqual([
      'the heartbeat was not answered; trying every minute',
      'the heartbeat is answered again',
    ]);
    expect(beatUrl('https://hc.example/uuid?a=1', true)).toBe('https://hc.example/uuid/fail?a=1');
  });
});
