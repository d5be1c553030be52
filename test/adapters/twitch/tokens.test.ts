import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTwitchAdapter, type TwitchSettings } from '../../../src/adapters/twitch/definition.ts';
import type { Adapter } from '../../../src/gateway/adapter.ts';
import { TwitchServer } from '../../platforms/twitch-server.ts';
import { RecordingHost } from '../contract/recording-host.ts';
import { QUICK, settingsFor } from './peer.ts';

const OLD = 'oldtoken00000000000000000000aa';
const SECRETS = [OLD, 'freshtoken1', 'refresh-one', 'refresh-two', 'secret-of-the-client'];

let server: TwitchServer;
let host: RecordingHost;
let adapter: Adapter;
let folder: string;
const seen: string[] = [];

const until = <T>(check: () => T): Promise<T> => vi.waitFor(check, { timeout: 15_000, interval: 10 });
const state = (wanted: string) =>
  until(() => expect(host.current?.state, host.lines.join('\n')).toBe(wanted));
const asked = (): number => server.calls.filter((call) => call.method === 'token').length;

async function start(more: Partial<TwitchSettings> = {}): Promise<void> {
  host = new RecordingHost(folder);
  const settings = settingsFor(server, {
    token: `oauth:${OLD}`,
    clientId: 'client',
    clientSecret: 'secret-of-the-client',
    refreshToken: 'refresh-one',
    ...more,
  });
  adapter = createTwitchAdapter(settings, QUICK);
  await adapter.start(host);
}

async function stop(): Promise<void> {
  await adapter.stop();
  seen.push(host.output());
}

beforeEach(async () => {
  server = new TwitchServer();
  await server.start();
  server.refreshTokens.set('refresh-one', { token: 'freshtoken1', refreshToken: 'refresh-two' });
  folder = await mkdtemp(join(tmpdir(), 'twitch-'));
});

afterEach(async () => {
  await stop();
  await server.stop();
  for (const secret of SECRETS) expect(seen.join('\n')).not.toContain(secret);
});

describe('a refused Twitch token', () => {
  it('is refreshed, kept for the owner only, and used after a restart', async () => {
    await start();
    await state('connected');
    expect(asked()).toBe(1);
    const file = join(folder, 'tokens.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
      token: 'freshtoken1',
      refreshToken: 'refresh-two',
    });
    expect(host.secrets).toEqual(expect.arrayContaining(SECRETS));
    await stop();
    await start();
    await state('connected');
    expect(asked()).toBe(1);
  });

  it('is what the operator configured once it changes, whatever was kept', async () => {
    await start();
    await state('connected');
    await stop();
    server.tokens.add('anothertoken');
    await start({ token: 'anothertoken' });
    await state('connected');
    const passes = server.calls.filter((call) => call.method === 'PASS').map((call) => call.body);
    expect(passes.at(-1)).toBe('PASS oauth:anothertoken');
  });

  it('survives a damaged file', async () => {
    await writeFile(join(folder, 'tokens.json'), '{"token":');
    await start();
    await state('connected');
  });

  it('is renewed before it runs out', async () => {
    server.expiresIn = 60;
    server.refreshTokens.set('refresh-two', { token: 'freshtoken1', refreshToken: 'refresh-two' });
    await start();
    await state('connected');
    expect(asked()).toBe(1);
    // What came lasts a minute only, so the next connection renews it first.
    server.drop();
    await until(() => expect(asked()).toBe(2));
    await state('connected');
    expect(server.calls.filter((call) => call.method === 'NICK')).toHaveLength(3);
  });

  it('parks when it cannot be refreshed', async () => {
    await start({ refreshToken: '' });
    await state('parked');
    expect(host.current).toMatchObject({ authorisation: 'revoked' });
    expect(host.current?.nextStep).toContain('platforms.twitch');
    expect(asked()).toBe(0);
  });

  it('parks when the refresh is refused for good', async () => {
    server.refreshTokens.clear();
    await start();
    await state('parked');
    expect(asked()).toBe(1);
  });

  it('parks when the new token is refused too, instead of refreshing for ever', async () => {
    server.refreshTokens.set('refresh-one', { token: 'freshtoken1', refreshToken: 'refresh-two' });
    const add = server.tokens.add.bind(server.tokens);
    server.tokens.add = (token) => (token === 'freshtoken1' ? server.tokens : add(token));
    await start();
    await state('parked');
    expect(host.current?.detail).toContain('refreshed token');
    expect(asked()).toBe(1);
  });

  it.each([{ status: 503 }, { status: 429 }, { status: 200, body: 'no json' }, 'cut' as const])(
    'is tried again when the refresh fails with %j',
    async (reply) => {
      server.faults.push({ method: 'token', reply });
      await start();
      await state('connected');
      expect(asked()).toBe(2);
    },
  );
});

describe('the check', () => {
  it('says whose token it is and what is missing', async () => {
    server.tokens.add(OLD);
    await start();
    const signal = AbortSignal.timeout(15_000);
    expect(await adapter.check?.(signal)).toMatchObject({ ok: true });
    server.scopes = ['chat:read'];
    expect((await adapter.check?.(signal))?.findings[0]).toContain('The scope chat:edit is missing');
    await stop();
    await start({ username: 'someoneelse' });
    expect((await adapter.check?.(signal))?.findings[0]).toContain('belongs to pibot');
    server.tokens.clear();
    expect(await adapter.check?.(signal)).toMatchObject({ ok: true });
    await stop();
    await start({ refreshToken: '' });
    expect(await adapter.check?.(signal)).toMatchObject({ ok: false });
  });
});
