import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { composeGateway, type RunningGateway } from '../../../src/compose.ts';
import type { AdapterCheck } from '../../../src/gateway/adapter.ts';
import { parseCommand } from '../../../src/server/parse.ts';
import { TelegramServer } from '../../platforms/telegram-server.ts';
import { temporaryFolder, writeConfig } from '../../support/gateway-process.ts';

const TOKEN = '424242:the-token-in-the-file-of-this-test';
const TYPED = '424242:a-token-that-an-operator-just-typed';

async function withGateway(
  run: (
    check: (settings?: Record<string, unknown>) => Promise<AdapterCheck>,
    server: TelegramServer,
    running: RunningGateway,
    configPath: string,
  ) => Promise<void>,
  enabled = true,
): Promise<void> {
  const folder = temporaryFolder();
  const server = new TelegramServer(TOKEN);
  await server.start();
  writeConfig(folder.path, {
    port: 0,
    platforms: { telegram: { enabled, token: TOKEN, apiRoot: server.url }, websocket: { enabled: false } },
  });
  const log: string[] = [];
  const running = await composeGateway({
    dataDir: folder.path,
    noAgent: true,
    env: { TYPED_TOKEN: TYPED },
    logLevel: 'debug',
    logSink: (level, source, message, fields) =>
      log.push(`${level} ${source} ${message} ${JSON.stringify(fields)}`),
  });
  try {
    await running.connect();
    const operator = running.operator({ name: 'olga', surface: 'console' });
    const check = async (settings?: Record<string, unknown>): Promise<AdapterCheck> => {
      const result = await operator.run({
        type: 'adapter.check',
        platform: 'telegram',
        ...(settings === undefined ? {} : { settings }),
      });
      expect(result.message).not.toContain(TYPED);
      expect(JSON.stringify(result.data)).not.toContain(TYPED);
      return result.data as AdapterCheck;
    };
    await run(check, server, running, join(folder.path, 'gateway', 'config.json'));
    expect(log.filter((line) => line.includes(TYPED) || line.includes(TOKEN))).toEqual([]);
  } finally {
    await running.stop(0);
    await server.stop();
    folder.remove();
  }
}

describe('checking settings before they are stored', { timeout: 60_000 }, () => {
  it('asks the platform with what was typed, over what the file says', () =>
    withGateway(async (check) => {
      expect(await check({})).toMatchObject({
        ok: true,
        findings: [expect.stringContaining('@gate_bot'), expect.anything()],
      });
      expect(await check({ token: TYPED })).toEqual({
        ok: false,
        findings: ['Telegram refuses the token: get a new one from @BotFather (/token).'],
      });
    }));

  it('leaves the running adapter and the file as they are', () =>
    withGateway(async (check, server, running, configPath) => {
      const before = readFileSync(configPath, 'utf8');
      const adapter = running.gateway.adapters.get('telegram');
      expect(adapter).toBeDefined();
      await vi.waitFor(() => expect(server.polling).toBe(true), { timeout: 15_000 });
      const calls = server.calls.length;
      await check({});
      await check({ token: TYPED });
      // No second poll. The menus of the running adapter are published while it polls.
      const asked = server.calls.slice(calls).map((call) => call.method);
      expect(asked.filter((method) => !method.endsWith('MyCommands'))).toEqual(['getMe']);
      expect(running.gateway.adapters.view('telegram').state).toBe('connected');
      expect(running.gateway.adapters.get('telegram')).toBe(adapter);
      expect(readFileSync(configPath, 'utf8')).toBe(before);
    }));

  it('works for a platform that is not enabled', () =>
    withGateway(async (check, _server, running) => {
      expect(await check({ token: TOKEN })).toMatchObject({ ok: true });
      expect(await check()).toMatchObject({ ok: true });
      expect(running.gateway.adapters.view('telegram').state).toBe('disabled');
    }, false));

  it('names the key when something is missing or wrong', () =>
    withGateway(async (check) => {
      const missing = await check({ token: '' });
      expect(missing.ok).toBe(false);
      expect(missing.findings.join(' ')).toContain('platforms.telegram.token is not set');
      const wrong = await check({ mode: 'pigeon' });
      expect(wrong.ok).toBe(false);
      expect(wrong.findings.join(' ')).toContain('platforms.telegram.mode');
    }));

  it('reads a secret from where the setting points', () =>
    withGateway(async (check) => {
      expect((await check({ token: '$TYPED_TOKEN' })).findings.join(' ')).toContain('refuses the token');
      expect((await check({ token: '$NOT_SET' })).findings.join(' ')).toContain('NOT_SET is not set');
    }));

  it('says so when nobody answers at the address', () =>
    withGateway(async (check) => {
      const gone = await check({ apiRoot: 'http://127.0.0.1:9' });
      expect(gone.ok).toBe(false);
      expect(gone.findings.join(' ')).toContain('cannot be reached');
    }));

  it('is understood from another process', () => {
    expect(parseCommand({ type: 'adapter.check', platform: 'slack', settings: { botToken: 'x' } })).toEqual({
      type: 'adapter.check',
      platform: 'slack',
      settings: { botToken: 'x' },
    });
    expect(() => parseCommand({ type: 'adapter.check', platform: 'slack', settings: 'x' })).toThrow();
  });
});
