import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TelegramServer } from '../platforms/telegram-server.ts';
import { runCli, temporaryFolder, writeConfig } from '../support/gateway-process.ts';

const TOKEN = '424242:the-token-of-the-doctor-test';

describe('doctor <platform>, while no gateway runs', () => {
  it('asks the platform, says who the bot is, and tells scripts by its exit code', {
    timeout: 60_000,
  }, async () => {
    const folder = temporaryFolder();
    const server = new TelegramServer(TOKEN);
    await server.start();
    try {
      const telegram = { enabled: true, token: TOKEN, apiRoot: server.url };
      writeConfig(folder.path, { platforms: { telegram } });
      const good = await runCli(['doctor', 'telegram', '--data-dir', folder.path]);
      expect(good).toMatchObject({ code: 0, stdout: expect.stringContaining('The bot is @gate_bot') });
      writeConfig(folder.path, {
        platforms: { telegram: { ...telegram, token: '1:wrong-token-of-a-test' } },
      });
      const wrong = await runCli(['doctor', 'telegram', '--json', '--data-dir', folder.path]);
      expect(wrong.code).toBe(1);
      expect(JSON.parse(wrong.stdout)).toMatchObject({ ok: false, data: { ok: false } });
      expect(wrong.stdout).toContain('@BotFather');
      expect(good.stdout + good.stderr + wrong.stdout + wrong.stderr).not.toMatch(/the-token-of|wrong-token/);
    } finally {
      await server.stop();
      folder.remove();
    }
  });
});

describe('doctor, while no gateway runs', () => {
  it('finds what is planted, changes nothing before it looked, and ends with 1', {
    timeout: 60_000,
  }, async () => {
    const folder = temporaryFolder();
    try {
      writeConfig(folder.path, {
        prot: 1,
        agent: { tools: ['raed'] },
        platforms: { telegram: { enabled: true } },
      });
      chmodSync(join(folder.path, 'gateway', 'config.json'), 0o666);
      writeFileSync(join(folder.path, 'gateway', 'operator.token'), '');
      const found = await runCli(['doctor', '--agent', 'scripted', '--json', '--data-dir', folder.path]);
      expect(found.code).toBe(1);
      const { message, ok } = JSON.parse(found.stdout);
      expect(ok).toBe(false);
      for (const part of [
        'Did you mean port?',
        'Did you mean "read"?',
        'files.rights',
        'token.empty',
        'telegram.token',
      ])
        expect(message).toContain(part);
      writeConfig(folder.path, '{"port": "abc"}');
      const invalid = await runCli(['doctor', '--agent', 'scripted', '--data-dir', folder.path]);
      expect(invalid).toMatchObject({ code: 1, stdout: expect.stringContaining('port: "abc" is invalid') });
      expect(readFileSync(join(folder.path, 'gateway', 'config.json'), 'utf8')).toBe('{"port": "abc"}');
    } finally {
      folder.remove();
    }
  });
});
