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
