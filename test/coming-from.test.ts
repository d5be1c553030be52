/** Every row of the page for users of the older package is true. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createScriptedAgent } from '../src/agents/scripted/scripted.ts';
import { createGateway } from '../src/api.ts';
import { composeGateway, type RunningGateway } from '../src/compose.ts';
import { runWords } from '../src/extension/words.ts';
import { checkConfig } from '../src/gateway/config/load.ts';
import { openBadges, resolveSettings } from '../src/gateway/config/settings.ts';
import { ChatClient } from './support/chat-client.ts';
import { operatorToken, temporaryFolder, writeConfig } from './support/gateway-process.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../docs/coming-from-pi-gateway.md'), 'utf8');
const ROWS = PAGE.split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (Before|---)/.test(line))
  .map((line) => line.split(' | ')[0]?.slice(2) ?? '');

const TOKEN = 'a-token-of-the-older-file-0123456789';
const folder = temporaryFolder();
let running: RunningGateway;

async function start(config: object, path = folder.path): Promise<RunningGateway> {
  writeConfig(path, { port: 0, ...config });
  const gateway = await composeGateway({
    dataDir: path,
    agent: createScriptedAgent(),
    logLevel: 'warn',
    logSink: () => {},
  });
  await gateway.connect();
  return gateway;
}

/** Another gateway, for one proof. */
async function beside(config: object, prove: (port: number) => Promise<void>): Promise<void> {
  const other = temporaryFolder();
  const gateway = await start(config, other.path);
  try {
    await prove(gateway.port);
  } finally {
    await gateway.stop(0);
    other.remove();
  }
}

const get = (path: string, headers: Record<string, string> = {}, port = running.port): Promise<number> =>
  fetch(`http://127.0.0.1:${port}${path}`, { headers }).then(({ status }) => status);
const page = { Origin: 'https://page.example' };
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const warnings = (config: unknown): string => checkConfig(config, 'config.json').warnings.join('\n');
const settings = (config: object) => resolveSettings(config, {}, {}, folder.path);

const PROOFS: Readonly<Record<string, () => unknown>> = {
  '`security.allowAll` is true when absent': () => {
    expect(settings({})).toMatchObject({ allowAll: false });
    // Who is not on the allowlist is asked for a code.
    expect(settings({}).chats('telegram').dmPolicy).toBe('pairing');
    const open = settings({ security: { allowAll: true } });
    expect(open.allowAll).toBe(true);
    expect(openBadges(open).join()).toContain('allowAll');
  },
  '`host: "0.0.0.0"` without `tokens` starts': async () => {
    const other = temporaryFolder();
    const refused = await start({ host: '0.0.0.0' }, other.path).catch((error: unknown) => error);
    expect(JSON.stringify([Object(refused).message, Object(refused).hint])).toMatch(
      /tokens.*localhost|localhost.*tokens/s,
    );
    other.remove();
  },
  'HTTP shows everything when `tokens` is empty': async () => {
    expect(await get('/api/status')).toBe(200);
    expect(await get('/api/sessions')).toBe(401);
    await beside({ security: { openLoopback: true } }, async (port) => {
      expect(await get('/api/sessions', {}, port)).toBe(200);
      expect(await get('/api/pairing', {}, port)).toBe(401);
    });
    expect(await get('/api/pairing', bearer(operatorToken(folder.path)))).toBe(200);
  },
  '`corsOrigins: ["*"]` (the default) accepts every web page': async () => {
    expect(settings({}).corsOrigins).toEqual(['*']);
    for (const config of [{ tokens: [TOKEN] }, { tokens: [TOKEN], corsOrigins: ['*'] }])
      await beside(config, async (port) => {
        expect(await get('/api/status', page, port)).toBe(403);
        expect(await get('/api/sessions', { ...page, ...bearer(TOKEN) }, port)).toBe(200);
      });
    await beside({ tokens: [TOKEN], corsOrigins: ['https://page.example'] }, async (port) =>
      expect(await get('/api/sessions', { ...page, ...bearer(TOKEN) }, port)).toBe(200),
    );
  },
  'A WebSocket client talks to the agent at once': async () => {
    const asked = await ChatClient.connect(running.port);
    asked.prompt('1', 'hello');
    await asked.next((frame) => frame.type === 'pairing_required');
    asked.close();
    await beside({ platforms: { websocket: { dmPolicy: 'open' } } }, async (port) => {
      const client = await ChatClient.connect(port);
      client.prompt('1', 'hello');
      expect(await client.outcome('1')).toMatchObject({ type: 'response' });
      client.close();
    });
  },
  'A WebSocket client gets `agent_disconnected`': async () => {
    await beside({ platforms: { websocket: { dmPolicy: 'open' } } }, async (port) => {
      const client = await ChatClient.connect(port);
      client.prompt('1', '[fail]');
      expect(await client.outcome('1')).toMatchObject({ type: 'error', data: { code: 'failed' } });
      client.close();
    });
  },
  '`sendMessage` is true when the platform answered': async () => {
    const other = temporaryFolder();
    writeConfig(other.path, { port: 0, platforms: { websocket: { enabled: true } } });
    const gateway = await createGateway({ dataDir: other.path, agent: 'scripted' });
    const { id } = await gateway.sendMessage('websocket', 'nobody-is-there', 'kept');
    expect(gateway.operator.snapshot().outbox).toMatchObject([{ id }]);
    await gateway.stop();
    other.remove();
  },
  '`getAdapters()` contains platforms only': async () => {
    const other = temporaryFolder();
    writeConfig(other.path, { port: 0 });
    const gateway = await createGateway({ dataDir: other.path, agent: 'scripted' });
    expect([...gateway.getAdapters().keys()]).toEqual(['websocket']);
    await gateway.stop();
    other.remove();
  },
  'Twitch works with `clientId` and `clientSecret`': async () => {
    const view = () => running.gateway.adapters.view('twitch');
    await vi.waitFor(() => expect(view().state).toBe('parked'), { timeout: 20_000 });
    expect(`${view().detail} ${view().nextStep}`).toMatch(/username|token/);
  },
  'Slack works with `botToken` alone': () => {
    // The way to Slack's server is proved in test/adapters/slack/socket.test.ts.
    expect(warnings({ platforms: { slack: { enabled: true, botToken: 'xoxb-1' } } })).toBe('');
  },
  '`platforms.whatsapp.printQr`': () =>
    expect(warnings({ platforms: { whatsapp: { enabled: true, printQr: true } } })).toContain(
      'doctor whatsapp',
    ),
  '`sessions.bindings`': () =>
    // That they are applied is proved in test/gateway/bindings/bindings.test.ts.
    expect(warnings({ sessions: { bindings: { 'telegram:1': 's' } } })).toBe(''),
  '`liveBridge`': () =>
    expect(warnings({ liveBridge: { enabled: true } })).toContain('/gateway bind-current <platform>'),
  '`/gateway telegram-mode`': () => {
    for (const toolActivity of ['off', 'brief', 'verbose'])
      expect(
        settings(checkConfig({ platforms: { telegram: { toolActivity } } }, 'config.json').config).chats(
          'telegram',
        ),
      ).toMatchObject({ toolActivity });
  },
  '`/gateway config` prints the whole configuration': async () => {
    const env = { PI_GATEWAY_HOME: folder.path };
    const lines = async (words: string): Promise<number> =>
      (
        await runWords(
          words,
          { operator: async () => undefined } as unknown as Parameters<typeof runWords>[1],
          env,
        )
      ).split('\n').length;
    expect(await lines('config all')).toBeGreaterThan((await lines('config')) + 20);
  },
};

describe('coming from the older package', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    running = await start({
      platforms: {
        twitch: {
          enabled: true,
          clientId: 'client',
          clientSecret: 'secret-of-the-client',
          channels: ['room'],
        },
      },
    });
  });
  afterAll(async () => {
    await running.stop(0);
    folder.remove();
  });

  it('has a proof for each row of the page', () =>
    expect(Object.keys(PROOFS).sort()).toEqual([...ROWS].sort()));
  it.each(ROWS)('is different as the page says: %s', async (row) => {
    await PROOFS[row]?.();
  });
});
